"""One environment, layer by layer, in the order of their dependencies."""

from __future__ import annotations

import json
from typing import Any

import pulumi

from infra.components.dns import unvalidated_certificates
from infra.components.machine_image import missing_image
from infra.environment import Environment
from infra.layers.fleets import build_fleets
from infra.layers.foundation import lay_foundation
from infra.layers.front_door import build_front_door
from infra.layers.releases import Below, build_releases
from infra.layers.stores import build_stores
from infra.layers.watch import build_watch
from infra.settings import Settings, SettingsError


def build(settings: Settings, config: pulumi.Config) -> dict[str, Any]:
    """Register the whole environment; returns what `pulumi stack output` shows.

    Raises SettingsError for what only the account can tell to be wrong, before anything is registered.
    """
    environment = Environment.of(settings)
    faults = [*missing_image(settings, environment), *unvalidated_certificates(settings, environment)]
    if faults:
        raise SettingsError(settings.stack, faults)
    foundation = lay_foundation(settings, environment, config)
    stores = build_stores(settings, environment, config, foundation)
    door = build_front_door(settings, environment, config, foundation)
    fleets = build_fleets(settings, environment, foundation, stores)
    below = Below(foundation=foundation, stores=stores, door=door, fleets=fleets)
    releases = build_releases(settings, environment, below)
    watch = build_watch(settings, environment, config, below, releases)
    storage, delivery = foundation.storage, releases.delivery
    return {
        "contract": releases.contract_parameter.document.apply(json.loads),
        "contract_parameter": releases.contract_parameter.parameter.name,
        "url": f"https://{settings.domain}",
        "dashboard_url": watch.dashboard.url,
        "real_users": watch.real_users and watch.real_users.snippet(),
        "prometheus_url": fleets.prometheus.workspace.prometheus_endpoint,
        "name_servers": door.dns.zone.name_servers,
        "load_balancer": door.balancer.resource.dns_name,
        "buckets": {
            "assets": storage.assets.bucket,
            "models": storage.models.bucket,
            "training_data": storage.training_data.bucket,
            "logs": storage.logs.bucket,
        },
        "database": stores.database.primary.endpoint,
        "state_table": delivery.table_name,
        "deploy_role_arn": delivery.deployer.arn,
        "plan_role_arn": delivery.planner.arn,
        "operator_role_arn": delivery.operator.arn,
        "restore_role_arn": delivery.restorer.arn,
    }
