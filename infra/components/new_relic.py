"""Every CloudWatch metric to New Relic, within two or three minutes (M4)."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.component import Component, Findings
from infra.components.encryption import Encryption
from infra.components.storage import Storage
from infra.documents.contract_document import query_secret
from infra.documents.policies import allow, service_trust
from infra.environment import Environment

ENDPOINT = "https://aws-api.newrelic.com/cloudwatch-metrics/v1"
NAMESPACES = (
    "AWS/ApplicationELB",
    "AWS/AutoScaling",
    "AWS/CloudFront",
    "AWS/EC2",
    "AWS/ElastiCache",
    "AWS/RDS",
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
    """A metric stream, and the key that sc-deploy asks with; what New Relic refuses is kept in S3."""

    def __init__(self, name: str, environment: Environment, args: NewRelicArgs) -> None:
        super().__init__(name, environment)
        secret = aws.secretsmanager.Secret(
            name,
            name=environment.secret_name("new-relic"),
            kms_key_id=args.keys.data.arn,
            description="License key of New Relic, read by Firehose",
            opts=self.options(),
        )
        version = aws.secretsmanager.SecretVersion(
            name,
            secret_id=secret.id,
            secret_string=args.license_key.apply(lambda key: json.dumps({"api_key": key})),
            opts=self.options(),
        )
        # Its value is put in by an operator: streams are fed with a license key, queries need a user key.
        aws.secretsmanager.Secret(
            f"{name}-query",
            name=query_secret(environment),
            kms_key_id=args.keys.data.arn,
            description="User key of New Relic, read by sc-deploy for its queries",
            opts=self.options(),
        )
        account = environment.account_id
        logs = args.storage.logs.arn
        delivery = self.role(
            "delivery",
            trust=service_trust("firehose.amazonaws.com", account_id=account),
            statements=[
                allow(["s3:AbortMultipartUpload", "s3:PutObject"], [f"{logs}/new-relic-failed/*"]),
                allow(["s3:GetBucketLocation", "s3:ListBucket"], [logs]),
                allow(["secretsmanager:GetSecretValue"], [secret.arn]),
                allow(["kms:Decrypt"], [args.keys.data.arn]),
            ],
        )
        stream = aws.kinesis.FirehoseDeliveryStream(
            name,
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
                    "secret_arn": secret.arn,
                    "role_arn": delivery.arn,
                },
                "request_configuration": {"content_encoding": "GZIP"},
                "s3_configuration": {
                    "bucket_arn": logs,
                    "role_arn": delivery.arn,
                    "prefix": "new-relic-failed/",
                    "compression_format": "GZIP",
                },
            },
            server_side_encryption={
                "enabled": True,
                "key_type": "CUSTOMER_MANAGED_CMK",
                "key_arn": args.keys.logs.arn,
            },
            opts=self.options(depends_on=[version]),
        )
        sender = self.role(
            "sender",
            trust=service_trust("streams.metrics.cloudwatch.amazonaws.com", account_id=account),
            statements=[allow(["firehose:PutRecord", "firehose:PutRecordBatch"], [stream.arn])],
        )
        aws.cloudwatch.MetricStream(
            name,
            name=environment.name,
            role_arn=sender.arn,
            firehose_arn=stream.arn,
            output_format="opentelemetry0.7",
            include_filters=[
                {"namespace": namespace} for namespace in (*NAMESPACES, f"SportCoach/{environment.stack}")
            ],
            opts=self.options(),
        )
        self.register_outputs({"stream": stream.arn})
