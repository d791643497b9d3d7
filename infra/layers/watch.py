"""Monitoring and protection: alarms, dashboard, browsers, New Relic, security, backups, log search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.components.alarm_set import AlarmSet, AlarmSetArgs
from infra.components.backup import Backup, BackupArgs, Verified
from infra.components.dashboard import Dashboard, DashboardArgs
from infra.components.log_feed import LogFeed, LogFeedArgs
from infra.components.log_search import LogSearch, LogSearchArgs
from infra.components.new_relic import NewRelic, NewRelicArgs
from infra.components.outside import Outside, OutsideArgs
from infra.components.patching import Patching
from infra.components.privacy import Privacy, PrivacyArgs
from infra.components.real_users import RealUsers, RealUsersArgs
from infra.components.security import SecurityBaseline, SecurityBaselineArgs
from infra.documents.alarms import Alarm, balancer_alarms, host_alarms
from infra.documents.feedback import feedback_alarms
from infra.documents.store_alarms import cache_alarms, database_alarms
from infra.documents.subnets import SubnetTier
from infra.documents.watch_alarms import log_alarms, search_alarms, watchdog_alarms
from infra.environment import Environment
from infra.layers.releases import Below, Releases
from infra.settings import OpenSearchSettings, Role, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What the outputs of the stack name."""

    dashboard: Dashboard
    real_users: RealUsers | None


def build_watch(
    settings: Settings, environment: Environment, config: pulumi.Config, below: Below, releases: Releases
) -> Watch:
    """Build the layer."""
    _alarms(settings, environment, below, releases)
    share, real_users = settings.telemetry.real_user_share, None
    if share:
        real_users = RealUsers("real-users", environment, RealUsersArgs(share=share))
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
    dashboard = Dashboard(
        "dashboard",
        environment,
        DashboardArgs(
            balancer=below.door.balancer.resource.arn_suffix,
            tiers=list(settings.tiers),
            database=below.stores.database.identifier,
            cache_nodes=below.stores.cache_nodes(),
        ),
    )
    return Watch(dashboard=dashboard, real_users=real_users)


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
                *(_feedback_alarms(settings)),
                *(_search_alarms(environment, settings.telemetry.opensearch)),
                *watchdog_alarms(releases.delivery.schedule_group_name, releases.delivery.dead_letter_name),
            ],
        ),
    )


def _feedback_alarms(settings: Settings) -> list[Alarm]:
    if not any(Role.AI in tier.roles for tier in settings.tiers.values()):
        return []
    return feedback_alarms(settings.stack, settings.telemetry.feedback_floor)


def _search_alarms(environment: Environment, wanted: OpenSearchSettings | None) -> list[Alarm]:
    return search_alarms(environment.name, environment.account_id, wanted.storage_gb) if wanted else []


def _protection(settings: Settings, environment: Environment, below: Below, releases: Releases) -> None:
    foundation, log_days = below.foundation, settings.telemetry.log_days
    security = SecurityBaseline(
        "security",
        environment,
        SecurityBaselineArgs(
            settings=settings.security,
            keys=foundation.keys,
            storage=foundation.storage,
            alerts=foundation.alerts,
            log_days=log_days,
        ),
    )
    if settings.security.patching:
        Patching("patching", environment)
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
            verified=[
                Verified(
                    kind="RDS",
                    resources=[below.stores.database.primary.arn],
                    overrides={
                        "dbSubnetGroupName": below.stores.database.subnet_group.name,
                        "vpcSecurityGroupIds": pulumi.Output.json_dumps(
                            [foundation.firewall.groups["database"].id]
                        ),
                    },
                ),
                Verified(kind="DynamoDB", resources=[releases.delivery.table.arn]),
                Verified(
                    kind="S3",
                    resources=[foundation.storage.models.arn, foundation.storage.training_data.arn],
                ),
            ],
            alerts_topic_arn=foundation.alerts.warning.arn,
        ),
    )
    if settings.telemetry.opensearch:
        groups = _searched(below, security.audit_log)
        readers = [releases.delivery.operator.arn]
        _search(settings.telemetry.opensearch, environment, below, Searched(groups, readers, log_days))


@dataclass(frozen=True, slots=True)
class Searched:
    """What is searched, by whom, and how long the logs of the search itself are kept."""

    groups: Mapping[str, aws.cloudwatch.LogGroup]
    readers: Sequence[pulumi.Input[str]]
    log_days: int


def _search(wanted: OpenSearchSettings, environment: Environment, below: Below, searched: Searched) -> None:
    foundation = below.foundation
    subnets, group = foundation.network.subnets[SubnetTier.DATA], foundation.firewall.groups["search"]
    feed = LogFeed(
        "log-feed",
        environment,
        LogFeedArgs(
            keys=foundation.keys,
            storage=foundation.storage,
            log_groups=searched.groups,
            log_days=searched.log_days,
            subnet_ids=subnets,
            security_group_id=group.id,
        ),
    )
    search = LogSearch(
        "log-search",
        environment,
        LogSearchArgs(
            settings=wanted,
            subnet_ids=subnets,
            security_group=group,
            reader_arns=searched.readers,
            writer_arns=[feed.role_of_pipelines.arn],
            keys=foundation.keys,
            log_days=searched.log_days,
        ),
    )
    feed.connect(search.domain)


def _searched(below: Below, audit: aws.cloudwatch.LogGroup | None) -> dict[str, aws.cloudwatch.LogGroup]:
    """Application and access logs, security logs, the audit trail (M5)."""
    tiers = below.fleets.tiers
    groups = {str(tier): fleet.logs for tier, fleet in tiers.items()}
    groups |= {f"{tier}-security": fleet.security_log_group for tier, fleet in tiers.items()}
    groups["database"] = below.stores.database.log_groups[0]
    return groups if audit is None else {**groups, "audit": audit}
