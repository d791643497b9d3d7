"""Object storage: assets, models, training data, logs, and their copies (E7, A1, A5, S6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.component import Component, Findings
from infra.components.bucket import Bucket, BucketArgs
from infra.components.encryption import Encryption
from infra.documents.policies import Statement, allow, service_trust
from infra.environment import Environment
from infra.settings import COLD_AFTER_DAYS, StorageSettings

ACCEPTED: Findings = {
    ("CKV2_AWS_62", "storage-*"): "Nothing reacts to single objects",
    ("CKV_AWS_144", "storage-*-replica"): "It is the replica itself",
    (
        "CKV_AWS_144",
        "storage-logs",
    ): "Logs expire after about a year; the audit trail is in CloudWatch as well",
    (
        "CKV_AWS_145",
        "storage-logs",
    ): "Load balancer and S3 access logs can only be written under SSE-S3 (AES-256)",
    (
        "CKV_AWS_18",
        "storage-*-replica",
    ): "The trail records every access to copies of models and training data; assets are public",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageArgs:
    """`cors_origins` are the sites whose pages may read assets."""

    settings: StorageSettings
    keys: Encryption
    cors_origins: Sequence[str]


class Storage(Component):
    """The four buckets of a stack."""

    def __init__(self, name: str, environment: Environment, args: StorageArgs) -> None:
        super().__init__(name, environment)
        self._args = args
        self.logs = self._logs_bucket()
        self.assets = self._assets_bucket()
        old_versions = expire_old("old-versions", args.settings.noncurrent_days)
        # A model version is a prefix of its own and never expires: every release can be restored (A2).
        self.models = self._bucket("models", lifecycle=[old_versions])
        end_of_life = expire("end-of-life", args.settings.training_data_days)
        self.training_data = self._bucket(
            "training-data", lifecycle=[{**end_of_life, "transitions": _COLD}, old_versions]
        )
        self.audited = [self.training_data.arn, self.models.arn]
        """Buckets whose every access the trail records, as ARNs."""
        if args.settings.replicate:
            self._replicate([self.assets, self.models, self.training_data])
            self.audited += [f"{arn}-replica" for arn in self.audited]
        self.register_outputs({"assets": self.assets.id, "models": self.models.id, "logs": self.logs.id})

    def _logs_bucket(self) -> Bucket:
        settings, environment = self._args.settings, self.environment
        balancers = aws.elb.get_service_account_output(
            opts=pulumi.InvokeOutputOptions(parent=self, provider=environment.providers.main)
        )
        return self._bucket(
            "logs",
            lifecycle=[
                expire("logs", settings.log_days),
                expire_old("logs-old", settings.noncurrent_days),
            ],
            # Access logs of S3 and of balancers cannot be written under a customer managed key.
            customer_key=False,
            statements=log_writers(f"arn:aws:s3:::{settings.bucket_prefix}-logs", environment, balancers.arn),
        )

    def _assets_bucket(self) -> Bucket:
        settings = self._args.settings
        arn = f"arn:aws:s3:::{settings.bucket_prefix}-assets"
        bucket = self._bucket(
            "assets",
            lifecycle=[expire_old("old-versions", settings.noncurrent_days)],
            statements=[cdn_reads(arn, self.environment.account_id)],
        )
        aws.s3.BucketCorsConfiguration(
            f"{self.name}-assets",
            bucket=bucket.id,
            cors_rules=[
                {
                    "allowed_methods": ["GET", "HEAD"],
                    "allowed_origins": list(self._args.cors_origins),
                    "allowed_headers": ["*"],
                    "max_age_seconds": 3600,
                }
            ],
            opts=self.options(),
        )
        return bucket

    def _bucket(
        self,
        purpose: str,
        *,
        lifecycle: Sequence[Mapping[str, Any]],
        statements: Sequence[Statement] = (),
        customer_key: bool = True,
    ) -> Bucket:
        return Bucket(
            f"{self.name}-{purpose}",
            self.environment,
            BucketArgs(
                bucket=f"{self._args.settings.bucket_prefix}-{purpose}",
                key=self._args.keys.data.arn if customer_key else None,
                lifecycle=lifecycle,
                provider=self.environment.providers.main,
                statements=statements,
                log_bucket=self.logs.id if purpose != "logs" else None,
            ),
        )

    def _replicate(self, sources: Sequence[Bucket]) -> None:
        keys, environment = self._args.keys, self.environment
        replicas = [
            Bucket(
                f"{source.name}-replica",
                environment,
                BucketArgs(
                    bucket=f"{source.bucket}-replica",
                    key=keys.backup.arn,
                    lifecycle=[expire_old("old-versions", self._args.settings.noncurrent_days)],
                    provider=environment.providers.backup,
                ),
            )
            for source in sources
        ]
        role = self.role(
            "replication",
            trust=service_trust("s3.amazonaws.com", account_id=environment.account_id),
            statements=replication_statements(sources, replicas, keys, environment),
        )
        for source, replica in zip(sources, replicas, strict=True):
            aws.s3.BucketReplicationConfig(
                source.name,
                bucket=source.id,
                role=role.arn,
                rules=[
                    {
                        "id": "to-backup-region",
                        "status": "Enabled",
                        "filter": {"prefix": ""},
                        "delete_marker_replication": {"status": "Enabled"},
                        "source_selection_criteria": {"sse_kms_encrypted_objects": {"status": "Enabled"}},
                        "destination": {
                            "bucket": replica.arn,
                            "storage_class": "STANDARD_IA",
                            "encryption_configuration": {"replica_kms_key_id": keys.backup.arn},
                        },
                    }
                ],
                # Replication needs versioning at both ends.
                opts=self.options(depends_on=[source.versioning, replica.versioning]),
            )


_COLD = [{"days": COLD_AFTER_DAYS, "storage_class": "STANDARD_IA"}]


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


def replication_statements(
    sources: Sequence[Bucket], replicas: Sequence[Bucket], keys: Encryption, environment: Environment
) -> list[Statement]:
    """Read every version here and write it there, under the key of each side."""

    def via_s3(region: str) -> dict[str, dict[str, Any]]:
        return {"StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"}}

    return [
        allow(["s3:GetReplicationConfiguration", "s3:ListBucket"], [bucket.arn for bucket in sources]),
        allow(
            ["s3:GetObjectVersionAcl", "s3:GetObjectVersionForReplication", "s3:GetObjectVersionTagging"],
            [f"{bucket.arn}/*" for bucket in sources],
        ),
        allow(
            ["s3:ReplicateDelete", "s3:ReplicateObject", "s3:ReplicateTags"],
            [f"{bucket.arn}/*" for bucket in replicas],
        ),
        allow(["kms:Decrypt"], [keys.data.arn], condition=via_s3(environment.region)),
        allow(["kms:GenerateDataKey"], [keys.backup.arn], condition=via_s3(environment.backup_region)),
    ]
