"""EC2 Auto Scaling: groups, their instances, attachments, policies, tags."""
