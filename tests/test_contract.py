"""The joint between the two halves: what `pulumi up` writes is what sc-deploy reads and may do."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from bluegreen.adapters.aws.permissions import USED, actions_for, all_actions
from bluegreen.contract import (
    MANAGED_BY,
    STATE_TABLE_HASH_KEY,
    STATE_TABLE_RANGE_KEY,
    Contract,
    Tag,
    Tier,
    TierContract,
    parameter_name,
    parse_contract,
    run_document,
)
from bluegreen.domain.promotion import fleet_name
from bluegreen.ui.links import links_of
from tests.infra.iam import Request, allowed, statements_of
from tools.recording import SECRETS, STACKS, Recording, recorded, settings_of

ROLES = ("delivery-deploy", "delivery-operator")


@pytest.fixture(scope="module", params=STACKS)
def stack(request: pytest.FixtureRequest) -> Recording:
    name: str = request.param
    return recorded(name)


def parameter(stack: Recording) -> dict[str, str]:
    return dict(stack.one("aws:ssm/parameter:Parameter", "contract").inputs)


def contract_of(stack: Recording) -> Contract:
    return parse_contract(parameter(stack)["insecureValue"], source=parameter(stack)["name"])


def test_the_parameter_is_the_one_that_is_read_and_fits(stack: Recording) -> None:
    written = parameter(stack)
    assert written["name"] == parameter_name(stack.stack)
    assert written["type"] == "String"
    assert (written["tier"], len(written["insecureValue"].encode()) <= 8_192) == ("Advanced", True)


def test_the_output_is_the_same_document(stack: Recording) -> None:
    assert parse_contract(json.dumps(stack.outputs["contract"]), source="stack output") == contract_of(stack)
    assert contract_of(stack).to_json() == parameter(stack)["insecureValue"]


def test_it_names_what_exists(stack: Recording) -> None:
    contract = contract_of(stack)
    arns = {r.outputs["arn"] for r in stack.aws if "arn" in r.outputs}
    ids = {r.id for r in stack.aws}
    assert {contract.listener_arn, contract.load_balancer_arn, contract.watchdog.role_arn} <= arns
    assert {contract.alerts.critical_topic_arn, contract.alerts.warning_topic_arn} <= arns
    assert (
        contract.listener_arn == stack.one("aws:lb/listener:Listener", "load-balancer-https").outputs["arn"]
    )
    assert contract.vpc_id in ids
    for tier in contract.tiers:
        assert {tier.launch_template_id, *tier.subnet_ids, *tier.security_group_ids} <= ids
    names = {r.inputs.get("bucket") for r in stack.of("aws:s3/bucket:Bucket")}
    assert set(contract.buckets.model_dump().values()) <= names
    (group,) = stack.of("aws:scheduler/scheduleGroup:ScheduleGroup")
    assert contract.watchdog.schedule_group == group.inputs["name"]
    assert contract.database
    assert (
        contract.database.identifier
        == stack.one("aws:rds/instance:Instance", "database").inputs["identifier"]
    )
    repositories = {r.inputs["name"] for r in stack.of("aws:ecr/repository:Repository")}
    assert {tier.image_repository for tier in contract.tiers} <= repositories
    (workspace,) = stack.of("aws:amp/workspace:Workspace")
    assert contract.prometheus_query_url == workspace.outputs["prometheusEndpoint"]
    secrets = {r.inputs["name"] for r in stack.of("aws:secretsmanager/secret:Secret")}
    assert {contract.new_relic_secret} - {""} <= secrets
    assert bool(contract.new_relic_secret) is bool(contract.new_relic_account) is (stack.stack == "prod")


def test_the_links_of_the_live_view_lead_to_what_stands(stack: Recording) -> None:
    balancer, dashboard, logs = links_of(contract_of(stack))
    (made,) = stack.of("aws:cloudwatch/dashboard:Dashboard")
    assert dashboard.url.endswith(f"/{made.inputs['dashboardName']}")
    assert balancer.url.endswith(
        stack.one("aws:lb/loadBalancer:LoadBalancer", "load-balancer").outputs["arn"]
    )
    prefix = logs.url.rpartition("$3D")[2].replace("$252F", "/")
    groups = [one.inputs["name"] for one in stack.of("aws:cloudwatch/logGroup:LogGroup")]
    tiers = [f"{prefix}/{tier.name}" for tier in contract_of(stack).tiers]
    assert set(tiers) <= set(groups)


def test_the_table_has_the_keys_of_the_journal(stack: Recording) -> None:
    (table,) = stack.of("aws:dynamodb/table:Table")
    assert table.inputs["name"] == contract_of(stack).state_table
    assert (table.inputs["hashKey"], table.inputs["rangeKey"]) == (
        STATE_TABLE_HASH_KEY,
        STATE_TABLE_RANGE_KEY,
    )
    assert {a["name"]: a["type"] for a in table.inputs["attributes"]} == {"pk": "S", "sk": "S"}
    assert table.inputs["pointInTimeRecovery"]["enabled"] is True


def test_preview_rules_come_before_every_live_rule(stack: Recording) -> None:
    tiers = contract_of(stack).tiers
    assert max(t.preview_priority for t in tiers) < min(t.rule_priority for t in tiers)
    order = [tier.name for tier in sorted(tiers, key=lambda t: t.rule_priority)]
    assert [tier.name for tier in sorted(tiers, key=lambda t: t.preview_priority)] == order


def test_the_way_to_version_leads_to_its_own_tier(stack: Recording) -> None:
    """Rules are tried by priority; the first whose pattern fits takes the request."""
    tiers = sorted(contract_of(stack).tiers, key=lambda t: t.rule_priority)

    def taken_by(path: str) -> Tier:
        return next(
            tier.name
            for tier in tiers
            for pattern in tier.path_patterns
            if path == pattern or (pattern.endswith("*") and path.startswith(pattern[:-1]))
        )

    assert all(taken_by(tier.version_path) is tier.name for tier in tiers)


# What an action acts on. `tier` is any of the stack's; the names are sc-deploy's own.
def resources(contract: Contract, recording: Recording, tier: TierContract, action: str) -> list[str]:
    region, account, stack = contract.region, contract.account_id, contract.stack
    fleet = fleet_name(stack, tier.name, 42)

    def arn(service: str, resource: str) -> str:
        return f"arn:aws:{service}:{region}:{account}:{resource}"

    rule = contract.listener_arn.replace(":listener/", ":listener-rule/") + "/0123456789abcdef"
    target_group = arn("elasticloadbalancing", f"targetgroup/{fleet}/0123456789abcdef")
    group = arn("autoscaling", f"autoScalingGroup:9d1d:autoScalingGroupName/{fleet}")
    snapshot = arn("rds", f"snapshot:sc-{stack}-before-42")
    assert contract.database
    instance_role = recording.one("aws:iam/role:Role", f"compute-{tier.name}-instance").outputs["arn"]
    models = f"arn:aws:s3:::{contract.buckets.models}"
    of: dict[str, list[str]] = {
        "autoscaling:CreateAutoScalingGroup": [group],
        "autoscaling:CreateOrUpdateTags": [group],
        "autoscaling:DeleteAutoScalingGroup": [group],
        "autoscaling:PutLifecycleHook": [group],
        "autoscaling:PutScalingPolicy": [group],
        "autoscaling:UpdateAutoScalingGroup": [group],
        "cloudwatch:DescribeAlarms": [
            arn("cloudwatch", "alarm:*"),
            f"arn:aws:cloudwatch:us-east-1:{account}:alarm:*",
        ],
        "cloudwatch:ListTagsForResource": [arn("cloudwatch", f"alarm:sportcoach/{stack}/error-rate")],
        "dynamodb:*": [arn("dynamodb", f"table/{contract.state_table}")],
        "ec2:CreateTags": [arn("ec2", "instance/i-0123"), arn("ec2", "volume/vol-0123")],
        "ec2:RunInstances": [
            arn("ec2", "instance/*"),
            arn("ec2", f"launch-template/{tier.launch_template_id}"),
            arn("ec2", "network-interface/*"),
            arn("ec2", "volume/*"),
            f"arn:aws:ec2:{region}::image/ami-0123",
            *(arn("ec2", f"security-group/{group}") for group in tier.security_group_ids),
            *(arn("ec2", f"subnet/{subnet}") for subnet in tier.subnet_ids),
        ],
        "ecr:*": [arn("ecr", f"repository/{tier.image_repository}")],
        "elasticloadbalancing:AddTags": [rule, target_group],
        "elasticloadbalancing:CreateRule": [contract.listener_arn],
        "elasticloadbalancing:CreateTargetGroup": [target_group],
        "elasticloadbalancing:DeleteRule": [rule],
        "elasticloadbalancing:DeleteTargetGroup": [target_group],
        "elasticloadbalancing:ModifyRule": [rule],
        "elasticloadbalancing:ModifyTargetGroupAttributes": [target_group],
        "iam:PassRole": [instance_role, contract.watchdog.role_arn],
        "rds:AddTagsToResource": [snapshot],
        "rds:CreateDBSnapshot": [arn("rds", f"db:{contract.database.identifier}"), snapshot],
        "rds:DescribeDBSnapshots": [snapshot],
        "s3:GetObject": [
            f"{models}/models/2026-11-01/model.bin",
            f"{models}/models/2026-11-01/model.bin.sha256",
        ],
        "s3:ListBucket": [models],
        "scheduler:CreateSchedule": [arn("scheduler", f"schedule/{contract.watchdog.schedule_group}/app-42")],
        "scheduler:DeleteSchedule": [arn("scheduler", f"schedule/{contract.watchdog.schedule_group}/app-42")],
        "scheduler:UpdateSchedule": [arn("scheduler", f"schedule/{contract.watchdog.schedule_group}/app-42")],
        "secretsmanager:DescribeSecret": [
            arn("secretsmanager", f"secret:{name}-AbCdEf") for name in tier.required_secrets
        ],
        "secretsmanager:GetSecretValue": [arn("secretsmanager", f"secret:{contract.new_relic_secret}-AbCdEf")]
        if contract.new_relic_secret
        else [],
        "sns:Publish": [contract.alerts.critical_topic_arn, contract.alerts.warning_topic_arn],
        "ssm:GetParameter": [arn("ssm", f"parameter{parameter_name(stack)}")]
        + ([arn("ssm", f"parameter{tier.model.pointer_parameter}")] if tier.model else []),
        "ssm:GetParameters": [arn("ssm", f"parameter{name}") for name in tier.required_parameters],
        "ssm:GetParametersByPath": [arn("ssm", "parameter/sportcoach")],
        "ssm:PutParameter": [arn("ssm", f"parameter{tier.model.pointer_parameter}")] if tier.model else [],
        "ssm:SendCommand": [
            arn("ec2", "instance/i-0123"),
            arn("ssm", f"document/{run_document(stack)}"),
        ],
        "aps:*": [arn("aps", "workspace/" + contract.prometheus_query_url.rstrip("/").rpartition("/")[2])],
    }
    service = action.partition(":")[0]
    return of.get(action, of.get(f"{service}:*", ["*"]))


def requests(recording: Recording) -> Iterator[Request]:
    """Every call of sc-deploy, as IAM sees it: the actions come from the calls in its source."""
    contract = contract_of(recording)
    for tier in contract.tiers:
        template = recording.one("aws:ec2/launchTemplate:LaunchTemplate", f"compute-{tier.name}").outputs[
            "arn"
        ]
        context = {
            f"aws:RequestTag/{Tag.MANAGED_BY}": MANAGED_BY,
            f"ssm:resourceTag/{Tag.STACK}": contract.stack,
            "ec2:CreateAction": "RunInstances",
            "ec2:LaunchTemplate": template,
            "ec2:InstanceType": settings_of(contract.stack)["tiers"][tier.name]["instance_type"],
            "ec2:IsLaunchTemplateResource": "true",
        }
        for action in sorted(all_actions()):
            for resource in resources(contract, recording, tier, action):
                service = "scheduler" if resource == contract.watchdog.role_arn else "ec2"
                passed = {"iam:PassedToService": f"{service}.amazonaws.com"}
                yield Request(action=action, resource=resource, context={**context, **passed})


@pytest.mark.parametrize("role", ROLES)
def test_every_call_of_a_release_is_allowed(stack: Recording, role: str) -> None:
    statements = statements_of(stack, role)
    asked = list(requests(stack))
    assert {request.action for request in asked} >= {
        action
        for service in USED
        for operation in USED[service]
        for action in actions_for(service, operation)
    } - {"ssm:PutParameter", "secretsmanager:GetSecretValue"}
    refused = [f"{r.action} on {r.resource}" for r in asked if not allowed(statements, r)]
    assert refused == []


def foreign(recording: Recording) -> Iterator[Request]:
    """What a release must not do."""
    contract = contract_of(recording)
    arn = f"arn:aws:{{}}:{contract.region}:{contract.account_id}:{{}}"
    mine = {f"aws:RequestTag/{Tag.MANAGED_BY}": MANAGED_BY, "iam:PassedToService": "ec2.amazonaws.com"}
    group = arn.format("autoscaling", "autoScalingGroup:1:autoScalingGroupName/{}")
    others = {
        "elasticloadbalancing:ModifyListener": contract.listener_arn,
        "elasticloadbalancing:DeleteListener": contract.listener_arn,
        "elasticloadbalancing:DeleteLoadBalancer": contract.load_balancer_arn,
        "elasticloadbalancing:ModifyRule": arn.format(
            "elasticloadbalancing",
            "listener-rule/app/another/0123456789abcdef/0123456789abcdef/0123456789abcdef",
        ),
        "elasticloadbalancing:DeleteTargetGroup": arn.format("elasticloadbalancing", "targetgroup/another/1"),
        "autoscaling:DeleteAutoScalingGroup": group.format("another"),
        "dynamodb:DeleteTable": arn.format("dynamodb", f"table/{contract.state_table}"),
        "rds:DeleteDBInstance": arn.format("rds", f"db:sportcoach-{contract.stack}"),
        "rds:DeleteDBSnapshot": arn.format("rds", f"snapshot:sc-{contract.stack}-before-1"),
        "s3:DeleteObject": f"arn:aws:s3:::{contract.buckets.models}/models/2026-11-01/model.bin",
        "secretsmanager:GetSecretValue": arn.format(
            "secretsmanager", f"secret:sportcoach/{contract.stack}/database-AbCdEf"
        ),
        "ssm:PutParameter": arn.format("ssm", f"parameter{parameter_name(contract.stack)}"),
        "iam:PassRole": f"arn:aws:iam::{contract.account_id}:role/sportcoach-{contract.stack}-operator",
        "ec2:RunInstances": arn.format("ec2", "instance/*"),  # without one of the stack's templates
        "ssm:SendCommand": arn.format("ec2", "instance/i-of-another-stack"),
        "ssm:SendCommand ": f"arn:aws:ssm:{contract.region}::document/AWS-RunShellScript",
        "kms:Decrypt": recording.one("aws:kms/key:Key", "encryption-data").outputs["arn"],
    }
    for action, resource in others.items():
        yield Request(action=action.strip(), resource=resource, context=mine)


@pytest.mark.parametrize("role", ROLES)
def test_a_release_may_do_nothing_else(stack: Recording, role: str) -> None:
    statements = statements_of(stack, role)
    assert [request for request in foreign(stack) if allowed(statements, request)] == []


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        ("image/", {"ec2:IsLaunchTemplateResource": "false"}),
        ("security-group/", {"ec2:IsLaunchTemplateResource": "false"}),
        ("instance/", {"ec2:InstanceType": "p5.48xlarge"}),
        ("subnet/", {"ec2:LaunchTemplate": "arn:aws:ec2:ap-northeast-1:1:launch-template/lt-other"}),
        ("subnet/other", {}),
    ],
)
def test_a_launch_must_be_what_the_template_says(
    stack: Recording, role: str, kind: str, changed: dict[str, str]
) -> None:
    """With an image or an address group of one's own, a host with the tier's role would do anything."""
    statements = statements_of(stack, role)
    (asked, *_) = [
        one
        for one in requests(stack)
        if one.action == "ec2:RunInstances" and f":{kind.partition('/')[0]}/" in one.resource
    ]
    assert allowed(statements, asked)
    place = asked.resource.rpartition("/")[0] + "/subnet-other" if kind == "subnet/other" else asked.resource
    wrong = Request(action=asked.action, resource=place, context={**asked.context, **changed})
    assert not allowed(statements, wrong)


def test_no_host_and_no_release_reads_the_owners_password(stack: Recording) -> None:
    """The database's master user may do everything; the application has a user with less (S5)."""
    primary = stack.one("aws:rds/instance:Instance", "database").inputs
    content = json.loads(
        stack.one("aws:secretsmanager/secretVersion:SecretVersion", "database").inputs["secretString"]
    )
    assert content["username"] == "sportcoach_app" != primary["username"]
    assert content["password"] == SECRETS["databaseAppPassword"] != primary["password"]
    held = [one for one in stack.resources if SECRETS["databasePassword"] in json.dumps(dict(one.inputs))]
    assert [one.name for one in held] == ["database"]
    assert held[0].type == "aws:rds/instance:Instance"


def test_the_watchdog_may_put_weights_back_and_nothing_more(stack: Recording) -> None:
    statements = statements_of(stack, "delivery-watchdog")
    listener = contract_of(stack).listener_arn
    rule = listener.replace(":listener/", ":listener-rule/") + "/0123456789abcdef"
    assert allowed(statements, Request(action="elasticloadbalancing:ModifyRule", resource=rule, context={}))
    actions = [statement["Action"] for statement in statements]
    assert actions == [["elasticloadbalancing:ModifyRule"], ["sqs:SendMessage"]]
    for other in (listener, rule.replace("0123456789abcdef/", "fedcba9876543210/")):
        request = Request(action="elasticloadbalancing:ModifyRule", resource=other, context={})
        assert not allowed(statements, request)
