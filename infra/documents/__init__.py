"""Pure documents: policies, alarms, alert rules, dashboard, subnets, user data, the contract."""
