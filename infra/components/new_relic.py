"""Every CloudWatch metric to New Relic, within two or three minutes (M4)."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from bluegreen.contract import host_namespace
from infra.component import Component, Findings
from infra.components.encryption import Encryption
from infra.components.storage import Storage
from infra.documents.contract_document import license_secret, query_secret
from infra.documents.policies import allow
from infra.documents.trust import service_trust
from infra.environment import Environment

ENDPOINT = "https://aws-api.newrelic.com/cloudwatch-metrics/v1"
NAMESPACES = (
    "AWS/ApplicationELB",
    "AWS/AutoScaling",
    "AWS/CloudFront",
    "AWS/EC2",
    "AWS/ES",
    "AWS/ElastiCache",
    "AWS/Kinesis",
    "AWS/OSIS",
    "AWS/RDS",
    "AWS/SQS",
    "AWS/Scheduler",
    "AWS/WAFV2",
    "SportCoach/AI",
)


ACCEPTED: Findings = {
    ("CKV2_AWS_57", "new-relic*"): "New Relic issues the keys; the runbook rotates them",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRelicArgs:
    """`license_key` is the stack's secret `newRelicLicenseKey`."""

    license_key: pulumi.Output[str]
    keys: Encryption
    storage: Storage


class NewRelic(Component):
    """A metric stream, and the key that sc-deploy queries with; what New Relic rejects is kept in S3."""

    def __init__(self, name: str, environment: Environment, args: NewRelicArgs) -> None:
        super().__init__(name, environment)
        self._args = args
        secret, version = self._license_key()
        # Its value is set by an operator: the stream needs a license key, queries need a user key.
        self._secret(f"{name}-query", query_secret(environment), "User key of New Relic, read by sc-deploy")
        delivery = self._delivery(secret)
        stream = self._firehose(secret, version, delivery)
        self._metrics(stream)
        self.register_outputs({"stream": stream.arn})

    def _secret(self, name: str, secret_name: str, description: str) -> aws.secretsmanager.Secret:
        return aws.secretsmanager.Secret(
            name,
            name=secret_name,
            kms_key_id=self._args.keys.data.arn,
            description=description,
            opts=self.options(),
        )

    def _license_key(self) -> tuple[aws.secretsmanager.Secret, aws.secretsmanager.SecretVersion]:
        secret = self._secret(
            self.name, license_secret(self.environment), "License key of New Relic: metric stream and agents"
        )
        version = aws.secretsmanager.SecretVersion(
            self.name,
            secret_id=secret.id,
            secret_string=self._args.license_key.apply(lambda key: json.dumps({"api_key": key})),
            opts=self.options(),
        )
        return secret, version

    def _delivery(self, license_key: aws.secretsmanager.Secret) -> aws.iam.Role:
        """Firehose reads the key, and writes what New Relic rejects to the log bucket."""
        logs = self._args.storage.logs.arn
        return self.role(
            "delivery",
            trust=service_trust("firehose.amazonaws.com", account_id=self.environment.account_id),
            statements=[
                allow(["s3:AbortMultipartUpload", "s3:PutObject"], [f"{logs}/new-relic-failed/*"]),
                allow(["s3:GetBucketLocation", "s3:ListBucket"], [logs]),
                allow(["secretsmanager:GetSecretValue"], [license_key.arn]),
                allow(["kms:Decrypt"], [self._args.keys.data.arn]),
            ],
        )

    def _firehose(
        self,
        license_key: aws.secretsmanager.Secret,
        version: aws.secretsmanager.SecretVersion,
        delivery: aws.iam.Role,
    ) -> aws.kinesis.FirehoseDeliveryStream:
        return aws.kinesis.FirehoseDeliveryStream(
            self.name,
            destination="http_endpoint",
            http_endpoint_configuration={
                "url": ENDPOINT,
                "name": "New Relic",
                "role_arn": delivery.arn,
                "buffering_interval": 60,
                "buffering_size": 1,
                "retry_duration": 60,
                "s3_backup_mode": "FailedDataOnly",
                "secrets_manager_configuration": {
                    "enabled": True,
                    "secret_arn": license_key.arn,
                    "role_arn": delivery.arn,
                },
                "request_configuration": {"content_encoding": "GZIP"},
                "s3_configuration": {
                    "bucket_arn": self._args.storage.logs.arn,
                    "role_arn": delivery.arn,
                    "prefix": "new-relic-failed/",
                    "compression_format": "GZIP",
                },
            },
            server_side_encryption={
                "enabled": True,
                "key_type": "CUSTOMER_MANAGED_CMK",
                "key_arn": self._args.keys.logs.arn,
            },
            # Firehose reads the key when the stream is created.
            opts=self.options(depends_on=[version]),
        )

    def _metrics(self, stream: aws.kinesis.FirehoseDeliveryStream) -> None:
        environment = self.environment
        sender = self.role(
            "sender",
            trust=service_trust(
                "streams.metrics.cloudwatch.amazonaws.com", account_id=environment.account_id
            ),
            statements=[allow(["firehose:PutRecord", "firehose:PutRecordBatch"], [stream.arn])],
        )
        namespaces = (*NAMESPACES, host_namespace(environment.stack))
        aws.cloudwatch.MetricStream(
            self.name,
            name=environment.name,
            role_arn=sender.arn,
            firehose_arn=stream.arn,
            output_format="opentelemetry0.7",
            include_filters=[{"namespace": namespace} for namespace in namespaces],
            opts=self.options(),
        )
