"""The simulated cloud: a small model of the AWS services where the truth of a cutover lies.

Pure Python on an injected clock (`clock.py`). The lab runs it in real time behind HTTP
(`bluegreen.lab.api.control`), tests run it in process on a manual clock (`bluegreen.lab.api.inprocess`).
`cloud.Cloud` is the one way in. The rule is: never kinder than AWS.

Modelled
    elb/          load balancers, listeners, rules, target groups, targets, tags, limits, quotas;
                  health (reported by a data plane, or computed), draining, rule propagation
    asg/          groups from a launch template version, replacement, draining, protection, traffic
                  sources, activities, tags; policies are kept, not acted on
    templates.py, instances.py
                  launch templates; the instances of the groups (no RunInstances)
    metrics/      late metrics, statistics, alarms (static thresholds)
    schedules.py  one-time schedules that call ModifyRule
    commands.py   SSM Run Command: shell scripts and tasks
    rds/          DB instances, manual snapshots, restores, read replicas, renames; the servers behind
                  them are an effect (`rds/servers.py`): none in tests, PostgreSQL in the lab
    traffic.py    clients without sockets, for the manual clock
    throttle.py   token buckets of the API (off by default)

Not modelled
    more than one region or account; IAM permissions; Network Load Balancers; slow start and
    cookie stickiness in virtual traffic; warm pools, standby, instance refresh, scaling by schedule; anomaly
    detection and composite alarms; recurring schedules and their retries; metric math; automated backups,
    Multi-AZ. Of the modelled services only the
    operations that sc-deploy, the lab and its tests call. An operation that is not modelled is
    moto's, except in ELBv2, Auto Scaling, RDS and Scheduler, where it is refused (InvalidAction).
"""
