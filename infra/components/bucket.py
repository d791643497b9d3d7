"""An S3 bucket as all of a stack's are: private, encrypted, versioned, TLS only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.component import Component
from infra.documents.policies import Statement, deny_insecure_transport, document
from infra.environment import Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketArgs:
    """`statements` extend the policy; `key` None means SSE-S3, see docs/infrastructure.md."""

    bucket: str
    key: pulumi.Input[str] | None
    lifecycle: Sequence[Mapping[str, Any]]
    provider: aws.Provider
    statements: Sequence[Statement] = ()
    log_bucket: pulumi.Input[str] | None = None


class Bucket(Component):
    """A bucket with its policy, encryption, versions and lifecycle."""

    def __init__(self, name: str, environment: Environment, args: BucketArgs) -> None:
        super().__init__(name, environment)
        self._provider = args.provider
        self.resource = aws.s3.Bucket(name, bucket=args.bucket, opts=self._options())
        self.bucket = args.bucket
        self.arn = f"arn:aws:s3:::{args.bucket}"
        self.id = self.resource.id
        self._lock_down()
        self._encrypt(args.key)
        self.versioning = aws.s3.BucketVersioning(
            name, bucket=self.id, versioning_configuration={"status": "Enabled"}, opts=self._options()
        )
        aws.s3.BucketLifecycleConfiguration(
            name,
            bucket=self.id,
            rules=[_ABORT_UPLOADS, *args.lifecycle],
            # Rules for noncurrent versions need versioning to be on first.
            opts=self._options(depends_on=[self.versioning]),
        )
        self.policy = aws.s3.BucketPolicy(
            name,
            bucket=self.id,
            policy=pulumi.Output.json_dumps(document([*deny_insecure_transport(self.arn), *args.statements])),
            opts=self._options(),
        )
        if args.log_bucket is not None:
            aws.s3.BucketLogging(
                name,
                bucket=self.id,
                target_bucket=args.log_bucket,
                target_prefix=f"s3/{args.bucket}/",
                opts=self._options(),
            )
        self.register_outputs({"bucket": self.id})

    def _options(self, **more: Any) -> pulumi.ResourceOptions:
        return self.options(provider=self._provider, **more)

    def _lock_down(self) -> None:
        aws.s3.BucketPublicAccessBlock(
            self.name,
            bucket=self.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self._options(),
        )
        aws.s3.BucketOwnershipControls(
            self.name,
            bucket=self.id,
            rule={"object_ownership": "BucketOwnerEnforced"},
            opts=self._options(),
        )

    def _encrypt(self, key: pulumi.Input[str] | None) -> None:
        default = (
            {"sse_algorithm": "AES256"}
            if key is None
            else {"sse_algorithm": "aws:kms", "kms_master_key_id": key}
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            self.name,
            bucket=self.id,
            rules=[
                {
                    "apply_server_side_encryption_by_default": default,
                    "bucket_key_enabled": key is not None,
                }
            ],
            opts=self._options(),
        )


_ABORT_UPLOADS = {
    "id": "abort-uploads",
    "status": "Enabled",
    "filter": {"prefix": ""},
    "abort_incomplete_multipart_upload": {"days_after_initiation": 7},
}
