"""Lifecycle rules of the buckets, and who may read, write and replicate them (E7, A1, A5, S6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pulumi

from infra.documents.policies import Statement, allow
from infra.environment import Environment
from infra.settings import COLD_AFTER_DAYS

TO_COLD_STORAGE = [{"days": COLD_AFTER_DAYS, "storage_class": "STANDARD_IA"}]


def expire(name: str, days: int) -> dict[str, Any]:
    """A lifecycle rule that deletes objects after `days`."""
    return {"id": name, "status": "Enabled", "filter": {"prefix": ""}, "expiration": {"days": days}}


def expire_old(name: str, days: int) -> dict[str, Any]:
    """A lifecycle rule that deletes versions `days` after they were replaced."""
    return {
        "id": name,
        "status": "Enabled",
        "filter": {"prefix": ""},
        "noncurrent_version_expiration": {"noncurrent_days": days},
    }


def cdn_reads(bucket_arn: str, account_id: str) -> Statement:
    """CloudFront reads through origin access control, for distributions of this account only."""
    return allow(
        ["s3:GetObject"],
        [f"{bucket_arn}/*"],
        sid="CdnReads",
        principal={"Service": "cloudfront.amazonaws.com"},
        condition={"ArnLike": {"aws:SourceArn": f"arn:aws:cloudfront::{account_id}:distribution/*"}},
    )


def log_writers(bucket_arn: str, environment: Environment, balancers: pulumi.Input[str]) -> list[Statement]:
    """The services that write access logs, each to its own prefix."""
    account = environment.account_id
    own = {"StringEquals": {"aws:SourceAccount": account}}
    own_trail = {"ArnLike": {"aws:SourceArn": environment.arn("cloudtrail", "trail/*")}}
    put = ["s3:PutObject"]
    trail = {"Service": "cloudtrail.amazonaws.com"}
    delivery = {"Service": "delivery.logs.amazonaws.com"}
    return [
        allow(put, [f"{bucket_arn}/alb/AWSLogs/{account}/*"], sid="Balancer", principal={"AWS": balancers}),
        allow(
            put,
            [f"{bucket_arn}/alb/AWSLogs/{account}/*"],
            sid="BalancerService",
            principal={"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
            condition=own,
        ),
        allow(
            put,
            [f"{bucket_arn}/s3/*"],
            sid="S3",
            principal={"Service": "logging.s3.amazonaws.com"},
            condition=own,
        ),
        allow(
            put,
            [f"{bucket_arn}/trail/AWSLogs/{account}/*"],
            sid="Trail",
            principal=trail,
            condition=own_trail,
        ),
        allow(
            put, [f"{bucket_arn}/cdn/AWSLogs/{account}/*"], sid="Delivery", principal=delivery, condition=own
        ),
        allow(["s3:GetBucketAcl"], [bucket_arn], sid="TrailAcl", principal=trail, condition=own_trail),
        allow(["s3:GetBucketAcl"], [bucket_arn], sid="DeliveryAcl", principal=delivery, condition=own),
    ]


def firewall_log_writers(bucket_arn: str, account_id: str) -> list[Statement]:
    """The log delivery of WAF ("Sending web ACL traffic logs to an S3 bucket"); its edge is in us-east-1."""
    delivery = {"Service": "delivery.logs.amazonaws.com"}
    own = {
        "ArnLike": {"aws:SourceArn": f"arn:aws:logs:*:{account_id}:*"},
        "StringEquals": {"aws:SourceAccount": account_id},
    }
    return [
        allow(
            ["s3:PutObject"],
            [f"{bucket_arn}/AWSLogs/{account_id}/*"],
            sid="Firewall",
            principal=delivery,
            condition=own,
        ),
        allow(["s3:GetBucketAcl"], [bucket_arn], sid="FirewallAcl", principal=delivery, condition=own),
    ]


def replication_statements(
    environment: Environment,
    *,
    sources: Sequence[str],
    replicas: Sequence[str],
    source_key: pulumi.Input[str],
    replica_key: pulumi.Input[str],
) -> list[Statement]:
    """Read every version here and write it there, under the key of each side; all are ARNs."""

    def via_s3(region: str) -> dict[str, dict[str, Any]]:
        return {"StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"}}

    return [
        allow(["s3:GetReplicationConfiguration", "s3:ListBucket"], sources),
        allow(
            ["s3:GetObjectVersionAcl", "s3:GetObjectVersionForReplication", "s3:GetObjectVersionTagging"],
            [f"{arn}/*" for arn in sources],
        ),
        allow(
            ["s3:ReplicateDelete", "s3:ReplicateObject", "s3:ReplicateTags"],
            [f"{arn}/*" for arn in replicas],
        ),
        allow(["kms:Decrypt"], [source_key], condition=via_s3(environment.region)),
        allow(["kms:GenerateDataKey"], [replica_key], condition=via_s3(environment.backup_region)),
    ]
