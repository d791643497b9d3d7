"""The cache: ElastiCache for Redis in cluster mode (E6, M3)."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.component import Component, Findings
from infra.components.placement import Placement
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
    placement: Placement


class Cache(Component):
    """Shards across the zones; every connection uses TLS and a token."""

    def __init__(self, name: str, environment: Environment, args: CacheArgs) -> None:
        super().__init__(name, environment)
        self._args = args
        self.replication_group_id = environment.name
        self.group = self._replication_group()
        self._secret()
        self.register_outputs({"endpoint": self.group.configuration_endpoint_address})

    def _replication_group(self) -> aws.elasticache.ReplicationGroup:
        args, settings = self._args, self._args.settings
        return aws.elasticache.ReplicationGroup(
            self.name,
            replication_group_id=self.replication_group_id,
            description=f"SportCoach {self.environment.stack}",
            engine="redis",
            engine_version=settings.engine_version,
            node_type=settings.node_type,
            num_node_groups=settings.shards,
            replicas_per_node_group=settings.replicas_per_shard,
            port=PORT,
            parameter_group_name=self._parameter_group().name,
            subnet_group_name=self._subnet_group().name,
            security_group_ids=[args.placement.security_group_id],
            # Cluster mode requires failover to be on, even if a shard has nothing to fail over to.
            automatic_failover_enabled=True,
            multi_az_enabled=settings.replicas_per_shard > 0,
            at_rest_encryption_enabled=True,
            kms_key_id=args.placement.keys.data.arn,
            transit_encryption_enabled=True,
            auth_token=args.auth_token,
            snapshot_retention_limit=settings.snapshot_days,
            snapshot_window="16:00-17:00",
            maintenance_window="sun:19:30-sun:20:30",
            auto_minor_version_upgrade=True,
            log_delivery_configurations=self._logs(),
            opts=self.options(),
        )

    def _subnet_group(self) -> aws.elasticache.SubnetGroup:
        return aws.elasticache.SubnetGroup(
            self.name, subnet_ids=list(self._args.placement.subnet_ids), opts=self.options()
        )

    def _parameter_group(self) -> aws.elasticache.ParameterGroup:
        """Redis 7 names its family after the major version; cluster mode must be on in the group too."""
        return aws.elasticache.ParameterGroup(
            self.name,
            family="redis7",
            parameters=[
                {"name": "cluster-enabled", "value": "yes"},
                {"name": "maxmemory-policy", "value": "allkeys-lru"},
            ],
            opts=self.options(),
        )

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
                    days=self._args.placement.log_days,
                    key=self._args.placement.keys.logs.arn,
                ).name,
                "destination_type": "cloudwatch-logs",
                "log_format": "json",
                "log_type": kind,
            }
            for kind in ("slow-log", "engine-log")
        ]

    def _secret(self) -> None:
        content = pulumi.Output.json_dumps(
            {
                "host": self.group.configuration_endpoint_address,
                "port": PORT,
                "auth_token": self._args.auth_token,
                "tls": True,
            }
        )
        self.secret(
            "cache",
            "Host and AUTH token of the cache",
            key=self._args.placement.keys.data.arn,
            content=content,
        )
