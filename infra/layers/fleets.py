"""What fleets are built from, what their containers read, and where they write their metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bluegreen.contract import Tier
from infra.components.compute import Compute, ComputeArgs
from infra.components.configuration import Configuration, ConfigurationArgs
from infra.components.machine_image import MachineImage, MachineImageArgs
from infra.components.prometheus import Prometheus, PrometheusArgs
from infra.components.tasks import Tasks
from infra.documents.contract_document import license_secret
from infra.documents.subnets import SubnetTier
from infra.environment import Environment
from infra.layers.foundation import STORE_ROLES, Foundation
from infra.layers.stores import Stores
from infra.settings import Role, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleets:
    """The components of the layer."""

    prometheus: Prometheus
    configuration: Configuration
    tiers: Mapping[Tier, Compute]
    secret_names: tuple[str, ...]
    """Everything that must exist before a release (P7)."""


def build_fleets(
    settings: Settings, environment: Environment, foundation: Foundation, stores: Stores
) -> Fleets:
    """Build the layer."""
    prometheus = Prometheus(
        "prometheus",
        environment,
        PrometheusArgs(
            alerts=foundation.alerts,
            logs_key=foundation.keys.logs.arn,
            log_days=settings.telemetry.log_days,
            tiers=[str(tier) for tier in settings.tiers],
            has_ai=any(Role.AI in tier.roles for tier in settings.tiers.values()),
        ),
    )
    configuration = Configuration(
        "configuration",
        environment,
        ConfigurationArgs(
            settings=settings.application,
            addresses={
                "ASSETS_BUCKET": foundation.storage.assets.bucket,
                "INTERNAL_URL": f"https://{settings.internal_name}",
                "SITE_URL": f"https://{settings.domain}",
                "TRAINING_DATA_BUCKET": foundation.storage.training_data.bucket,
                **stores.addresses(),
            },
            keys=foundation.keys,
        ),
    )
    Tasks("tasks", environment, sorted({tier.image_repository for tier in settings.tiers.values()}))
    secret_names = (*stores.secret_names(environment), *configuration.secret_names)
    if settings.telemetry.new_relic:
        secret_names = (*secret_names, license_secret(environment))
    image = MachineImage(
        "machine-image",
        environment,
        MachineImageArgs(
            settings=settings.machine_image,
            keys=foundation.keys,
            subnet_id=foundation.network.subnets[SubnetTier.PRIVATE][0],
            security_group_id=foundation.firewall.groups[next(iter(settings.tiers))].id,
        ),
    )
    tiers = {
        tier: Compute(
            f"compute-{tier}",
            environment,
            ComputeArgs(
                tier=tier,
                settings=wanted,
                security_group_id=foundation.firewall.groups[tier].id,
                image_id=image.id,
                keys=foundation.keys,
                storage=foundation.storage,
                # The web tier needs no secret: it serves pages and passes everything else on.
                secret_names=secret_names if STORE_ROLES & set(wanted.roles) else (),
                metrics_url=prometheus.workspace.prometheus_endpoint,
                metrics_arn=prometheus.workspace.arn,
                log_days=settings.telemetry.log_days,
            ),
        )
        for tier, wanted in settings.tiers.items()
    }
    return Fleets(prometheus=prometheus, configuration=configuration, tiers=tiers, secret_names=secret_names)
