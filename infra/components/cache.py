"""The cache: ElastiCache for Redis in cluster mode (E6, M3)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.component import Component, Findings
from infra.components.encryption import Encryption
from infra.environment import Environment
from infra.settings import CacheSettings

PORT = 6379


ACCEPTED: Findings = {
    ("CKV2_AWS_57", "cache"): "The token is the stack's secret cacheAuthToken; the runbook rotates it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheArgs:
    """`auth_token` is the stack's secret `cacheAuthToken`."""

    settings: CacheSettings
    auth_token: pulumi.Output[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    security_group_id: pulumi.Input[str]
    keys: Encryption
    log_days: int


class Cache(Component):
    """Shards over the zones, TLS and a token on every connection."""

    def __init__(self, name: str, environment: Environment, args: CacheArgs) -> None:
        super().__init__(name, environment)
        self._args = args
        settings = args.settings
        groups = aws.elasticache.SubnetGroup(name, subnet_ids=list(args.subnet_ids), opts=self.options())
        # The family names its major version since Redis 7; cluster mode must be on in the group too.
        parameters = aws.elasticache.ParameterGroup(
            name,
            family="redis7",
            parameters=[
                {"name": "cluster-enabled", "value": "yes"},
                {"name": "maxmemory-policy", "value": "allkeys-lru"},
            ],
            opts=self.options(),
        )
        self.replication_group_id = environment.name
        self.group = aws.elasticache.ReplicationGroup(
            name,
            replication_group_id=self.replication_group_id,
            description=f"SportCoach {environment.stack}",
            engine="redis",
            engine_version=settings.engine_version,
            node_type=settings.node_type,
            num_node_groups=settings.shards,
            replicas_per_node_group=settings.replicas_per_shard,
            port=PORT,
            parameter_group_name=parameters.name,
            subnet_group_name=groups.name,
            security_group_ids=[args.security_group_id],
            # Cluster mode requires failover to be on, even where a shard has nothing to fail over to.
            automatic_failover_enabled=True,
            multi_az_enabled=settings.replicas_per_shard > 0,
            at_rest_encryption_enabled=True,
            kms_key_id=args.keys.data.arn,
            transit_encryption_enabled=True,
            auth_token=args.auth_token,
            snapshot_retention_limit=settings.snapshot_days,
            snapshot_window="16:00-17:00",
            maintenance_window="sun:19:30-sun:20:30",
            auto_minor_version_upgrade=True,
            log_delivery_configurations=self._logs(),
            opts=self.options(protect=True),
        )
        self.secret = self._secret()
        self.register_outputs({"endpoint": self.group.configuration_endpoint_address})

    def node_ids(self) -> list[str]:
        """The cache cluster ids of all nodes: `<group>-<shard>-<node>`, shards counted from 0001."""
        settings = self._args.settings
        return [
            f"{self.replication_group_id}-{shard:04d}-{node:03d}"
            for shard in range(1, settings.shards + 1)
            for node in range(1, settings.replicas_per_shard + 2)
        ]

    def _logs(self) -> list[dict[str, pulumi.Input[str]]]:
        return [
            {
                "destination": self.log_group(
                    kind,
                    f"/aws/elasticache/{self.environment.name}/{kind}",
                    days=self._args.log_days,
                    key=self._args.keys.logs.arn,
                ).name,
                "destination_type": "cloudwatch-logs",
                "log_format": "json",
                "log_type": kind,
            }
            for kind in ("slow-log", "engine-log")
        ]

    def _secret(self) -> aws.secretsmanager.Secret:
        secret = aws.secretsmanager.Secret(
            self.name,
            name=self.environment.secret_name("cache"),
            kms_key_id=self._args.keys.data.arn,
            description="Host and AUTH token of the cache",
            opts=self.options(protect=True),
        )
        content = pulumi.Output.all(self.group.configuration_endpoint_address, self._args.auth_token).apply(
            lambda known: json.dumps({"host": known[0], "port": PORT, "auth_token": known[1], "tls": True})
        )
        aws.secretsmanager.SecretVersion(
            self.name, secret_id=secret.id, secret_string=content, opts=self.options()
        )
        return secret
