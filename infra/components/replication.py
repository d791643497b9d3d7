"""Copies of buckets in the backup region (E1, E7, A5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi_aws as aws

from infra.component import Component, Findings
from infra.components.bucket import Bucket, BucketArgs
from infra.components.encryption import Encryption
from infra.documents.bucket_documents import expire_old, replication_statements
from infra.documents.trust import service_trust
from infra.environment import Environment

ACCEPTED: Findings = {
    ("CKV_AWS_144", "storage-*-replica"): "It is the replica itself",
    (
        "CKV_AWS_18",
        "storage-*-replica",
    ): "The trail records every access to copies of models and training data; assets are public",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicationArgs:
    """`noncurrent_days` is how long a replica keeps a version that was replaced."""

    sources: Sequence[Bucket]
    keys: Encryption
    noncurrent_days: int


class Replication(Component):
    """A replica of each source, under the backup region's key."""

    def __init__(self, name: str, environment: Environment, args: ReplicationArgs) -> None:
        super().__init__(name, environment)
        keys, sources = args.keys, args.sources
        replicas = [
            Bucket(
                f"{source.name}-replica",
                environment,
                BucketArgs(
                    bucket=f"{source.bucket}-replica",
                    key=keys.backup.arn,
                    lifecycle=[expire_old("old-versions", args.noncurrent_days)],
                    provider=environment.providers.backup,
                ),
            )
            for source in sources
        ]
        role = self.role(
            "role",
            trust=service_trust("s3.amazonaws.com", account_id=environment.account_id),
            statements=replication_statements(
                environment,
                sources=[bucket.arn for bucket in sources],
                replicas=[bucket.arn for bucket in replicas],
                source_key=keys.data.arn,
                replica_key=keys.backup.arn,
            ),
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
        self.register_outputs({})
