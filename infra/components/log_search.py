"""Log search: OpenSearch in the VPC (M5); `log_feed.py` fills it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.component import Component, Findings
from infra.components.encryption import Encryption
from infra.documents.policies import allow, document
from infra.environment import Environment
from infra.settings import OpenSearchSettings

ACCEPTED: Findings = {
    (
        "CKV2_AWS_52",
        "log-search",
    ): "The pipelines would need a role mapping inside the domain; IAM and the VPC decide who reads",
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
    """`reader_arns` may search, `writer_arns` may write as well."""

    settings: OpenSearchSettings
    subnet_ids: Sequence[pulumi.Input[str]]
    security_group: aws.ec2.SecurityGroup
    reader_arns: Sequence[pulumi.Input[str]]
    writer_arns: Sequence[pulumi.Input[str]]
    keys: Encryption
    log_days: int


class LogSearch(Component):
    """The domain in the VPC."""

    def __init__(self, name: str, environment: Environment, args: LogSearchArgs) -> None:
        super().__init__(name, environment)
        self._args = args
        self.domain = self._domain()
        self._within_group()
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
                        ["es:ESHttpGet", "es:ESHttpHead", "es:ESHttpPost", "es:ESHttpPut"],
                        [f"{domain}/*"],
                        principal={"AWS": [*self._args.writer_arns, *self._args.reader_arns]},
                    ),
                    allow(["es:DescribeDomain"], [domain], principal={"AWS": list(self._args.writer_arns)}),
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
        """The pipelines' network interfaces are in the domain's own group, which must let them reach it."""
        group = self._args.security_group.id
        rule = {"ip_protocol": "tcp", "from_port": 443, "to_port": 443, "security_group_id": group}
        aws.vpc.SecurityGroupIngressRule(
            self.name,
            referenced_security_group_id=group,
            description="Pipelines",
            opts=self.options(),
            **rule,
        )
        aws.vpc.SecurityGroupEgressRule(
            self.name, referenced_security_group_id=group, description="Domain", opts=self.options(), **rule
        )
