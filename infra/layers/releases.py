"""What sc-deploy stands on: repositories, table, roles with their rights, and the contract."""

from __future__ import annotations

from dataclasses import dataclass

from infra.component import Environment
from infra.components.delivery import Delivery, DeliveryArgs
from infra.components.deploy_access import DeployAccess, DeployAccessArgs
from infra.components.handover import Handover, HandoverArgs
from infra.components.new_relic import query_secret
from infra.contract_document import Known, TierFacts, build_contract
from infra.deploy_policy import DeployScope
from infra.layers.fleets import Fleets
from infra.layers.foundation import Foundation
from infra.layers.front_door import FrontDoor
from infra.layers.stores import Stores
from infra.settings import Settings
from infra.subnets import SubnetTier

__all__ = ["Below", "Releases", "build_releases"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Below:
    """The layers that releases and the watch over a stack look at."""

    foundation: Foundation
    stores: Stores
    door: FrontDoor
    fleets: Fleets


@dataclass(frozen=True, slots=True, kw_only=True)
class Releases:
    """The components of the layer."""

    delivery: Delivery
    handover: Handover


def build_releases(settings: Settings, environment: Environment, below: Below) -> Releases:
    """Build the layer."""
    delivery = Delivery(
        "delivery",
        environment,
        DeliveryArgs(
            settings=settings.delivery,
            keys=below.foundation.keys,
            listener_arn=below.door.balancer.listener.arn,
        ),
    )
    DeployAccess(
        "deploy-access",
        environment,
        DeployAccessArgs(
            roles={"deploy": delivery.deployer, "operator": delivery.operator},
            scope=_scope(settings, environment, below, delivery),
        ),
    )
    handover = Handover(
        "contract",
        environment,
        HandoverArgs(
            contract=build_contract(environment, settings, _known(settings, below, delivery)),
            model_tiers=tuple(tier for tier, fleet in below.fleets.tiers.items() if fleet.has_model),
        ),
    )
    return Releases(delivery=delivery, handover=handover)


def _scope(settings: Settings, environment: Environment, below: Below, delivery: Delivery) -> DeployScope:
    tiers, foundation = below.fleets.tiers.values(), below.foundation
    return DeployScope(
        listener=below.door.balancer.listener.arn,
        launch_templates=[fleet.template.arn for fleet in tiers],
        instance_roles=[fleet.instance_role.arn for fleet in tiers],
        table=delivery.table.arn,
        topics=[foundation.alerts.critical.arn, foundation.alerts.warning.arn],
        watchdog_role=delivery.watchdog.arn,
        schedule_group=delivery.schedule_group_name,
        database=below.stores.database.identifier,
        repositories=settings.delivery.repositories,
        models_bucket=foundation.storage.models.bucket,
        secrets=below.fleets.secret_names,
        query_secrets=[query_secret(environment)] if settings.telemetry.new_relic else [],
        workspace=below.fleets.prometheus.workspace.arn,
        keys=[foundation.keys.data.arn, foundation.keys.logs.arn],
    )


def _known(settings: Settings, below: Below, delivery: Delivery) -> Known:
    foundation, subnets = below.foundation, below.foundation.network.subnets
    return Known(
        vpc_id=foundation.network.vpc.id,
        load_balancer_arn=below.door.balancer.resource.arn,
        listener_arn=below.door.balancer.listener.arn,
        critical_topic_arn=foundation.alerts.critical.arn,
        warning_topic_arn=foundation.alerts.warning.arn,
        watchdog_role_arn=delivery.watchdog.arn,
        prometheus_url=below.fleets.prometheus.workspace.prometheus_endpoint,
        tiers={
            tier: TierFacts(
                launch_template_id=fleet.template.id,
                subnet_ids=subnets[SubnetTier.PUBLIC if settings.tiers[tier].public else SubnetTier.PRIVATE],
                security_group_id=foundation.firewall.groups[tier].id,
            )
            for tier, fleet in below.fleets.tiers.items()
        },
        state_table=delivery.table_name,
        schedule_group=delivery.schedule_group_name,
        database=below.stores.database.identifier,
        parameters=below.fleets.configuration.parameter_names,
        secrets=below.fleets.secret_names,
    )
