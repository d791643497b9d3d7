"""The IAM actions that sc-deploy needs: what a deploy role must allow, and what a refusal asks for.

`USED`, `RESTORING` and `PUBLISHING` name every operation the adapters call; a test compares
them with their source.
"""

from __future__ import annotations

from collections.abc import Mapping

USED: Mapping[str, tuple[str, ...]] = {
    "autoscaling": (
        "CreateAutoScalingGroup",
        "CreateOrUpdateTags",
        "DeleteAutoScalingGroup",
        "DescribeAutoScalingGroups",
        "DescribePolicies",
        "DescribeScalingActivities",
        "PutScalingPolicy",
        "UpdateAutoScalingGroup",
    ),
    "cloudwatch": ("DescribeAlarms", "GetMetricData", "ListMetrics", "ListTagsForResource"),
    "dynamodb": ("GetItem", "Query", "TransactWriteItems", "UpdateItem"),
    "ec2": (
        "DescribeImages",
        "DescribeInstances",
        "DescribeLaunchTemplates",
        "DescribeLaunchTemplateVersions",
    ),
    "ecr": ("DescribeImageScanFindings", "DescribeImages", "DescribeRepositories"),
    "elbv2": (
        "AddTags",
        "CreateRule",
        "CreateTargetGroup",
        "DeleteRule",
        "DeleteTargetGroup",
        "DescribeAccountLimits",
        "DescribeListeners",
        "DescribeRules",
        "DescribeTags",
        "DescribeTargetGroupAttributes",
        "DescribeTargetGroups",
        "DescribeTargetHealth",
        "ModifyRule",
        "ModifyTargetGroupAttributes",
    ),
    "rds": ("CreateDBSnapshot", "DescribeDBSnapshots"),
    "s3": ("GetObject", "HeadObject", "ListObjectsV2"),
    "scheduler": ("CreateSchedule", "DeleteSchedule", "ListSchedules", "UpdateSchedule"),
    "secretsmanager": ("DescribeSecret", "GetSecretValue"),
    "service-quotas": ("GetServiceQuota",),
    "sns": ("Publish",),
    "ssm": (
        "CancelCommand",
        "GetCommandInvocation",
        "GetParameter",
        "GetParameters",
        "GetParametersByPath",
        "ListCommandInvocations",
        "PutParameter",
        "SendCommand",
    ),
}
"""botocore's service name -> operations."""
RESTORING: Mapping[str, tuple[str, ...]] = {
    "rds": (
        "DeleteDBInstance",
        "DescribeDBInstances",
        "ModifyDBInstance",
        "RestoreDBInstanceFromDBSnapshot",
    )
}
"""What `sc-deploy db` calls besides: a role of its own allows it, and no pipeline has that."""
PUBLISHING: Mapping[str, tuple[str, ...]] = {
    "s3": (
        "CompleteMultipartUpload",
        "CreateMultipartUpload",
        "ListMultipartUploads",
        "ListParts",
        "PutObject",
        "UploadPart",
    )
}
"""What `sc-deploy models push` calls besides: the role that publishes images and models allows it."""

_PREFIX = {"elbv2": "elasticloadbalancing", "service-quotas": "servicequotas"}
_IRREGULAR: Mapping[tuple[str, str], tuple[str, ...]] = {
    # What a call needs besides, or instead of, the action of its own name (Service Authorization Reference).
    ("autoscaling", "CreateAutoScalingGroup"): (
        "autoscaling:CreateAutoScalingGroup",
        "autoscaling:CreateOrUpdateTags",
        "autoscaling:PutLifecycleHook",
        "ec2:RunInstances",
        "ec2:CreateTags",
        "iam:PassRole",
    ),
    ("dynamodb", "TransactWriteItems"): ("dynamodb:ConditionCheckItem", "dynamodb:PutItem"),
    # With enhanced scanning ECR answers from Inspector, with the caller's own rights.
    ("ecr", "DescribeImageScanFindings"): (
        "ecr:DescribeImageScanFindings",
        "inspector2:ListCoverage",
        "inspector2:ListFindings",
    ),
    ("elbv2", "CreateRule"): ("elasticloadbalancing:CreateRule", "elasticloadbalancing:AddTags"),
    ("elbv2", "CreateTargetGroup"): (
        "elasticloadbalancing:CreateTargetGroup",
        "elasticloadbalancing:AddTags",
    ),
    ("rds", "CreateDBSnapshot"): ("rds:CreateDBSnapshot", "rds:AddTagsToResource"),
    # An encrypted instance uses the key through a grant, which RDS makes in the caller's name.
    ("rds", "RestoreDBInstanceFromDBSnapshot"): (
        "rds:RestoreDBInstanceFromDBSnapshot",
        "rds:AddTagsToResource",
        "kms:CreateGrant",
    ),
    ("s3", "CompleteMultipartUpload"): ("s3:PutObject",),
    ("s3", "CreateMultipartUpload"): ("s3:PutObject",),
    ("s3", "HeadObject"): ("s3:GetObject", "s3:ListBucket"),
    ("s3", "ListMultipartUploads"): ("s3:ListBucketMultipartUploads",),
    ("s3", "ListObjectsV2"): ("s3:ListBucket",),
    ("s3", "ListParts"): ("s3:ListMultipartUploadParts",),
    ("s3", "UploadPart"): ("s3:PutObject",),
    ("scheduler", "CreateSchedule"): ("scheduler:CreateSchedule", "iam:PassRole"),
    ("scheduler", "UpdateSchedule"): ("scheduler:UpdateSchedule", "iam:PassRole"),
}


def actions_for(service: str, operation: str) -> tuple[str, ...]:
    """The IAM actions that `operation` needs."""
    return _IRREGULAR.get((service, operation), (f"{_PREFIX.get(service, service)}:{operation}",))


def all_actions() -> frozenset[str]:
    """Every IAM action of the adapters."""
    return frozenset(
        action
        for service, operations in USED.items()
        for operation in operations
        for action in actions_for(service, operation)
    )
