"""The load balancer: target groups, listener rules and their weights."""
