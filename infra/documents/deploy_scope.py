"""What a release works with, and its permissions on journal, snapshots, models and metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from bluegreen.contract import MODEL_PREFIX
from infra.documents.policies import Statement, allow
from infra.environment import Environment

Arns = Sequence[pulumi.Input[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployScope:
    """The resources of a stack that a release touches, as ARNs."""

    listener: pulumi.Output[str]
    launch_templates: Arns
    instance_roles: Arns
    instance_types: Sequence[str]
    subnets: Arns
    table: pulumi.Input[str]
    topics: Arns
    watchdog_role: pulumi.Input[str]
    schedule_group: str
    database: str
    """Identifier of the instance."""
    repositories: Sequence[str]
    models_bucket: str
    secrets: Sequence[str]
    """Names that must exist before a release; their values are not read."""
    own_secrets: Sequence[str]
    """Names of those that sc-deploy reads itself: keys of metric sources, and of its pages."""
    workspace: pulumi.Input[str]
    """Managed Prometheus."""
    keys: Arns


def state(environment: Environment, scope: DeployScope) -> list[Statement]:
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
        # For an unknown stack, sc-deploy lists those that exist.
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


def data(environment: Environment, scope: DeployScope) -> list[Statement]:
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
            ["ecr:DescribeImageScanFindings", "ecr:DescribeImages", "ecr:DescribeRepositories"],
            [environment.arn("ecr", f"repository/{name}") for name in scope.repositories],
            sid="Images",
        ),
        # Neither action knows resources; with enhanced scanning ECR asks Inspector in the caller's name.
        allow(["inspector2:ListCoverage", "inspector2:ListFindings"], ["*"], sid="ScanFindings"),
        allow(["s3:GetObject"], [f"{models}/*"], sid="Models"),
        allow(["s3:ListBucket"], [models], sid="ListModels"),
        allow(
            ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"],
            list(scope.keys),
            sid="Keys",
            condition=via,
        ),
    ]


def measurements(environment: Environment, scope: DeployScope) -> list[Statement]:
    """Metric sources besides CloudWatch, and the secrets that sc-deploy reads itself."""
    statements = [allow(["aps:GetLabels", "aps:QueryMetrics"], [scope.workspace], sid="Prometheus")]
    if scope.own_secrets:
        secrets = [environment.arn("secretsmanager", f"secret:{name}-??????") for name in scope.own_secrets]
        via = f"secretsmanager.{environment.region}.amazonaws.com"
        statements += [
            allow(["secretsmanager:GetSecretValue"], secrets, sid="OwnSecrets"),
            allow(
                ["kms:Decrypt"],
                list(scope.keys),
                sid="OwnSecretsKey",
                condition={"StringEquals": {"kms:ViaService": via}},
            ),
        ]
    return statements


def publish(environment: Environment, scope: DeployScope) -> list[Statement]:
    """What the pipeline does before a release: push images, upload models (P2, A1)."""
    repositories = [environment.arn("ecr", f"repository/{name}") for name in scope.repositories]
    models = f"arn:aws:s3:::{scope.models_bucket}"
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
        allow(
            ["s3:ListMultipartUploadParts", "s3:PutObject"],
            [f"{models}/{MODEL_PREFIX}*"],
            sid="UploadModels",
        ),
        allow(["s3:ListBucketMultipartUploads"], [models], sid="UnfinishedUploads"),
        allow(
            ["kms:Decrypt", "kms:GenerateDataKey"],
            list(scope.keys),
            sid="ModelsKey",
            condition={"StringEquals": {"kms:ViaService": f"s3.{environment.region}.amazonaws.com"}},
        ),
    ]
