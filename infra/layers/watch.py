"""Monitoring and protection: alarms, dashboard, browsers, New Relic, security, backups, log search."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from infra.components.alarm_set import AlarmSet, AlarmSetArgs
from infra.components.backup import Backup, BackupArgs
from infra.components.dashboard import Dashboard, DashboardArgs
from infra.components.log_search import LogSearch, LogSearchArgs
from infra.components.new_relic import NewRelic, NewRelicArgs
from infra.components.outside import Outside, OutsideArgs
from infra.components.privacy import Privacy, PrivacyArgs
from infra.components.real_users import RealUsers, RealUsersArgs
from infra.components.security import SecurityBaseline, SecurityBaselineArgs
from infra.documents.alarms import balancer_alarms, host_alarms
from infra.documents.store_alarms import cache_alarms, database_alarms
from infra.documents.subnets import SubnetTier
from infra.documents.watch_alarms import log_alarms, watchdog_alarms
from infra.environment import Environment
from infra.layers.releases import Below, Releases
from infra.settings import Settings


def build_watch(
    settings: Settings, environment: Environment, config: pulumi.Config, below: Below, releases: Releases
) -> Dashboard:
    """Build the layer; returns the dashboard, whose address is an output of the stack."""
    _alarms(settings, environment, below, releases)
    if settings.telemetry.real_user_share:
        RealUsers("real-users", environment, RealUsersArgs(share=settings.telemetry.real_user_share))
    if below.foundation.alerts.outside is not None:
        front = next(tier for tier in settings.tiers.values() if "/*" in tier.paths)
        Outside(
            "outside",
            environment,
            OutsideArgs(path=front.health_check.path, topic=below.foundation.alerts.outside),
        )
    if settings.telemetry.new_relic:
        NewRelic(
            "new-relic",
            environment,
            NewRelicArgs(
                license_key=config.require_secret("newRelicLicenseKey"),
                keys=below.foundation.keys,
                storage=below.foundation.storage,
            ),
        )
    _protection(settings, environment, below, releases)
    return Dashboard(
        "dashboard",
        environment,
        DashboardArgs(
            balancer=below.door.balancer.resource.arn_suffix,
            tiers=list(settings.tiers),
            database=below.stores.database.identifier,
            cache_nodes=below.stores.cache_nodes(),
        ),
    )


def _alarms(settings: Settings, environment: Environment, below: Below, releases: Releases) -> None:
    database = below.stores.database
    AlarmSet(
        "alarms",
        environment,
        AlarmSetArgs(
            alerts=below.foundation.alerts,
            database=database,
            alarms=[
                *balancer_alarms(
                    below.door.balancer.resource.arn_suffix, settings.telemetry.response_time_ms
                ),
                *database_alarms(database.identifier, settings.database),
                *cache_alarms(below.stores.cache_nodes()),
                *(alarm for tier in settings.tiers for alarm in host_alarms(settings.stack, tier)),
                *log_alarms(settings.stack),
                *watchdog_alarms(releases.delivery.schedule_group_name, releases.delivery.dead_letter_name),
            ],
        ),
    )


def _protection(settings: Settings, environment: Environment, below: Below, releases: Releases) -> None:
    foundation, log_days = below.foundation, settings.telemetry.log_days
    security = SecurityBaseline(
        "security",
        environment,
        SecurityBaselineArgs(
            keys=foundation.keys, storage=foundation.storage, alerts=foundation.alerts, log_days=log_days
        ),
    )
    if settings.storage.personal_data_search:
        Privacy(
            "privacy",
            environment,
            PrivacyArgs(
                bucket=foundation.storage.training_data.bucket, topic_arn=foundation.alerts.critical.arn
            ),
        )
    Backup(
        "backup",
        environment,
        BackupArgs(
            settings=settings.backup,
            keys=foundation.keys,
            resources=[
                below.stores.database.primary.arn,
                releases.delivery.table.arn,
                foundation.storage.models.arn,
                foundation.storage.training_data.arn,
            ],
            verified=foundation.storage.training_data.arn,
            alerts_topic_arn=foundation.alerts.warning.arn,
        ),
    )
    if settings.telemetry.opensearch:
        LogSearch(
            "log-search",
            environment,
            LogSearchArgs(
                settings=settings.telemetry.opensearch,
                subnet_ids=foundation.network.subnets[SubnetTier.DATA],
                security_group=foundation.firewall.groups["search"],
                reader_arns=[releases.delivery.operator.arn],
                keys=foundation.keys,
                storage=foundation.storage,
                log_groups=_searched(below, security.audit_log),
                log_days=log_days,
            ),
        )


def _searched(below: Below, audit: aws.cloudwatch.LogGroup | None) -> dict[str, aws.cloudwatch.LogGroup]:
    """Application and access logs, security logs, the audit trail (M5)."""
    tiers = below.fleets.tiers
    groups = {str(tier): fleet.logs for tier, fleet in tiers.items()}
    groups |= {f"{tier}-security": fleet.security_log_group for tier, fleet in tiers.items()}
    groups["database"] = below.stores.database.log_groups[0]
    return groups if audit is None else {**groups, "audit": audit}
