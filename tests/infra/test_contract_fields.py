"""Every address in the contract is the one of the resource that it is called by."""

from __future__ import annotations

from bluegreen.contract import Contract
from tools.recording import Recording, settings_of


def test_the_contract_names_the_stacks_own_resources(stack: Recording) -> None:
    contract = Contract.model_validate(stack.outputs["contract"])

    def arn(token: str, name: str) -> str:
        return str(stack.one(token, name).outputs["arn"])

    assert contract.vpc_id == stack.one("aws:ec2/vpc:Vpc", "network").id
    assert contract.load_balancer_arn == arn("aws:lb/loadBalancer:LoadBalancer", "load-balancer")
    assert contract.listener_arn == arn("aws:lb/listener:Listener", "load-balancer-https")
    assert contract.state_table == stack.one("aws:dynamodb/table:Table", "delivery").inputs["name"]
    assert contract.alerts.critical_topic_arn == arn("aws:sns/topic:Topic", "alerts-critical")
    assert contract.alerts.warning_topic_arn == arn("aws:sns/topic:Topic", "alerts-warning")
    assert contract.watchdog.role_arn == arn("aws:iam/role:Role", "delivery-watchdog")
    (group,) = stack.of("aws:scheduler/scheduleGroup:ScheduleGroup")
    assert contract.watchdog.schedule_group == group.inputs["name"]
    (workspace,) = stack.of("aws:amp/workspace:Workspace")
    assert contract.prometheus_query_url == workspace.outputs["prometheusEndpoint"]
    assert contract.database is not None
    primary = stack.one("aws:rds/instance:Instance", "database").inputs
    assert contract.database.identifier == primary["identifier"]
    for purpose, name in contract.buckets.model_dump().items():
        bucket = stack.one("aws:s3/bucket:Bucket", f"storage-{purpose.replace('_', '-')}")
        assert bucket.inputs["bucket"] == name
    secrets = {one.inputs["name"] for one in stack.of("aws:secretsmanager/secret:Secret")}
    assert contract.new_relic_secret in {*secrets, ""}
    assert bool(contract.new_relic_secret) is bool(contract.new_relic_account)


def test_each_tier_has_its_own_template_group_and_subnets(stack: Recording) -> None:
    settings = settings_of(stack.stack)
    for tier in Contract.model_validate(stack.outputs["contract"]).tiers:
        wanted = settings["tiers"][tier.name]
        template = stack.one("aws:ec2/launchTemplate:LaunchTemplate", f"compute-{tier.name}")
        group = stack.one("aws:ec2/securityGroup:SecurityGroup", f"firewall-{tier.name}")
        assert tier.launch_template_id == template.id
        assert tier.security_group_ids == (group.id,)
        (interface,) = template.inputs["networkInterfaces"]
        assert interface["securityGroups"] == [group.id]
        assert tier.path_patterns == tuple(wanted["paths"])
        assert (tier.port, tier.rule_priority) == (wanted["port"], wanted["rule_priority"])
        assert tier.image_repository == wanted["image_repository"]
        given = tier.fleet.model_dump(exclude_defaults=True)
        assert given == {key: value for key, value in wanted["fleet"].items() if value}
        for key in ("warmup_seconds", "boot_budget_seconds", "deregistration_delay_seconds"):
            if key in wanted:
                assert getattr(tier, key) == wanted[key]


def test_stores_stand_in_the_data_subnets_under_their_own_groups(stack: Recording) -> None:
    database = stack.one("aws:ec2/securityGroup:SecurityGroup", "firewall-database").id
    cache = stack.one("aws:ec2/securityGroup:SecurityGroup", "firewall-cache").id
    for instance in stack.of("aws:rds/instance:Instance"):
        assert instance.inputs["vpcSecurityGroupIds"] == [database]
    for group in stack.of("aws:elasticache/replicationGroup:ReplicationGroup"):
        assert group.inputs["securityGroupIds"] == [cache]
