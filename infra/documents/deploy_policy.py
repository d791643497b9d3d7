"""What a release may do in an account, and nothing else (S5).

`tests/test_contract.py` compares it with the calls of sc-deploy, which are taken from its source.
What sc-deploy creates is named `sc-<stack>-...` and tagged; what Pulumi created it may only read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from bluegreen.contract import MANAGED_BY, Tag, run_document
from infra.documents.deploy_scope import DeployScope, data, measurements, publish, state
from infra.documents.policies import Statement, allow
from infra.environment import Environment

ACCEPTED_PATHS: Mapping[str, str] = {
    "a host of its own with a role": "Auto Scaling asks for it: of the stack's templates, images, groups and"
    " subnets alone. User data cannot be held down, so each such launch pages (LAUNCH_BY_HAND)",
    "a fleet of its own with a role": "A release is one: from the stack's templates alone, by name and tag",
    "a schedule with a role": "The watchdog's own role alone, which may move traffic of one listener",
    "a command on a host": "The stack's own document alone: an image of its repositories, no shell",
}
"""Known ways from a role to the rights of another one that a release needs, each with what holds it down.

What is left: whoever may release runs an image of their own with the application's secrets, since that is
what a release is. The owner's password of the database is on no host and in no image."""


def access_policies(environment: Environment, scope: DeployScope) -> dict[str, list[Statement]]:
    """Statements by policy; a single one would exceed the 6,144 characters of a managed policy."""
    return {
        "deploy-traffic": [*_read(environment), *_traffic(environment, scope)],
        "deploy-fleets": _fleets(environment, scope),
        "deploy-state": state(environment, scope),
        "deploy-data": [*data(environment, scope), *measurements(environment, scope)],
        "publish": publish(environment, scope),
    }


def plan_policy(environment: Environment, scope: DeployScope) -> list[Statement]:
    """What `plan`, `status` and `history` ask: the reading actions of a release, and no secret's value."""
    release = access_policies(environment, scope)
    asked = [one for name, part in release.items() if name != "publish" for one in part]
    allowed = [one for one in asked if not one["Sid"].startswith("OwnSecrets")]
    reading = [(one, [action for action in one["Action"] if _reads(action)]) for one in allowed]
    return [{**one, "Action": actions} for one, actions in reading if actions]


def _reads(action: str) -> bool:
    return action.partition(":")[2].startswith(("Decrypt", "Describe", "Get", "List", "Query"))


def _read(environment: Environment) -> list[Statement]:
    """Calls that change nothing; those of the first statement support no resource-level permissions."""
    return [
        allow(
            [
                "autoscaling:DescribeAutoScalingGroups",
                "autoscaling:DescribePolicies",
                "autoscaling:DescribeScalingActivities",
                "cloudwatch:GetMetricData",
                "cloudwatch:ListMetrics",
                "ec2:DescribeInstances",
                "ec2:DescribeImages",
                "ec2:DescribeLaunchTemplateVersions",
                "ec2:DescribeLaunchTemplates",
                "elasticloadbalancing:DescribeAccountLimits",
                "elasticloadbalancing:DescribeListeners",
                "elasticloadbalancing:DescribeRules",
                "elasticloadbalancing:DescribeTags",
                "elasticloadbalancing:DescribeTargetGroupAttributes",
                "elasticloadbalancing:DescribeTargetGroups",
                "elasticloadbalancing:DescribeTargetHealth",
                "scheduler:ListSchedules",
                "servicequotas:GetServiceQuota",
                "ssm:GetCommandInvocation",
                "ssm:ListCommandInvocations",
            ],
            ["*"],
            sid="Read",
        ),
        allow(
            ["cloudwatch:DescribeAlarms", "cloudwatch:ListTagsForResource"],
            [
                environment.arn("cloudwatch", "alarm:*", region=one)
                for one in (environment.region, "us-east-1")
            ],
            sid="Alarms",
        ),
    ]


def _traffic(environment: Environment, scope: DeployScope) -> list[Statement]:
    """Rules of the one listener, and target groups by name."""
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
    """Auto Scaling Groups by name, launched only from this stack's templates and roles."""
    groups = environment.arn(
        "autoscaling", f"autoScalingGroup:*:autoScalingGroupName/sc-{environment.stack}-*"
    )
    tagged = {"StringEquals": {f"aws:RequestTag/{Tag.MANAGED_BY}": MANAGED_BY}}
    return [
        allow(["autoscaling:CreateAutoScalingGroup"], [groups], sid="CreateFleets", condition=tagged),
        allow(
            [
                "autoscaling:CreateOrUpdateTags",
                "autoscaling:DeleteAutoScalingGroup",
                "autoscaling:PutLifecycleHook",
                "autoscaling:PutScalingPolicy",
                "autoscaling:UpdateAutoScalingGroup",
            ],
            [groups],
            sid="Fleets",
        ),
        # The first group in an account creates Auto Scaling's service-linked role.
        allow(
            ["iam:CreateServiceLinkedRole"],
            [f"arn:aws:iam::{environment.account_id}:role/aws-service-role/autoscaling.amazonaws.com/*"],
            sid="AutoScalingRole",
            condition={"StringEquals": {"iam:AWSServiceName": "autoscaling.amazonaws.com"}},
        ),
        *_launches(environment, scope),
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
            [environment.arn("ssm", f"document/{run_document(environment.stack)}")],
            sid="CommandDocument",
        ),
        # It knows no resources: a release may stop any command of the account, and start none but its own.
        allow(["ssm:CancelCommand"], ["*"], sid="StopCommands"),
    ]


def _launches(environment: Environment, scope: DeployScope) -> list[Statement]:
    """Auto Scaling checks that the caller may launch what the template says, in the subnets of the group.

    Image, security groups, volumes and interfaces must be the template's own; type and subnets are the
    stack's. User data has no condition key: LAUNCH_BY_HAND tells people of a host that no fleet launched.
    """
    of_template: dict[str, dict[str, Any]] = {
        "ArnEquals": {"ec2:LaunchTemplate": list(scope.launch_templates)}
    }
    unchanged = {**of_template, "Bool": {"ec2:IsLaunchTemplateResource": "true"}}
    sized = {**of_template, "StringEquals": {"ec2:InstanceType": sorted(set(scope.instance_types))}}
    template_parts = [
        f"arn:aws:ec2:{environment.region}::image/*",
        *(
            environment.arn("ec2", f"{kind}/*")
            for kind in ("launch-template", "network-interface", "security-group", "volume")
        ),
    ]
    run = ["ec2:RunInstances"]
    return [
        allow(run, template_parts, sid="LaunchFromTemplates", condition=unchanged),
        allow(run, [environment.arn("ec2", "instance/*")], sid="LaunchSizes", condition=sized),
        allow(run, list(scope.subnets), sid="LaunchInSubnets", condition=of_template),
    ]


def rules_of(listener: pulumi.Output[str]) -> pulumi.Output[str]:
    """The ARN pattern of every rule of a listener."""
    return listener.apply(lambda arn: arn.replace(":listener/", ":listener-rule/") + "/*")
