"""What is written down before anything is registered: policies, alarms, rules, user data, the contract."""
