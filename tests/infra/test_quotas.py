"""Limits that AWS enforces when a resource is created, and that neither SDK nor cfn-lint know."""

from __future__ import annotations

import base64
import re

from bluegreen.contract import Contract
from bluegreen.domain.promotion import fleet_name
from infra.documents.user_data import USER_DATA_LIMIT
from tools.recording import Recording

AUTO = 8
"""What Pulumi adds to a logical name: a hyphen and seven hexadecimal digits."""

# Type -> (argument that fixes the name, pattern of a whole name). AWS's own API references.
NAMES = {
    "aws:lb/loadBalancer:LoadBalancer": ("name", r"(?!internal-)[A-Za-z0-9-]{1,32}"),
    "aws:iam/role:Role": ("name", r"[\w+=,.@-]{1,64}"),
    "aws:iam/policy:Policy": ("name", r"[\w+=,.@-]{1,128}"),
    "aws:iam/instanceProfile:InstanceProfile": ("name", r"[\w+=,.@-]{1,128}"),
    "aws:rds/instance:Instance": ("identifier", r"[a-z](?!.*--)[a-z0-9-]{0,61}[a-z0-9]"),
    "aws:elasticache/replicationGroup:ReplicationGroup": (
        "replicationGroupId",
        r"[a-z](?!.*--)[a-z0-9-]{0,38}[a-z0-9]",
    ),
    "aws:opensearch/domain:Domain": ("domainName", r"[a-z][a-z0-9-]{2,27}"),
    "aws:s3/bucket:Bucket": ("bucket", r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]"),
    "aws:dynamodb/table:Table": ("name", r"[\w.-]{3,255}"),
    "aws:sns/topic:Topic": ("name", r"[\w-]{1,256}"),
    "aws:kms/alias:Alias": ("name", r"alias/(?!aws/)[\w/-]{1,250}"),
    "aws:ecr/repository:Repository": ("name", r"[a-z0-9][a-z0-9._/-]{1,255}"),
    "aws:ssm/parameter:Parameter": ("name", r"/[\w./-]{1,1010}"),
    "aws:secretsmanager/secret:Secret": ("name", r"[\w/+=.@-]{1,505}"),
    "aws:cloudwatch/metricAlarm:MetricAlarm": ("name", r"[\x20-\x7e]{1,255}"),
    "aws:cloudwatch/logGroup:LogGroup": ("name", r"[\w/.#-]{1,512}"),
    "aws:cloudwatch/eventRule:EventRule": ("name", r"[\w.-]{1,64}"),
    "aws:wafv2/webAcl:WebAcl": ("name", r"[\w-]{1,128}"),
    "aws:backup/vault:Vault": ("name", r"[a-zA-Z0-9_-]{2,50}"),
    "aws:backup/restoreTestingPlan:RestoreTestingPlan": ("name", r"[a-zA-Z0-9_]{1,50}"),
    "aws:backup/restoreTestingSelection:RestoreTestingSelection": ("name", r"[a-zA-Z0-9_]{1,50}"),
    "aws:scheduler/scheduleGroup:ScheduleGroup": ("name", r"[\w.-]{1,64}"),
    "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream": ("name", r"[\w.-]{1,64}"),
    "aws:ssm/patchBaseline:PatchBaseline": ("name", r"[\w.-]{3,128}"),
    "aws:cognito/identityPool:IdentityPool": ("identityPoolName", r"[\w\s+=,.@-]{1,128}"),
    "aws:ec2/launchTemplate:LaunchTemplate": ("name", r"[\w().\-/]{3,128}"),
}


def test_names_fit(stack: Recording) -> None:
    wrong = []
    for resource in stack.aws:
        if resource.type in NAMES:
            argument, pattern = NAMES[resource.type]
            name = resource.inputs.get(argument, f"{resource.name}-{'0' * (AUTO - 1)}")
            if not re.fullmatch(pattern, name):
                wrong.append((resource.type, name))
    assert wrong == []
    assert {r.type for r in stack.aws if r.type in NAMES} >= set(NAMES) - {
        "aws:elasticache/replicationGroup:ReplicationGroup",
        "aws:ssm/patchBaseline:PatchBaseline",
        "aws:opensearch/domain:Domain",
        "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream",
        "aws:cognito/identityPool:IdentityPool",
    }


def test_fleets_of_the_thousandth_release_have_names_that_fit(stack: Recording) -> None:
    contract = Contract.model_validate(stack.outputs["contract"])
    for tier in contract.tiers:
        name = fleet_name(contract.stack, tier.name, 9_999)
        assert re.fullmatch(r"[A-Za-z0-9](?!.*--)[A-Za-z0-9-]{0,30}[A-Za-z0-9]", name)


def test_parameters_fit(stack: Recording) -> None:
    for one in stack.of("aws:ssm/parameter:Parameter"):
        limit = 8_192 if one.inputs.get("tier") == "Advanced" else 4_096
        assert len(one.inputs["insecureValue"].encode()) <= limit, one.name


def test_user_data_fits(stack: Recording) -> None:
    for one in stack.of("aws:ec2/launchTemplate:LaunchTemplate"):
        packed = base64.b64decode(one.inputs["userData"])
        assert packed[:2] == b"\x1f\x8b"  # gzip, which cloud-init unpacks
        assert len(packed) <= USER_DATA_LIMIT


def test_group_descriptions_have_characters_that_ec2_takes(stack: Recording) -> None:
    kinds = ("securityGroup:SecurityGroup", "IngressRule", "EgressRule")
    for one in stack.aws:
        if one.type.endswith(kinds):
            assert re.fullmatch(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{1,255}", one.inputs["description"]), (
                one.name
            )


def test_rules_of_a_group_fit(stack: Recording) -> None:
    """60 a group and direction; CloudFront's prefix list counts as 55."""
    for direction in ("Ingress", "Egress"):
        count: dict[str, int] = {}
        for rule in stack.of(f"aws:vpc/securityGroup{direction}Rule:SecurityGroup{direction}Rule"):
            weight = 55 if "prefixListId" in rule.inputs else 1
            key = rule.inputs["securityGroupId"]
            count[key] = count.get(key, 0) + weight
        assert max(count.values()) <= 60


def test_logs_of_a_firewall_have_the_prefix_it_demands(stack: Recording) -> None:
    buckets = {b.outputs["arn"]: b.inputs["bucket"] for b in stack.of("aws:s3/bucket:Bucket")}
    for one in stack.of("aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"):
        (destination,) = one.inputs["logDestinationConfigs"]
        assert buckets[destination].startswith("aws-waf-logs-")


def test_alarms_stay_within_a_day_and_name_one_statistic(stack: Recording) -> None:
    for alarm in stack.of("aws:cloudwatch/metricAlarm:MetricAlarm"):
        inputs = alarm.inputs
        assert inputs["datapointsToAlarm"] <= inputs["evaluationPeriods"]
        assert inputs.get("period", 60) * inputs["evaluationPeriods"] <= 86_400
        forms = {"metricQueries", "statistic", "extendedStatistic"} & set(inputs)
        assert len(forms) == 1, alarm.name
        assert len(inputs["alarmDescription"]) <= 1024


def test_tags_fit(stack: Recording) -> None:
    for one in stack.aws:
        for key, value in one.inputs.get("tags", {}).items():
            assert re.fullmatch(r"(?!aws:)[\w\s.:/=+@-]{1,128}", key)
            assert re.fullmatch(r"[\w\s.:/=+@-]{0,256}", value)


def test_a_log_group_has_two_subscription_filters_at_most(stack: Recording) -> None:
    filters = [
        f.inputs["logGroup"] for f in stack.of("aws:cloudwatch/logSubscriptionFilter:LogSubscriptionFilter")
    ]
    assert all(filters.count(group) <= 2 for group in filters)
