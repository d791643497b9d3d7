"""What everything else builds on: keys, topics, buckets, network, security groups."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from infra.components.alerts import Alerts, AlertsArgs
from infra.components.encryption import Encryption
from infra.components.firewall import Firewall, FirewallArgs
from infra.components.network import Network, NetworkArgs
from infra.components.storage import Storage, StorageArgs
from infra.environment import Environment
from infra.settings import Role, Settings

STORE_ROLES = frozenset({Role.APP, Role.AI})
"""Roles whose containers connect to the database and the cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundation:
    """The components of the layer."""

    keys: Encryption
    alerts: Alerts
    storage: Storage
    network: Network
    firewall: Firewall


def lay_foundation(settings: Settings, environment: Environment, config: pulumi.Config) -> Foundation:
    """Build the layer."""
    keys = Encryption("encryption", environment)
    pagerduty = config.require_secret("pagerDutyEndpoint") if settings.alerts.pagerduty else None
    alerts = Alerts(
        "alerts",
        environment,
        AlertsArgs(
            settings=settings.alerts,
            secrets_key=keys.data.arn,
            pagerduty=pagerduty,
            key=keys.logs.arn,
            outside_key=keys.us_east_1.arn if settings.telemetry.outside_check else None,
        ),
    )
    storage = Storage(
        "storage",
        environment,
        StorageArgs(settings=settings.storage, keys=keys, cors_origins=_cors_origins(settings)),
    )
    network = Network("network", environment, NetworkArgs(settings=settings.network, logs_key=keys.logs.arn))
    firewall = Firewall(
        "firewall",
        environment,
        FirewallArgs(
            network=network,
            ports={tier: wanted.port for tier, wanted in settings.tiers.items()},
            stores=frozenset(
                tier for tier, wanted in settings.tiers.items() if STORE_ROLES & set(wanted.roles)
            ),
            behind_cdn=settings.edge is not None,
        ),
    )
    return Foundation(keys=keys, alerts=alerts, storage=storage, network=network, firewall=firewall)


def _cors_origins(settings: Settings) -> tuple[str, ...]:
    return settings.edge.cors_origins if settings.edge else (f"https://{settings.domain}",)
