"""The contract of a stack, built from its settings and the ids and ARNs of its resources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
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
from infra.documents.instance_types import vcpus
from infra.documents.published import published, series
from infra.environment import Environment
from infra.settings import Role, Settings, TierSettings

PREVIEW_STEP = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class TierResolved:
    """What AWS assigned to a tier; fields are named as in the contract."""

    launch_template_id: pulumi.Input[str]
    subnet_ids: pulumi.Output[list[str]]
    security_group_ids: pulumi.Output[list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """What AWS assigned to the stack, and the names that must exist before a release (P7)."""

    vpc_id: pulumi.Input[str]
    load_balancer_arn: pulumi.Input[str]
    listener_arn: pulumi.Input[str]
    critical_topic_arn: pulumi.Input[str]
    warning_topic_arn: pulumi.Input[str]
    watchdog_role_arn: pulumi.Input[str]
    dead_letter_arn: pulumi.Input[str]
    prometheus_query_url: pulumi.Input[str]
    tiers: Mapping[Tier, TierResolved]
    state_table: str
    schedule_group: str
    database: str
    cache_nodes: Sequence[str]
    parameters: tuple[str, ...]
    secrets: tuple[str, ...]


def pointer_name(stack: str, tier: Tier) -> str:
    """The SSM parameter that names the tier's model; sc-deploy owns its value."""
    return f"/sportcoach/{stack}/model/{tier}"


def license_secret(environment: Environment) -> str:
    """The Secrets Manager name of the license key: of the metric stream and of New Relic's agents (M4)."""
    return environment.secret_name("new-relic")


def pagerduty_secret(environment: Environment) -> str:
    """The Secrets Manager name of the routing key that sc-deploy opens incidents with (M10)."""
    return environment.secret_name("pagerduty")


def slack_secret(environment: Environment) -> str:
    """The Secrets Manager name of the webhook that sc-deploy writes to (M10)."""
    return environment.secret_name("slack")


def query_secret(environment: Environment) -> str:
    """The Secrets Manager name of the key that sc-deploy queries New Relic with."""
    return environment.secret_name("new-relic-query")


def preview_priorities(settings: Settings) -> dict[Tier, int]:
    """Preview rules come before every live rule, in the order of the live ones."""
    order = sorted(settings.tiers, key=lambda tier: settings.tiers[tier].rule_priority)
    return {tier: (index + 1) * PREVIEW_STEP for index, tier in enumerate(order)}


def build_contract(
    environment: Environment, settings: Settings, resolved: Resolved
) -> pulumi.Output[Contract]:
    """The document, once everything it names exists; an invalid one stops the update."""
    return pulumi.Output.all(
        tiers=pulumi.Output.all(**{str(tier): _outputs(one) for tier, one in resolved.tiers.items()}),
        stack=_outputs(resolved),
    ).apply(lambda known: _document(environment, settings, known["stack"], known["tiers"]))


def _outputs(resolved: Resolved | TierResolved) -> pulumi.Output[dict[str, Any]]:
    """The fields by their names, once all of them are known; tiers are resolved one by one."""
    values = {one.name: getattr(resolved, one.name) for one in fields(resolved) if one.name != "tiers"}
    return pulumi.Output.all(**values)


def _document(
    environment: Environment, settings: Settings, stack: Mapping[str, Any], tiers: Mapping[str, Any]
) -> Contract:
    prefix = settings.storage.bucket_prefix
    new_relic = settings.telemetry.new_relic
    return Contract(
        stack=settings.stack,
        account_id=settings.account_id,
        region=settings.region,
        vpc_id=stack["vpc_id"],
        base_url=f"https://{settings.domain}",
        load_balancer_arn=stack["load_balancer_arn"],
        listener_arn=stack["listener_arn"],
        state_table=stack["state_table"],
        buckets=Buckets(
            assets=f"{prefix}-assets",
            models=f"{prefix}-models",
            training_data=f"{prefix}-training-data",
            logs=f"{prefix}-logs",
        ),
        database=DatabaseContract(identifier=stack["database"]),
        alerts=Alerts(
            critical_topic_arn=stack["critical_topic_arn"],
            warning_topic_arn=stack["warning_topic_arn"],
            pagerduty_secret=pagerduty_secret(environment) if settings.alerts.pagerduty else "",
            slack_secret=slack_secret(environment) if settings.alerts.slack_webhook else "",
        ),
        watchdog=WatchdogContract(
            role_arn=stack["watchdog_role_arn"],
            schedule_group=stack["schedule_group"],
            dead_letter_arn=stack["dead_letter_arn"],
        ),
        prometheus_query_url=stack["prometheus_query_url"],
        new_relic_account=new_relic.account_id if new_relic else "",
        new_relic_secret=query_secret(environment) if new_relic else "",
        published=published(settings, stack["database"], stack["cache_nodes"]),
        series=series(settings),
        tiers=tuple(_tier(settings, tier, stack, tiers[tier]) for tier in settings.tiers),
    )


def _tier(
    settings: Settings, tier: Tier, stack: Mapping[str, Any], resolved: Mapping[str, Any]
) -> TierContract:
    wanted = settings.tiers[tier]
    # Every tier reads the same parameters and secrets: once is enough for the preflight.
    first = tier is next(iter(settings.tiers))
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
        vcpus=vcpus(wanted.instance_type),
        fleet=wanted.fleet,
        scaling=wanted.scaling,
        warmup_seconds=wanted.warmup_seconds,
        boot_budget_seconds=wanted.boot_budget_seconds,
        image_repository=wanted.image_repository,
        model=_model(settings, tier, wanted),
        required_parameters=stack["parameters"] if first else (),
        required_secrets=stack["secrets"] if first else (),
        **resolved,
    )


def _model(settings: Settings, tier: Tier, wanted: TierSettings) -> ModelStore | None:
    if Role.AI not in wanted.roles:
        return None
    return ModelStore(
        bucket=f"{settings.storage.bucket_prefix}-models",
        pointer_parameter=pointer_name(settings.stack, tier),
    )


def version_path(paths: tuple[str, ...]) -> str:
    """`/version` below the tier's own paths, so that the balancer sends it to the tier: `/ai/version`."""
    if "/*" in paths:
        return "/version"
    prefix = next(path.removesuffix("/*") for path in paths if path.endswith("/*"))
    return f"{prefix}/version"
