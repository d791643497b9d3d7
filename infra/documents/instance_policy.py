"""What the hosts of a tier and their containers may do (S5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from bluegreen.contract import MANAGED_BY, MODEL_PREFIX, Tag, Tier, host_namespace
from infra.documents.policies import Statement, allow
from infra.environment import Environment
from infra.settings import Role, TierSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceRights:
    """What the rights are about: ARNs, and the Secrets Manager names that the tier's containers read."""

    tier: Tier
    settings: TierSettings
    secret_names: Sequence[str]
    metrics_arn: pulumi.Input[str]
    data_key: pulumi.Input[str]
    assets: str
    models: str
    training_data: str


def instance_statements(environment: Environment, rights: InstanceRights) -> list[Statement]:
    """The policy of one tier's instance role."""
    statements = [*_boot(environment, rights), *_metrics(environment, rights)]
    if rights.secret_names:
        statements += _secrets(environment, rights)
    objects = _objects(rights)
    if objects:
        key = allow(
            ["kms:Decrypt", "kms:GenerateDataKey"],
            [rights.data_key],
            sid="ObjectsKey",
            condition=_via(environment, "s3"),
        )
        statements += [*objects, key]
    return statements


def _via(environment: Environment, service: str) -> dict[str, dict[str, str]]:
    """The key may be used through one service only."""
    return {"StringEquals": {"kms:ViaService": f"{service}.{environment.region}.amazonaws.com"}}


def _boot(environment: Environment, rights: InstanceRights) -> list[Statement]:
    """Entry into service, image, configuration and logs."""
    group = f"autoScalingGroup:*:autoScalingGroupName/sc-{environment.stack}-{rights.tier}-*"
    return [
        # It lets itself in once it serves.
        allow(
            ["autoscaling:CompleteLifecycleAction"],
            [environment.arn("autoscaling", group)],
            sid="EnterService",
            condition={"StringEquals": {f"autoscaling:ResourceTag/{Tag.MANAGED_BY}": MANAGED_BY}},
        ),
        allow(["autoscaling:DescribeAutoScalingInstances"], ["*"], sid="ServiceState"),
        # The token itself grants nothing; the action takes no resource.
        allow(["ecr:GetAuthorizationToken"], ["*"], sid="RegistryLogin"),
        allow(
            ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            [environment.arn("ecr", f"repository/{rights.settings.image_repository}")],
            sid="Pull",
        ),
        allow(
            ["ssm:GetParametersByPath"],
            [environment.arn("ssm", f"parameter{environment.path}/config")],
            sid="Configuration",
        ),
        allow(
            ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            [environment.arn("logs", f"log-group:{environment.path}/{rights.tier}*:*")],
            sid="Logs",
        ),
    ]


def _metrics(environment: Environment, rights: InstanceRights) -> list[Statement]:
    namespaces = [host_namespace(environment.stack), "SportCoach/AI"]
    return [
        allow(
            ["cloudwatch:PutMetricData"],
            ["*"],
            sid="Metrics",
            condition={"StringEquals": {"cloudwatch:namespace": namespaces}},
        ),
        allow(["aps:RemoteWrite"], [rights.metrics_arn], sid="Prometheus"),
    ]


def _secrets(environment: Environment, rights: InstanceRights) -> list[Statement]:
    names = [environment.arn("secretsmanager", f"secret:{name}-??????") for name in rights.secret_names]
    return [
        allow(["secretsmanager:GetSecretValue"], names, sid="Secrets"),
        allow(
            ["kms:Decrypt"],
            [rights.data_key],
            sid="SecretsKey",
            condition=_via(environment, "secretsmanager"),
        ),
    ]


def _objects(rights: InstanceRights) -> list[Statement]:
    """The application stores uploads; AI reads models and adds feedback to the training data (S6, S7)."""
    statements: list[Statement] = []
    if Role.APP in rights.settings.roles:
        actions = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
        statements.append(allow(actions, [f"{rights.assets}/*"], sid="Assets"))
    if Role.AI in rights.settings.roles:
        statements += [
            allow(["s3:GetObject"], [f"{rights.models}/{MODEL_PREFIX}*"], sid="Models"),
            allow(["s3:PutObject"], [f"{rights.training_data}/feedback/*"], sid="Feedback"),
        ]
    return statements
