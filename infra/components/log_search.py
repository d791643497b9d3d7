"""Log search: log groups through Firehose into OpenSearch (M5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.component import Component, Findings
from infra.components.encryption import Encryption
from infra.components.storage import Storage
from infra.documents.log_delivery import UNPACK, delivery_statements
from infra.documents.policies import allow, document
from infra.documents.trust import service_trust
from infra.environment import Environment
from infra.settings import OpenSearchSettings

ACCEPTED: Findings = {
    (
        "CKV2_AWS_52",
        "log-search",
    ): "Firehose would need a role mapping inside the domain; IAM and the VPC decide who reads",
    (
        "CKV_AWS_317",
        "log-search",
    ): "Audit logs need fine-grained access control, see above; CloudTrail records the API",
    (
        "CKV2_AWS_59",
        "log-search",
    ): "Two data nodes of searchable copies: the logs themselves are kept in CloudWatch",
    (
        "CKV_AWS_318",
        "log-search",
    ): "As for CKV2_AWS_59: three master nodes would cost more than the data nodes",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSearchArgs:
    """`log_groups` by the name of their subscription."""

    settings: OpenSearchSettings
    subnet_ids: Sequence[pulumi.Input[str]]
    security_group: aws.ec2.SecurityGroup
    reader_arns: Sequence[pulumi.Input[str]]
    keys: Encryption
    storage: Storage
    log_groups: Mapping[str, aws.cloudwatch.LogGroup]
    log_days: int


class LogSearch(Component):
    """The domain in the VPC, and the stream that feeds it."""

    def __init__(self, name: str, environment: Environment, args: LogSearchArgs) -> None:
        super().__init__(name, environment)
        self._args = args
        self._delivery = self.role(
            "delivery",
            trust=service_trust("firehose.amazonaws.com", account_id=environment.account_id),
            statements=delivery_statements(environment, args.storage.logs.arn),
        )
        self.domain = self._domain()
        self._within_group()
        self.stream = self._stream()
        self._subscribe()
        self.register_outputs({"endpoint": self.domain.endpoint})

    def _domain(self) -> aws.opensearch.Domain:
        args, environment = self._args, self.environment
        # A domain in a VPC needs its service-linked role to exist, of which an account has one.
        ready = (
            [
                aws.iam.ServiceLinkedRole(
                    self.name, aws_service_name="opensearchservice.amazonaws.com", opts=self.options()
                )
            ]
            if environment.account_wide
            else []
        )
        return aws.opensearch.Domain(
            self.name,
            domain_name=f"{environment.name}-logs",
            engine_version="OpenSearch_2.19",
            cluster_config={
                "instance_type": args.settings.instance_type,
                "instance_count": args.settings.nodes,
                "zone_awareness_enabled": args.settings.nodes > 1,
                "zone_awareness_config": {"availability_zone_count": len(args.subnet_ids)}
                if args.settings.nodes > 1
                else None,
            },
            ebs_options={"ebs_enabled": True, "volume_type": "gp3", "volume_size": args.settings.storage_gb},
            encrypt_at_rest={"enabled": True, "kms_key_id": args.keys.logs.arn},
            node_to_node_encryption={"enabled": True},
            domain_endpoint_options={
                "enforce_https": True,
                "tls_security_policy": "Policy-Min-TLS-1-2-PFS-2023-10",
            },
            vpc_options={
                "subnet_ids": list(args.subnet_ids)[: args.settings.nodes],
                "security_group_ids": [args.security_group.id],
            },
            auto_tune_options={"desired_state": "ENABLED", "rollback_on_disable": "NO_ROLLBACK"}
            if not args.settings.instance_type.startswith("t")
            else None,
            log_publishing_options=self._own_logs(),
            access_policies=self._access(),
            opts=self.options(depends_on=ready),
        )

    def _access(self) -> pulumi.Output[str]:
        domain = self.environment.arn("es", f"domain/{self.environment.name}-logs")
        return pulumi.Output.json_dumps(
            document(
                [
                    allow(
                        ["es:ESHttpGet", "es:ESHttpPost", "es:ESHttpPut"],
                        [f"{domain}/*"],
                        principal={"AWS": [self._delivery.arn, *self._args.reader_arns]},
                    )
                ]
            )
        )

    def _own_logs(self) -> list[dict[str, pulumi.Input[str]]]:
        groups = {
            kind: self.log_group(
                kind.lower().replace("_", "-"),
                f"/aws/opensearch/{self.environment.name}/{kind.lower().replace('_', '-')}",
                days=self._args.log_days,
                key=self._args.keys.logs.arn,
            )
            for kind in ("ES_APPLICATION_LOGS", "INDEX_SLOW_LOGS", "SEARCH_SLOW_LOGS")
        }
        aws.cloudwatch.LogResourcePolicy(
            self.name,
            policy_name=f"{self.environment.name}-opensearch",
            policy_document=pulumi.Output.json_dumps(
                document(
                    [
                        allow(
                            ["logs:CreateLogStream", "logs:PutLogEvents"],
                            [pulumi.Output.concat(group.arn, ":*") for group in groups.values()],
                            principal={"Service": "es.amazonaws.com"},
                            condition={"StringEquals": {"aws:SourceAccount": self.environment.account_id}},
                        )
                    ]
                )
            ),
            opts=self.options(),
        )
        return [{"log_type": kind, "cloudwatch_log_group_arn": group.arn} for kind, group in groups.items()]

    def _within_group(self) -> None:
        """Firehose's network interfaces use the domain's own group, which must let them reach the domain."""
        group = self._args.security_group.id
        rule = {"ip_protocol": "tcp", "from_port": 443, "to_port": 443, "security_group_id": group}
        aws.vpc.SecurityGroupIngressRule(
            self.name, referenced_security_group_id=group, description="Firehose", opts=self.options(), **rule
        )
        aws.vpc.SecurityGroupEgressRule(
            self.name, referenced_security_group_id=group, description="Domain", opts=self.options(), **rule
        )

    def _stream(self) -> aws.kinesis.FirehoseDeliveryStream:
        args = self._args
        return aws.kinesis.FirehoseDeliveryStream(
            self.name,
            destination="opensearch",
            opensearch_configuration={
                "domain_arn": self.domain.arn,
                "role_arn": self._delivery.arn,
                "index_name": "logs",
                "index_rotation_period": "OneDay",
                "buffering_interval": 60,
                "buffering_size": 5,
                "retry_duration": 300,
                "s3_backup_mode": "FailedDocumentsOnly",
                "s3_configuration": {
                    "bucket_arn": args.storage.logs.arn,
                    "role_arn": self._delivery.arn,
                    "prefix": "search-failed/",
                    "compression_format": "GZIP",
                },
                "processing_configuration": {"enabled": True, "processors": UNPACK},
                "vpc_config": {
                    "role_arn": self._delivery.arn,
                    "subnet_ids": list(args.subnet_ids),
                    "security_group_ids": [args.security_group.id],
                },
            },
            server_side_encryption={
                "enabled": True,
                "key_type": "CUSTOMER_MANAGED_CMK",
                "key_arn": args.keys.logs.arn,
            },
            opts=self.options(),
        )

    def _subscribe(self) -> None:
        role = self.role(
            "subscription",
            trust=service_trust(
                "logs.amazonaws.com",
                account_id=self.environment.account_id,
                source_arn=self.environment.arn("logs", "*"),
            ),
            statements=[allow(["firehose:PutRecord", "firehose:PutRecordBatch"], [self.stream.arn])],
        )
        for name, group in self._args.log_groups.items():
            aws.cloudwatch.LogSubscriptionFilter(
                f"{self.name}-{name}",
                log_group=group.name,
                filter_pattern="",
                destination_arn=self.stream.arn,
                role_arn=role.arn,
                opts=self.options(),
            )
