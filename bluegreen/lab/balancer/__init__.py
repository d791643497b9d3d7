"""The data plane of the lab: what an Application Load Balancer does, on real sockets of the loopback."""
