"""What feeds the log search: log groups by a stream, stored logs by a queue, a pipeline for each (M5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.component import Component
from infra.components.encryption import Encryption
from infra.components.storage import Storage
from infra.components.stored_logs import STORED_PREFIXES, StoredLogs
from infra.documents.policies import allow
from infra.documents.search_pipelines import (
    PIPELINES,
    STORED,
    STREAMED,
    Sink,
    pipeline_name,
    pipeline_statements,
    stored,
    streamed,
)
from infra.documents.trust import service_trust
from infra.environment import Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFeedArgs:
    """`log_groups` by the name of their subscription; subnets and group are those of the domain."""

    keys: Encryption
    storage: Storage
    log_groups: Mapping[str, aws.cloudwatch.LogGroup]
    log_days: int
    subnet_ids: Sequence[pulumi.Input[str]]
    security_group_id: pulumi.Input[str]


class LogFeed(Component):
    """Stream and queue, and the role of the pipelines; `connect` starts them once the domain exists."""

    def __init__(self, name: str, environment: Environment, args: LogFeedArgs) -> None:
        super().__init__(name, environment)
        self._args = args
        self.stream_name = f"{environment.name}-logs"
        self.stream = aws.kinesis.Stream(
            name,
            name=self.stream_name,
            stream_mode_details={"stream_mode": "ON_DEMAND"},
            retention_period=24,
            encryption_type="KMS",
            kms_key_id=args.keys.logs.arn,
            opts=self.options(),
        )
        self._subscribe()
        self.queue = StoredLogs("stored-logs", environment, args.storage).queue
        self.role_of_pipelines = self._role()
        self.register_outputs({})

    def _subscribe(self) -> None:
        args = self._args
        role = self.role(
            "subscription",
            trust=service_trust(
                "logs.amazonaws.com",
                account_id=self.environment.account_id,
                source_arn=self.environment.arn("logs", "*"),
            ),
            statements=[
                allow(["kinesis:PutRecord"], [self.stream.arn], sid="Stream"),
                allow(["kms:GenerateDataKey"], [args.keys.logs.arn], sid="StreamKey"),
            ],
        )
        for name, group in args.log_groups.items():
            aws.cloudwatch.LogSubscriptionFilter(
                f"{self.name}-{name}",
                log_group=group.name,
                filter_pattern="",
                destination_arn=self.stream.arn,
                role_arn=role.arn,
                # One host's events stay in order.
                distribution="ByLogStream",
                opts=self.options(),
            )

    def _role(self) -> aws.iam.Role:
        args, environment = self._args, self.environment
        logs = args.storage.logs.arn
        return self.role(
            "pipelines",
            trust=service_trust(
                "osis-pipelines.amazonaws.com",
                account_id=environment.account_id,
                source_arn=environment.arn("osis", "pipeline/*"),
            ),
            statements=pipeline_statements(
                environment,
                stream=self.stream.arn,
                stream_key=args.keys.logs.arn,
                queue=self.queue.arn,
                read_buckets=[
                    *(f"{logs}/{prefix}*" for prefix in STORED_PREFIXES),
                    f"{args.storage.firewall_logs.arn}/*",
                ],
                failed_bucket=logs,
            ),
        )

    def connect(self, domain: aws.opensearch.Domain) -> None:
        """The pipelines into `domain`."""
        known = pulumi.Output.all(domain.endpoint, self.role_of_pipelines.arn, self.queue.url)
        bodies = known.apply(lambda found: self._bodies(found[0], found[1], found[2]))
        for kind in PIPELINES:
            self._pipeline(kind, bodies[kind], domain)

    def _bodies(self, endpoint: str, role_arn: str, queue_url: str) -> dict[str, str]:
        sink = Sink(
            endpoint=endpoint,
            region=self.environment.region,
            role_arn=role_arn,
            failed_bucket=self._args.storage.logs.bucket,
        )
        return {STREAMED: streamed(sink, self.stream_name), STORED: stored(sink, queue_url)}

    def _pipeline(self, kind: str, body: pulumi.Output[str], domain: aws.opensearch.Domain) -> None:
        args, name = self._args, pipeline_name(self.environment.stack, kind)
        group = self.log_group(
            kind, f"/aws/vendedlogs/OpenSearchIngestion/{name}", days=args.log_days, key=args.keys.logs.arn
        )
        aws.opensearchingest.Pipeline(
            f"{self.name}-{kind}",
            pipeline_name=name,
            min_units=1,
            max_units=2,
            pipeline_configuration_body=body,
            log_publishing_options={
                "is_logging_enabled": True,
                "cloudwatch_log_destination": {"log_group": group.name},
            },
            vpc_options={
                "subnet_ids": list(args.subnet_ids),
                "security_group_ids": [args.security_group_id],
            },
            opts=self.options(depends_on=[domain]),
        )
