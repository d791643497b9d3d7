"""Elastic Load Balancing v2: balancers, listeners, rules, target groups, target health."""
