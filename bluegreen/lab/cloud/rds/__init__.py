"""RDS: DB instances, replicas, manual snapshots and restores, with the time they take."""
