"""CloudWatch: late, compact metrics; statistics, metric math, alarms."""
