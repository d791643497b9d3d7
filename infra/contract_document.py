"""The contract of a stack, built from its settings and from what its resources turned out to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from bluegreen.contract import (
    Alerts,
    Buckets,
    Contract,
    DatabaseContract,
    ModelStore,
    Tier,
    TierContract,
    WatchdogContract,
)
from infra.component import Environment
from infra.components.compute import MODEL_FILE, MODEL_PREFIX
from infra.components.handover import pointer_name
from infra.components.new_relic import query_secret
from infra.sections import Role
from infra.settings import Settings

__all__ = ["Known", "TierFacts", "build_contract", "preview_priorities"]

PREVIEW_STEP = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class TierFacts:
    """What AWS decided about a tier."""

    launch_template_id: pulumi.Output[str]
    subnet_ids: list[pulumi.Output[str]]
    security_group_id: pulumi.Output[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What AWS decided about the stack, and the names P7 asks for."""

    vpc_id: pulumi.Output[str]
    load_balancer_arn: pulumi.Output[str]
    listener_arn: pulumi.Output[str]
    critical_topic_arn: pulumi.Output[str]
    warning_topic_arn: pulumi.Output[str]
    watchdog_role_arn: pulumi.Output[str]
    prometheus_url: pulumi.Output[str]
    tiers: Mapping[Tier, TierFacts]
    state_table: str
    schedule_group: str
    database: str
    parameters: tuple[str, ...]
    secrets: tuple[str, ...]


def preview_priorities(settings: Settings) -> dict[Tier, int]:
    """Preview rules come before every live rule, in the order of the live ones."""
    order = sorted(settings.tiers, key=lambda tier: settings.tiers[tier].rule_priority)
    return {tier: (index + 1) * PREVIEW_STEP for index, tier in enumerate(order)}


def build_contract(environment: Environment, settings: Settings, known: Known) -> pulumi.Output[Contract]:
    """The document, once everything it names exists; a fault of it stops the update."""
    facts = {
        tier: pulumi.Output.all(
            template=found.launch_template_id,
            subnets=pulumi.Output.all(*found.subnet_ids),
            group=found.security_group_id,
        )
        for tier, found in known.tiers.items()
    }
    return pulumi.Output.all(
        vpc=known.vpc_id,
        balancer=known.load_balancer_arn,
        listener=known.listener_arn,
        critical=known.critical_topic_arn,
        warning=known.warning_topic_arn,
        watchdog=known.watchdog_role_arn,
        prometheus=known.prometheus_url,
        tiers=pulumi.Output.all(**{str(tier): fact for tier, fact in facts.items()}),
    ).apply(lambda resolved: _document(environment, settings, known, resolved))


def _document(
    environment: Environment, settings: Settings, known: Known, resolved: Mapping[str, Any]
) -> Contract:
    prefix = settings.storage.bucket_prefix
    new_relic = settings.telemetry.new_relic
    return Contract(
        stack=settings.stack,
        account_id=settings.account_id,
        region=settings.region,
        vpc_id=resolved["vpc"],
        base_url=f"https://{settings.domain}",
        load_balancer_arn=resolved["balancer"],
        listener_arn=resolved["listener"],
        state_table=known.state_table,
        buckets=Buckets(
            assets=f"{prefix}-assets",
            models=f"{prefix}-models",
            training_data=f"{prefix}-training-data",
            logs=f"{prefix}-logs",
        ),
        database=DatabaseContract(identifier=known.database),
        alerts=Alerts(critical_topic_arn=resolved["critical"], warning_topic_arn=resolved["warning"]),
        watchdog=WatchdogContract(role_arn=resolved["watchdog"], schedule_group=known.schedule_group),
        prometheus_query_url=resolved["prometheus"],
        new_relic_account=new_relic.account_id if new_relic else "",
        new_relic_secret=query_secret(environment) if new_relic else "",
        tiers=tuple(
            _tier(environment, settings, known, tier, resolved["tiers"][tier]) for tier in settings.tiers
        ),
    )


def _tier(
    environment: Environment, settings: Settings, known: Known, tier: Tier, facts: Mapping[str, Any]
) -> TierContract:
    wanted = settings.tiers[tier]
    model = None
    if Role.AI in wanted.roles:
        model = ModelStore(
            bucket=f"{settings.storage.bucket_prefix}-models",
            prefix=MODEL_PREFIX,
            file=MODEL_FILE,
            pointer_parameter=pointer_name(environment.stack, tier),
        )
    return TierContract(
        name=tier,
        path_patterns=wanted.paths,
        rule_priority=wanted.rule_priority,
        preview_priority=preview_priorities(settings)[tier],
        port=wanted.port,
        version_path=version_path(wanted.paths),
        health_check=wanted.health_check,
        deregistration_delay_seconds=wanted.deregistration_delay_seconds,
        stickiness=wanted.stickiness,
        launch_template_id=facts["template"],
        subnet_ids=tuple(facts["subnets"]),
        security_group_ids=(facts["group"],),
        fleet=wanted.fleet,
        scaling=wanted.scaling,
        warmup_seconds=wanted.warmup_seconds,
        boot_budget_seconds=wanted.boot_budget_seconds,
        image_repository=wanted.image_repository,
        model=model,
        # Every tier reads the same; once is enough for the preflight.
        required_parameters=known.parameters if tier is next(iter(settings.tiers)) else (),
        required_secrets=known.secrets if tier is next(iter(settings.tiers)) else (),
    )


def version_path(paths: tuple[str, ...]) -> str:
    """`/version` below the tier's own paths, so that the balancer leads it to the tier: `/ai/version`."""
    if "/*" in paths:
        return "/version"
    prefix = next(path.removesuffix("/*") for path in paths if path.endswith("/*"))
    return f"{prefix}/version"
