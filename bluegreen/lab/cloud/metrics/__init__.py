"""CloudWatch: late, compact metrics; statistics, alarms."""
