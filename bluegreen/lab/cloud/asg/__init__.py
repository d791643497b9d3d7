"""EC2 Auto Scaling: groups, their instances, traffic sources, policies, tags."""
