"""`ports.Pager`: SNS topics, PagerDuty and Slack."""
