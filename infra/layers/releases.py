"""What sc-deploy needs: repositories, table, roles with their permissions, and the contract."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from infra.components.contract_parameter import ContractParameter, ContractParameterArgs
from infra.components.delivery import Delivery, DeliveryArgs
from infra.components.deploy_access import DeployAccess, DeployAccessArgs
from infra.components.registry import Registry, RegistryArgs
from infra.documents.contract_document import (
    Resolved,
    TierResolved,
    build_contract,
    pagerduty_secret,
    query_secret,
    slack_secret,
)
from infra.documents.deploy_scope import DeployScope
from infra.documents.subnets import SubnetTier
from infra.environment import Environment
from infra.layers.fleets import Fleets
from infra.layers.foundation import Foundation
from infra.layers.front_door import FrontDoor
from infra.layers.stores import Stores
from infra.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Below:
    """The layers below releases and monitoring."""

    foundation: Foundation
    stores: Stores
    door: FrontDoor
    fleets: Fleets


@dataclass(frozen=True, slots=True, kw_only=True)
class Releases:
    """The components of the layer."""

    delivery: Delivery
    contract_parameter: ContractParameter


def build_releases(settings: Settings, environment: Environment, below: Below) -> Releases:
    """Build the layer."""
    if environment.account_wide:
        registry = RegistryArgs(settings=settings.delivery, keys=below.foundation.keys)
        Registry("registry", environment, registry)
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
            planner=delivery.planner,
            restorer=delivery.restorer,
            scope=_scope(settings, environment, below, delivery),
            alerts_topic_arn=below.foundation.alerts.critical.arn,
        ),
    )
    contract_parameter = ContractParameter(
        "contract",
        environment,
        ContractParameterArgs(
            contract=build_contract(environment, settings, _resolved(settings, below, delivery)),
            model_tiers=tuple(tier for tier, fleet in below.fleets.tiers.items() if fleet.has_model),
        ),
    )
    return Releases(delivery=delivery, contract_parameter=contract_parameter)


def _scope(settings: Settings, environment: Environment, below: Below, delivery: Delivery) -> DeployScope:
    tiers, foundation = below.fleets.tiers.values(), below.foundation
    return DeployScope(
        listener=below.door.balancer.listener.arn,
        launch_templates=[fleet.template.arn for fleet in tiers],
        instance_roles=[fleet.instance_role.arn for fleet in tiers],
        instance_types=[tier.instance_type for tier in settings.tiers.values()],
        subnets=[
            pulumi.Output.concat(environment.arn("ec2", "subnet/"), subnet)
            for tier in (SubnetTier.PUBLIC, SubnetTier.PRIVATE)
            for subnet in foundation.network.subnets[tier]
        ],
        table=delivery.table.arn,
        topics=[foundation.alerts.critical.arn, foundation.alerts.warning.arn],
        watchdog_role=delivery.watchdog.arn,
        schedule_group=delivery.schedule_group_name,
        database=below.stores.database.identifier,
        repositories=settings.delivery.repositories,
        models_bucket=foundation.storage.models.bucket,
        secrets=below.fleets.secret_names,
        own_secrets=_own_secrets(settings, environment),
        workspace=below.fleets.prometheus.workspace.arn,
        keys=[foundation.keys.data.arn, foundation.keys.logs.arn],
    )


def _own_secrets(settings: Settings, environment: Environment) -> list[str]:
    """The secrets whose values sc-deploy itself reads."""
    switches = (
        (settings.telemetry.new_relic, query_secret),
        (settings.alerts.pagerduty, pagerduty_secret),
        (settings.alerts.slack_webhook, slack_secret),
    )
    return [name(environment) for on, name in switches if on]


def _resolved(settings: Settings, below: Below, delivery: Delivery) -> Resolved:
    foundation, subnets = below.foundation, below.foundation.network.subnets
    return Resolved(
        vpc_id=foundation.network.vpc.id,
        load_balancer_arn=below.door.balancer.resource.arn,
        listener_arn=below.door.balancer.listener.arn,
        critical_topic_arn=foundation.alerts.critical.arn,
        warning_topic_arn=foundation.alerts.warning.arn,
        watchdog_role_arn=delivery.watchdog.arn,
        prometheus_query_url=below.fleets.prometheus.workspace.prometheus_endpoint,
        tiers={
            tier: TierResolved(
                launch_template_id=fleet.template.id,
                subnet_ids=pulumi.Output.all(
                    *subnets[SubnetTier.PUBLIC if settings.tiers[tier].public else SubnetTier.PRIVATE]
                ),
                security_group_ids=pulumi.Output.all(foundation.firewall.groups[tier].id),
            )
            for tier, fleet in below.fleets.tiers.items()
        },
        state_table=delivery.table_name,
        schedule_group=delivery.schedule_group_name,
        dead_letter_arn=delivery.dead_letters.arn,
        database=below.stores.database.identifier,
        cache_nodes=below.stores.cache_nodes(),
        parameters=below.fleets.configuration.parameter_names,
        secrets=below.fleets.secret_names,
    )
