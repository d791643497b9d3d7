"""Database and cache, and how applications find them."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from infra.components.cache import Cache, CacheArgs
from infra.components.database import Database, DatabaseArgs
from infra.components.placement import Placement
from infra.documents.subnets import SubnetTier
from infra.environment import Environment
from infra.layers.foundation import Foundation
from infra.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """The components of the layer."""

    database: Database
    cache: Cache | None

    def cache_nodes(self) -> list[str]:
        """The node ids of the cache; none where there is no cache."""
        return self.cache.node_ids() if self.cache else []

    def secret_names(self, environment: Environment) -> tuple[str, ...]:
        """Secrets Manager names of host and password of each store."""
        names = ("database", "cache") if self.cache else ("database",)
        return tuple(environment.secret_name(name) for name in names)

    def addresses(self) -> dict[str, pulumi.Input[str]]:
        """Hosts by the name of their environment variable."""
        replica = self.database.replica or self.database.primary
        found: dict[str, pulumi.Input[str]] = {
            "DATABASE_HOST": self.database.primary.address,
            "DATABASE_READ_HOST": replica.address,
        }
        if self.cache:
            found["CACHE_HOST"] = self.cache.group.configuration_endpoint_address
        return found


def build_stores(
    settings: Settings, environment: Environment, config: pulumi.Config, foundation: Foundation
) -> Stores:
    """Build the layer."""
    database = Database(
        "database",
        environment,
        DatabaseArgs(
            settings=settings.database,
            password=config.require_secret("databasePassword"),
            app_password=config.require_secret("databaseAppPassword"),
            placement=_placement(settings, foundation, "database"),
        ),
    )
    cache: Cache | None = None
    if settings.cache:
        cache = Cache(
            "cache",
            environment,
            CacheArgs(
                settings=settings.cache,
                auth_token=config.require_secret("cacheAuthToken"),
                placement=_placement(settings, foundation, "cache"),
            ),
        )
    return Stores(database=database, cache=cache)


def _placement(settings: Settings, foundation: Foundation, group: str) -> Placement:
    return Placement(
        subnet_ids=foundation.network.subnets[SubnetTier.DATA],
        security_group_id=foundation.firewall.groups[group].id,
        keys=foundation.keys,
        log_days=settings.telemetry.log_days,
    )
