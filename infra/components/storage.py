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
from infra.components.replication import Replication, ReplicationArgs
from infra.documents.bucket_documents import (
    TO_COLD_STORAGE,
    cdn_reads,
    expire,
    expire_old,
    firewall_log_writers,
    log_writers,
)
from infra.documents.policies import Statement
from infra.environment import Environment
from infra.settings import StorageSettings

ACCEPTED: Findings = {
    ("CKV2_AWS_62", "storage-*"): "Nothing reacts to single objects",
    (
        "CKV_AWS_144",
        "storage-logs",
    ): "Logs expire after about a year; the audit trail is in CloudWatch as well",
    (
        "CKV_AWS_145",
        "storage-logs",
    ): "Load balancer and S3 access logs can only be written under SSE-S3 (AES-256)",
    (
        "CKV_AWS_144",
        "storage-firewall-logs",
    ): "Logs expire; an attack is in the alarms and in the search",
    (
        "CKV_AWS_145",
        "storage-firewall-logs",
    ): "As storage-logs, so that one reader needs one way to read; authorization and cookies are redacted",
}


UNPROTECTED: Findings = {
    ("CKV_AWS_144", "storage-*"): "Only prod's data are worth a copy in another region (E1)",
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
        self.firewall_logs = self._firewall_bucket()
        self.assets = self._assets_bucket()
        old_versions = expire_old("old-versions", args.settings.noncurrent_days)
        # A model version is a prefix of its own and never expires: every release can be restored (A2).
        self.models = self._bucket("models", lifecycle=[old_versions])
        end_of_life = expire("end-of-life", args.settings.training_data_days)
        self.training_data = self._bucket(
            "training-data", lifecycle=[{**end_of_life, "transitions": TO_COLD_STORAGE}, old_versions]
        )
        self.audited = [self.training_data.arn, self.models.arn]
        """Buckets whose every access the trail records, as ARNs."""
        if args.settings.replicate:
            replicate = ReplicationArgs(
                sources=[self.assets, self.models, self.training_data],
                keys=args.keys,
                noncurrent_days=args.settings.noncurrent_days,
            )
            Replication("replication", environment, replicate)
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

    def _firewall_bucket(self) -> Bucket:
        """The web ACLs write here; WAF asks for the prefix of the name."""
        settings = self._args.settings
        name = f"aws-waf-logs-{settings.bucket_prefix}"
        return Bucket(
            f"{self.name}-firewall-logs",
            self.environment,
            BucketArgs(
                bucket=name,
                key=None,
                lifecycle=[
                    expire("logs", settings.log_days),
                    expire_old("logs-old", settings.noncurrent_days),
                ],
                provider=self.environment.providers.main,
                statements=firewall_log_writers(f"arn:aws:s3:::{name}", self.environment.account_id),
                log_bucket=self.logs.id,
            ),
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
