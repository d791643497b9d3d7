"""S1, S3, S4 and S5 over the whole graph; each test is named by the requirement it shows."""

from __future__ import annotations

import json
from typing import Any

from tests.infra.documents import documents, listed
from tools.recording import Recording, settings_of, texts

WORLD = {"0.0.0.0/0", "::/0"}
TAKES_NO_RESOURCE = {"ssm:CancelCommand"}
"""Changing calls that know neither a resource nor a condition key; each stops something, starts nothing."""
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"


def group(recording: Recording, name: str) -> str:
    return recording.one("aws:ec2/securityGroup:SecurityGroup", name).id


def test_s1_people_release_only_with_a_second_factor(stack: Recording) -> None:
    trust = json.loads(stack.one("aws:iam/role:Role", "delivery-operator").inputs["assumeRolePolicy"])
    (statement,) = trust["Statement"]
    assert statement["Condition"]["Bool"] == {"aws:MultiFactorAuthPresent": "true"}
    assert int(statement["Condition"]["NumericLessThan"]["aws:MultiFactorAuthAge"]) <= 3600


def test_s1_s5_pipelines_release_only_from_their_repository_and_environment(stack: Recording) -> None:
    settings = settings_of(stack.stack)["delivery"]
    trust = json.loads(stack.one("aws:iam/role:Role", "delivery-deploy").inputs["assumeRolePolicy"])
    (statement,) = trust["Statement"]
    equal = statement["Condition"]["StringEquals"]
    subject = f"repo:{settings['github_repository']}:environment:{settings['github_environment']}"
    assert equal["token.actions.githubusercontent.com:sub"] == subject
    assert equal["token.actions.githubusercontent.com:aud"] == "sts.amazonaws.com"


def test_s3_s4_both_edges_have_a_firewall_with_a_rate_limit(stack: Recording) -> None:
    acls = {r.inputs["scope"]: r for r in stack.of("aws:wafv2/webAcl:WebAcl")}
    has_cdn = bool(stack.of("aws:cloudfront/distribution:Distribution"))
    assert set(acls) == ({"REGIONAL", "CLOUDFRONT"} if has_cdn else {"REGIONAL"})
    for scope, acl in acls.items():
        limits = [r for r in acl.inputs["rules"] if "rateBasedStatement" in r["statement"]]
        # An address is known only where it connects: behind a CDN the client writes what the balancer reads.
        where_clients_connect = scope == "CLOUDFRONT" or not has_cdn
        codes = [rule["action"]["block"]["customResponse"]["responseCode"] for rule in limits]
        assert codes == ([429] if where_clients_connect else [])
        for rule in limits:
            assert rule["statement"]["rateBasedStatement"]["aggregateKeyType"] == "IP"
        priorities = [rule["priority"] for rule in acl.inputs["rules"]]
        assert len(set(priorities)) == len(priorities)
        managed = {
            rule["statement"]["managedRuleGroupStatement"]["name"]
            for rule in acl.inputs["rules"]
            if "managedRuleGroupStatement" in rule["statement"]
        }
        assert {"AWSManagedRulesCommonRuleSet", "AWSManagedRulesSQLiRuleSet"} <= managed
    (association,) = stack.of("aws:wafv2/webAclAssociation:WebAclAssociation")
    (balancer,) = stack.of("aws:lb/loadBalancer:LoadBalancer")
    assert association.inputs["resourceArn"] == balancer.outputs["arn"]
    assert association.inputs["webAclArn"] == acls["REGIONAL"].outputs["arn"]
    for cdn in stack.of("aws:cloudfront/distribution:Distribution"):
        assert cdn.inputs["webAclId"] == acls["CLOUDFRONT"].outputs["arn"]
        assert acls["CLOUDFRONT"].provider == "us-east-1"


def test_s3_only_our_sites_may_read_across_origins(stack: Recording) -> None:
    settings = settings_of(stack.stack)
    own = settings.get("edge", {}).get("cors_origins", [f"https://{settings['domain']}"])
    (cors,) = stack.of("aws:s3/bucketCorsConfiguration:BucketCorsConfiguration")
    assert [rule["allowedOrigins"] for rule in cors.inputs["corsRules"]] == [own]
    for headers in stack.of("aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy"):
        assert headers.inputs["corsConfig"]["accessControlAllowOrigins"]["items"] == own


def test_s4_the_world_reaches_the_balancer_alone(stack: Recording) -> None:
    behind_cdn = "edge" in settings_of(stack.stack)
    alb = group(stack, "firewall-alb")
    opened = [r.inputs for r in stack.of(INGRESS) if "referencedSecurityGroupId" not in r.inputs]
    assert {rule["securityGroupId"] for rule in opened} == {alb}
    if behind_cdn:
        (rule,) = opened
        assert rule["fromPort"] == rule["toPort"] == 443
        assert rule["prefixListId"] == "pl-58a04531"
        assert ("aws:ec2/getManagedPrefixList:getManagedPrefixList", "main") in stack.invokes
        assert not WORLD & set(texts(rule))
    else:
        assert sorted((rule["fromPort"], rule["toPort"]) for rule in opened) == [(80, 80), (443, 443)]
        assert {rule["cidrIpv4"] for rule in opened} == {"0.0.0.0/0"}


def test_s4_groups_have_no_rules_of_their_own(stack: Recording) -> None:
    """Inline rules would hide from the checks here, and fight with the rule resources."""
    for one in stack.of("aws:ec2/securityGroup:SecurityGroup"):
        assert not {"ingress", "egress"} & set(one.inputs)
    (default,) = stack.of("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup")
    assert not {"ingress", "egress"} & set(default.inputs)


def test_s4_tiers_talk_only_to_their_stores(stack: Recording) -> None:
    ids = {r.id: r.name.removeprefix("firewall-") for r in stack.of("aws:ec2/securityGroup:SecurityGroup")}
    into: dict[str, set[str]] = {}
    for rule in (r.inputs for r in stack.of(INGRESS) if "referencedSecurityGroupId" in r.inputs):
        into.setdefault(ids[rule["securityGroupId"]], set()).add(ids[rule["referencedSecurityGroupId"]])
    tiers = set(settings_of(stack.stack)["tiers"])
    for tier in tiers:
        assert into[tier] == {"alb"}
    assert into.get("alb", set()) == (tiers if "edge" in settings_of(stack.stack) else set())
    assert into["database"] == tiers - {"web"}
    assert into.get("cache", set()) == tiers - {"web"}
    # Nothing leaves the stores, and what leaves the tiers for the world does so on 80 and 443 alone.
    leaving = [r.inputs for r in stack.of(EGRESS)]
    assert not {"database", "cache"} & {ids[rule["securityGroupId"]] for rule in leaving}
    world = [rule for rule in leaving if WORLD & set(texts(rule))]
    assert {ids[rule["securityGroupId"]] for rule in world} == tiers
    assert {rule["fromPort"] for rule in world} == {80, 443}


def test_s4_databases_are_private(stack: Recording) -> None:
    assert all(r.inputs["publiclyAccessible"] is False for r in stack.of("aws:rds/instance:Instance"))
    assert all(r.inputs["mapPublicIpOnLaunch"] is False for r in stack.of("aws:ec2/subnet:Subnet"))


def test_s4_s6_s7_every_bucket_is_private(stack: Recording) -> None:
    names = {bucket.name for bucket in stack.of("aws:s3/bucket:Bucket")}
    blocks = stack.of("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock")
    assert {block.name for block in blocks} == names
    flags = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    assert all(block.inputs[flag] is True for block in blocks for flag in flags)
    owners = stack.of("aws:s3/bucketOwnershipControls:BucketOwnershipControls")
    assert {owner.inputs["rule"]["objectOwnership"] for owner in owners} == {"BucketOwnerEnforced"}


def test_s4_logs_of_every_door_are_kept(stack: Recording) -> None:
    (balancer,) = stack.of("aws:lb/loadBalancer:LoadBalancer")
    assert balancer.inputs["accessLogs"]["enabled"] is True
    (flow,) = stack.of("aws:ec2/flowLog:FlowLog")
    assert flow.inputs["trafficType"] == "ALL"
    (trail,) = stack.of("aws:cloudtrail/trail:Trail")
    assert trail.inputs["isMultiRegionTrail"] is True
    assert trail.inputs["enableLogFileValidation"] is True
    logged = {r.inputs["bucket"] for r in stack.of("aws:s3/bucketLogging:BucketLogging")}
    main = {r.id for r in stack.of("aws:s3/bucket:Bucket") if r.provider == "main"}
    assert main - logged == {stack.one("aws:s3/bucket:Bucket", "storage-logs").id}
    assert len(stack.of("aws:route53/queryLog:QueryLog")) == 1
    acls = {r.outputs["arn"] for r in stack.of("aws:wafv2/webAcl:WebAcl")}
    kind = "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"
    assert {r.inputs["resourceArn"] for r in stack.of(kind)} == acls
    for cdn in stack.of("aws:cloudfront/distribution:Distribution"):
        (source,) = stack.of("aws:cloudwatch/logDeliverySource:LogDeliverySource")
        assert source.inputs["resourceArn"] == cdn.outputs["arn"]
        assert stack.of("aws:cloudwatch/logDelivery:LogDelivery")


def test_s4_balancer_is_hardened(stack: Recording) -> None:
    (balancer,) = stack.of("aws:lb/loadBalancer:LoadBalancer")
    assert balancer.inputs["dropInvalidHeaderFields"] is True
    assert balancer.inputs["desyncMitigationMode"] == "strictest"
    assert balancer.inputs["enableDeletionProtection"] is (stack.stack == "prod")


def test_s5_instances_require_imdsv2_and_show_their_tags(stack: Recording) -> None:
    for one in stack.of("aws:ec2/launchTemplate:LaunchTemplate"):
        options = one.inputs["metadataOptions"]
        assert options["httpTokens"] == "required"
        assert options["httpPutResponseHopLimit"] == 1
        assert options["instanceMetadataTags"] == "enabled"


def test_s5_no_wildcard_action_on_a_wildcard_resource(stack: Recording) -> None:
    wrong = []
    for one in documents(stack, "aws:iam/policy:Policy", "aws:iam/rolePolicy:RolePolicy"):
        for statement in one.statements:
            actions, resources = listed(statement["Action"]), listed(statement["Resource"])
            if any("*" in action for action in actions) or (resources == ["*"] and not bounded(statement)):
                wrong.append((one.resource.name, statement))
    assert wrong == []


def bounded(statement: dict[str, Any]) -> bool:
    """Limited by a condition, or to calls that read or take no resource (Service Authorization Reference)."""
    free = ("Describe", "List", "Get")
    return "Condition" in statement or all(
        action.split(":")[1].startswith(free) or action in TAKES_NO_RESOURCE
        for action in listed(statement["Action"])
    )


def test_s5_hosts_are_patched_watched_and_scanned(stack: Recording) -> None:
    """By the switches of the stack: each costs by the hour or the host."""
    wanted = settings_of(stack.stack)["security"]
    assert all(wanted.values()) is (stack.stack == "prod")
    tasks = stack.of("aws:ssm/maintenanceWindowTask:MaintenanceWindowTask")
    assert [task.inputs["taskArn"] for task in tasks] == ["AWS-RunPatchBaseline"] * wanted["patching"]
    for task in tasks:
        # It reports: what it installed would restart what serves.
        given = task.inputs["taskInvocationParameters"]["runCommandParameters"]["parameters"]
        assert given == [{"name": "Operation", "values": ["Scan"]}]
    for target in stack.of("aws:ssm/maintenanceWindowTarget:MaintenanceWindowTarget"):
        assert target.inputs["targets"] == [{"key": "tag:sportcoach:stack", "values": [stack.stack]}]
    features = {f.name: f.inputs for f in stack.of("aws:guardduty/detectorFeature:DetectorFeature")}
    assert ("security-runtime" in features) is wanted["runtime_monitoring"]
    if wanted["runtime_monitoring"]:
        runtime = features["security-runtime"]
        agents = {c["name"]: c["status"] for c in runtime["additionalConfigurations"]}
        assert (runtime["name"], agents["EC2_AGENT_MANAGEMENT"]) == ("RUNTIME_MONITORING", "ENABLED")
    scanned = [set(one.inputs["resourceTypes"]) for one in stack.of("aws:inspector2/enabler:Enabler")]
    assert scanned == [{"EC2", "ECR"}] * wanted["inspector"]
    # Macie asks a dollar for each gigabyte: its switch is with the buckets.
    searched = settings_of(stack.stack)["storage"]["personal_data_search"]
    assert bool(stack.of("aws:macie2/classificationJob:ClassificationJob")) is searched
