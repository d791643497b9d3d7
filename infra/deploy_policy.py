"""What a release may do in an account, and nothing else (S5).

`tests/test_contract.py` compares it with the calls of sc-deploy, which are taken from its source.
What sc-deploy makes is named `sc-<stack>-...` and tagged; what Pulumi made it may only read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from bluegreen.contract import MANAGED_BY, Tag
from infra.component import Environment
from infra.policies import Statement, allow

__all__ = ["DeployScope", "access_policies", "rules_of"]

Arns = Sequence[pulumi.Input[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployScope:
    """The resources of a stack that a release touches, as ARNs."""

    listener: pulumi.Output[str]
    launch_templates: Arns
    instance_roles: Arns
    table: pulumi.Input[str]
    topics: Arns
    watchdog_role: pulumi.Input[str]
    schedule_group: str
    database: str
    """Identifier of the instance."""
    repositories: Sequence[str]
    models_bucket: str
    secrets: Sequence[str]
    """Names that must exist before a release; their values stay unread."""
    query_secrets: Sequence[str]
    """Names of the keys that measurements are asked for with."""
    workspace: pulumi.Input[str]
    """Managed Prometheus."""
    keys: Arns


def access_policies(environment: Environment, scope: DeployScope) -> dict[str, list[Statement]]:
    """Statements by policy: one would be longer than the 6,144 characters of a managed policy."""
    return {
        "deploy-traffic": [*_read(environment), *_traffic(environment, scope)],
        "deploy-fleets": _fleets(environment, scope),
        "deploy-state": _state(environment, scope),
        "deploy-data": [*_data(environment, scope), *_measurements(environment, scope)],
        "publish": _publish(environment, scope),
    }


def _publish(environment: Environment, scope: DeployScope) -> list[Statement]:
    """What the pipeline does before a release: push images, upload models (P2, A1)."""
    repositories = [environment.arn("ecr", f"repository/{name}") for name in scope.repositories]
    return [
        allow(["ecr:GetAuthorizationToken"], ["*"], sid="RegistryLogin"),
        allow(
            [
                "ecr:BatchCheckLayerAvailability",
                "ecr:BatchGetImage",
                "ecr:CompleteLayerUpload",
                "ecr:GetDownloadUrlForLayer",
                "ecr:InitiateLayerUpload",
                "ecr:PutImage",
                "ecr:UploadLayerPart",
            ],
            repositories,
            sid="PushImages",
        ),
        allow(["s3:PutObject"], [f"arn:aws:s3:::{scope.models_bucket}/models/*"], sid="UploadModels"),
        allow(
            ["kms:Decrypt", "kms:GenerateDataKey"],
            list(scope.keys),
            sid="ModelsKey",
            condition={"StringEquals": {"kms:ViaService": f"s3.{environment.region}.amazonaws.com"}},
        ),
    ]


def _read(environment: Environment) -> list[Statement]:
    """Calls that change nothing; the first statement's take no resource."""
    return [
        allow(
            [
                "autoscaling:DescribeAutoScalingGroups",
                "autoscaling:DescribePolicies",
                "autoscaling:DescribeScalingActivities",
                "cloudwatch:GetMetricData",
                "cloudwatch:ListMetrics",
                "ec2:DescribeLaunchTemplates",
                "elasticloadbalancing:DescribeAccountLimits",
                "elasticloadbalancing:DescribeListeners",
                "elasticloadbalancing:DescribeRules",
                "elasticloadbalancing:DescribeTags",
                "elasticloadbalancing:DescribeTargetGroupAttributes",
                "elasticloadbalancing:DescribeTargetGroups",
                "elasticloadbalancing:DescribeTargetHealth",
                "scheduler:ListSchedules",
                "ssm:GetCommandInvocation",
                "ssm:ListCommandInvocations",
            ],
            ["*"],
            sid="Read",
        ),
        allow(
            ["cloudwatch:DescribeAlarms", "cloudwatch:ListTagsForResource"],
            [environment.arn("cloudwatch", "alarm:*")],
            sid="Alarms",
        ),
    ]


def _traffic(environment: Environment, scope: DeployScope) -> list[Statement]:
    """Rules of the one listener, and target groups by their name."""
    elb = "elasticloadbalancing"
    groups = environment.arn(elb, f"targetgroup/sc-{environment.stack}-*")
    rules = rules_of(scope.listener)
    return [
        allow([f"{elb}:CreateRule"], [scope.listener], sid="AddRules"),
        allow([f"{elb}:DeleteRule", f"{elb}:ModifyRule"], [rules], sid="ShiftTraffic"),
        allow(
            [
                f"{elb}:CreateTargetGroup",
                f"{elb}:DeleteTargetGroup",
                f"{elb}:ModifyTargetGroupAttributes",
            ],
            [groups],
            sid="TargetGroups",
        ),
        allow([f"{elb}:AddTags"], [groups, rules], sid="TagTraffic"),
    ]


def _fleets(environment: Environment, scope: DeployScope) -> list[Statement]:
    """Auto Scaling Groups by their name, launched only from this stack's templates and roles."""
    groups = environment.arn(
        "autoscaling", f"autoScalingGroup:*:autoScalingGroupName/sc-{environment.stack}-*"
    )
    from_templates = {"ArnEquals": {"ec2:LaunchTemplate": list(scope.launch_templates)}}
    tagged = {"StringEquals": {f"aws:RequestTag/{Tag.MANAGED_BY}": MANAGED_BY}}
    return [
        allow(["autoscaling:CreateAutoScalingGroup"], [groups], sid="CreateFleets", condition=tagged),
        allow(
            [
                "autoscaling:CreateOrUpdateTags",
                "autoscaling:DeleteAutoScalingGroup",
                "autoscaling:PutScalingPolicy",
                "autoscaling:UpdateAutoScalingGroup",
            ],
            [groups],
            sid="Fleets",
        ),
        # The first group of an account brings Auto Scaling's own role with it.
        allow(
            ["iam:CreateServiceLinkedRole"],
            [f"arn:aws:iam::{environment.account_id}:role/aws-service-role/autoscaling.amazonaws.com/*"],
            sid="AutoScalingRole",
            condition={"StringEquals": {"iam:AWSServiceName": "autoscaling.amazonaws.com"}},
        ),
        # Auto Scaling checks the caller's right to launch what the template says.
        allow(["ec2:RunInstances"], ["*"], sid="LaunchFromTemplates", condition=from_templates),
        allow(
            ["ec2:CreateTags"],
            [environment.arn("ec2", "instance/*"), environment.arn("ec2", "volume/*")],
            sid="TagInstances",
            condition={"StringEquals": {"ec2:CreateAction": "RunInstances"}},
        ),
        allow(
            ["iam:PassRole"],
            list(scope.instance_roles),
            sid="PassInstanceRoles",
            condition={"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
        ),
        allow(
            ["ssm:SendCommand"],
            [environment.arn("ec2", "instance/*")],
            sid="CommandOnHosts",
            condition={"StringEquals": {f"ssm:resourceTag/{Tag.STACK}": environment.stack}},
        ),
        allow(
            ["ssm:SendCommand"],
            [f"arn:aws:ssm:{environment.region}::document/AWS-RunShellScript"],
            sid="CommandDocument",
        ),
    ]


def _state(environment: Environment, scope: DeployScope) -> list[Statement]:
    """Journal and lease, watchdog, contract, notifications."""
    schedules = environment.arn("scheduler", f"schedule/{scope.schedule_group}/*")
    parameters = environment.arn("ssm", f"parameter{environment.path}/*")
    return [
        allow(
            [
                "dynamodb:ConditionCheckItem",
                "dynamodb:GetItem",
                "dynamodb:PutItem",
                "dynamodb:Query",
                "dynamodb:UpdateItem",
            ],
            [scope.table],
            sid="Journal",
        ),
        allow(
            ["scheduler:CreateSchedule", "scheduler:DeleteSchedule", "scheduler:UpdateSchedule"],
            [schedules],
            sid="Watchdog",
        ),
        allow(
            ["iam:PassRole"],
            [scope.watchdog_role],
            sid="PassWatchdogRole",
            condition={"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}},
        ),
        allow(["sns:Publish"], list(scope.topics), sid="Notify"),
        allow(["ssm:GetParameter", "ssm:GetParameters"], [parameters], sid="Contract"),
        # An unknown stack is answered with the names of those that exist.
        allow(["ssm:GetParametersByPath"], [environment.arn("ssm", "parameter/sportcoach")], sid="Stacks"),
        allow(
            ["ssm:PutParameter"],
            [environment.arn("ssm", f"parameter{environment.path}/model/*")],
            sid="ModelPointer",
        ),
        allow(
            ["secretsmanager:DescribeSecret"],
            [environment.arn("secretsmanager", f"secret:{name}-??????") for name in scope.secrets],
            sid="SecretsExist",
        ),
    ]


def _data(environment: Environment, scope: DeployScope) -> list[Statement]:
    """Snapshots of the one database, images and models."""
    services = ("dynamodb", "s3", "sns")
    via = {"StringEquals": {"kms:ViaService": [f"{s}.{environment.region}.amazonaws.com" for s in services]}}
    database = environment.arn("rds", f"db:{scope.database}")
    snapshots = environment.arn("rds", f"snapshot:sc-{environment.stack}-*")
    models = f"arn:aws:s3:::{scope.models_bucket}"
    return [
        allow(["rds:CreateDBSnapshot", "rds:DescribeDBSnapshots"], [database, snapshots], sid="Snapshot"),
        allow(["rds:AddTagsToResource"], [snapshots], sid="TagSnapshots"),
        allow(
            ["ecr:DescribeImages", "ecr:DescribeRepositories"],
            [environment.arn("ecr", f"repository/{name}") for name in scope.repositories],
            sid="Images",
        ),
        allow(["s3:GetObject"], [f"{models}/*"], sid="Models"),
        allow(["s3:ListBucket"], [models], sid="ListModels"),
        allow(
            ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"],
            list(scope.keys),
            sid="Keys",
            condition=via,
        ),
    ]


def _measurements(environment: Environment, scope: DeployScope) -> list[Statement]:
    """What releases are judged by, beside CloudWatch."""
    statements = [allow(["aps:GetLabels", "aps:QueryMetrics"], [scope.workspace], sid="Prometheus")]
    if scope.query_secrets:
        secrets = [environment.arn("secretsmanager", f"secret:{name}-??????") for name in scope.query_secrets]
        via = f"secretsmanager.{environment.region}.amazonaws.com"
        statements += [
            allow(["secretsmanager:GetSecretValue"], secrets, sid="QueryKeys"),
            allow(
                ["kms:Decrypt"],
                list(scope.keys),
                sid="QueryKeysKey",
                condition={"StringEquals": {"kms:ViaService": via}},
            ),
        ]
    return statements


def rules_of(listener: pulumi.Output[str]) -> pulumi.Output[str]:
    """The ARN pattern of every rule of a listener."""
    return listener.apply(lambda arn: arn.replace(":listener/", ":listener-rule/") + "/*")
