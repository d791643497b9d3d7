"""One environment, component by component, in the order in which they need each other."""

from __future__ import annotations

import json
from typing import Any

import pulumi
import pulumi_aws as aws

from bluegreen.contract import Tier
from infra.alarms import balancer_alarms, cache_alarms, database_alarms, host_alarms, log_alarms
from infra.component import Environment
from infra.components.addresses import AddressArgs, Addresses, Target
from infra.components.alarms import AlarmArgs, Alarms
from infra.components.alerts import Alerts, AlertsArgs
from infra.components.backup import Backup, BackupArgs
from infra.components.cache import Cache, CacheArgs
from infra.components.compute import Compute, ComputeArgs
from infra.components.configuration import Configuration, ConfigurationArgs
from infra.components.dashboard import Dashboard, DashboardArgs
from infra.components.database import Database, DatabaseArgs
from infra.components.delivery import Delivery, DeliveryArgs
from infra.components.deploy_access import DeployAccess, DeployAccessArgs
from infra.components.dns import Dns, DnsArgs
from infra.components.edge import Edge, EdgeArgs
from infra.components.encryption import Encryption
from infra.components.firewall import Firewall, FirewallArgs
from infra.components.handover import Handover, HandoverArgs
from infra.components.load_balancer import LoadBalancer, LoadBalancerArgs
from infra.components.log_search import LogSearch, LogSearchArgs
from infra.components.network import Network, NetworkArgs
from infra.components.new_relic import NewRelic, NewRelicArgs, query_secret
from infra.components.prometheus import Prometheus, PrometheusArgs
from infra.components.real_users import RealUsers, RealUsersArgs
from infra.components.security import SecurityBaseline, SecurityBaselineArgs
from infra.components.storage import Storage, StorageArgs
from infra.contract_document import Known, TierFacts, build_contract
from infra.deploy_policy import DeployScope
from infra.sections import Role
from infra.settings import Settings
from infra.subnets import SubnetTier

__all__ = ["Stack"]

# Tiers whose containers hold a connection to the database and the cache.
STORE_ROLES = frozenset({Role.APP, Role.AI})


class Stack:
    """Everything of one environment; `outputs` is what a person wants to see."""

    def __init__(self, settings: Settings, config: pulumi.Config) -> None:
        self._settings = settings
        self._config = config
        self.environment = Environment.of(settings)
        self._foundation()
        self._stores()
        self._front_door()
        self._fleets()
        self._observability()
        self._releases()
        self._protection()

    def _foundation(self) -> None:
        settings, environment = self._settings, self.environment
        self.keys = Encryption("encryption", environment)
        self.alerts = Alerts(
            "alerts",
            environment,
            AlertsArgs(
                settings=settings.alerts,
                pagerduty=self._config.require_secret("pagerDutyEndpoint")
                if settings.alerts.pagerduty
                else None,
                key=self.keys.logs.arn,
            ),
        )
        self.storage = Storage(
            "storage",
            environment,
            StorageArgs(settings=settings.storage, keys=self.keys, cors_origins=self._cors_origins()),
        )
        self.network = Network(
            "network", environment, NetworkArgs(settings=settings.network, logs_key=self.keys.logs.arn)
        )
        self.firewall = Firewall(
            "firewall",
            environment,
            FirewallArgs(
                network=self.network,
                ports={tier: wanted.port for tier, wanted in settings.tiers.items()},
                stores=frozenset(
                    tier for tier, wanted in settings.tiers.items() if STORE_ROLES & set(wanted.roles)
                ),
                behind_cdn=settings.edge is not None,
            ),
        )

    def _cors_origins(self) -> tuple[str, ...]:
        edge = self._settings.edge
        return edge.cors_origins if edge else (f"https://{self._settings.domain}",)

    def _stores(self) -> None:
        settings, groups = self._settings, self.firewall.groups
        data_subnets = self.network.subnets[SubnetTier.DATA]
        self.database = Database(
            "database",
            self.environment,
            DatabaseArgs(
                settings=settings.database,
                password=self._config.require_secret("databasePassword"),
                subnet_ids=data_subnets,
                security_group_id=groups["database"].id,
                keys=self.keys,
                log_days=settings.telemetry.log_days,
            ),
        )
        self.cache: Cache | None = None
        if settings.cache:
            self.cache = Cache(
                "cache",
                self.environment,
                CacheArgs(
                    settings=settings.cache,
                    auth_token=self._config.require_secret("cacheAuthToken"),
                    subnet_ids=data_subnets,
                    security_group_id=groups["cache"].id,
                    keys=self.keys,
                    log_days=settings.telemetry.log_days,
                ),
            )

    def _front_door(self) -> None:
        settings, environment, log_days = self._settings, self.environment, self._settings.telemetry.log_days
        self.dns = Dns(
            "dns",
            environment,
            DnsArgs(logs_key=self.keys.us_east_1.arn, log_days=log_days, for_cdn=settings.edge is not None),
        )
        self.balancer = LoadBalancer(
            "load-balancer",
            environment,
            LoadBalancerArgs(
                settings=settings.load_balancer,
                subnet_ids=self.network.subnets[SubnetTier.PUBLIC],
                security_group_id=self.firewall.groups["alb"].id,
                certificate_arn=self.dns.certificate_arn,
                log_bucket=self.storage.logs.id,
                log_policy=self.storage.logs.policy,
                logs_key=self.keys.logs.arn,
                log_days=log_days,
                behind_cdn=settings.edge is not None,
            ),
        )
        site = balancer = Target(
            dns_name=self.balancer.resource.dns_name, zone_id=self.balancer.resource.zone_id
        )
        self.edge: Edge | None = None
        if settings.edge and self.dns.cdn_certificate_arn is not None:
            self.edge = Edge(
                "edge",
                environment,
                EdgeArgs(
                    settings=settings.edge,
                    storage=self.storage,
                    origin=f"origin.{settings.domain}",
                    certificate_arn=self.dns.cdn_certificate_arn,
                    logs_key=self.keys.us_east_1.arn,
                    log_days=log_days,
                ),
            )
            site = Target(
                dns_name=self.edge.distribution.domain_name, zone_id=self.edge.distribution.hosted_zone_id
            )
        names = {settings.domain: site, f"www.{settings.domain}": site}
        if self.edge:
            names[f"origin.{settings.domain}"] = balancer
        Addresses(
            "addresses",
            environment,
            AddressArgs(
                zone_id=self.dns.zone.zone_id,
                names=names,
                # The balancer answers on IPv4 alone.
                ipv6=frozenset({settings.domain, f"www.{settings.domain}"} if self.edge else ()),
            ),
        )

    def _fleets(self) -> None:
        settings, log_days = self._settings, self._settings.telemetry.log_days
        self.prometheus = Prometheus(
            "prometheus",
            self.environment,
            PrometheusArgs(
                alerts=self.alerts,
                logs_key=self.keys.logs.arn,
                log_days=log_days,
                tiers=[str(tier) for tier in settings.tiers],
                has_ai=any(Role.AI in tier.roles for tier in settings.tiers.values()),
            ),
        )
        self.configuration = Configuration(
            "configuration",
            self.environment,
            ConfigurationArgs(
                settings=settings.application, addresses=self._addresses_of_stores(), keys=self.keys
            ),
        )
        self.fleets = {
            tier: Compute(
                f"compute-{tier}",
                self.environment,
                ComputeArgs(
                    tier=tier,
                    settings=wanted,
                    security_group_id=self.firewall.groups[tier].id,
                    keys=self.keys,
                    storage=self.storage,
                    secret_names=self._secrets_of(tier),
                    metrics_url=self.prometheus.workspace.prometheus_endpoint,
                    metrics_arn=self.prometheus.workspace.arn,
                    log_days=log_days,
                ),
            )
            for tier, wanted in settings.tiers.items()
        }

    def _addresses_of_stores(self) -> dict[str, pulumi.Input[str]]:
        replica = self.database.replica or self.database.primary
        addresses = {
            "ASSETS_BUCKET": self.storage.assets.bucket,
            "DATABASE_HOST": self.database.primary.address,
            "DATABASE_READ_HOST": replica.address,
            "SITE_URL": f"https://{self._settings.domain}",
            "TRAINING_DATA_BUCKET": self.storage.training_data.bucket,
        }
        if self.cache:
            addresses["CACHE_HOST"] = self.cache.group.configuration_endpoint_address
        return addresses

    def _store_secrets(self) -> tuple[str, ...]:
        path = self.environment.path[1:]
        return (f"{path}/database", *((f"{path}/cache",) if self.cache else ()))

    def _secrets_of(self, tier: Tier) -> tuple[str, ...]:
        """The web tier alone holds no secret: it serves pages and passes the rest on."""
        if not STORE_ROLES & set(self._settings.tiers[tier].roles):
            return ()
        return (*self._store_secrets(), *self.configuration.secret_names)

    def _observability(self) -> None:
        settings = self._settings
        Alarms(
            "alarms",
            self.environment,
            AlarmArgs(
                alerts=self.alerts,
                database=self.database,
                alarms=[
                    *balancer_alarms(self.balancer.resource.arn_suffix, settings.telemetry.response_time_ms),
                    *database_alarms(self.database.identifier, settings.database),
                    *cache_alarms(self.cache.node_ids() if self.cache else []),
                    *(alarm for tier in settings.tiers for alarm in host_alarms(settings.stack, tier)),
                    *log_alarms(settings.stack),
                ],
            ),
        )
        self.dashboard = Dashboard(
            "dashboard",
            self.environment,
            DashboardArgs(
                balancer=self.balancer.resource.arn_suffix,
                tiers=list(settings.tiers),
                database=self.database.identifier,
                cache_nodes=self.cache.node_ids() if self.cache else [],
            ),
        )
        if settings.telemetry.real_user_share:
            RealUsers("real-users", self.environment, RealUsersArgs(share=settings.telemetry.real_user_share))
        if settings.telemetry.new_relic:
            NewRelic(
                "new-relic",
                self.environment,
                NewRelicArgs(
                    license_key=self._config.require_secret("newRelicLicenseKey"),
                    keys=self.keys,
                    storage=self.storage,
                ),
            )

    def _releases(self) -> None:
        settings, environment = self._settings, self.environment
        self.delivery = Delivery(
            "delivery",
            environment,
            DeliveryArgs(settings=settings.delivery, keys=self.keys, listener_arn=self.balancer.listener.arn),
        )
        DeployAccess(
            "deploy-access",
            environment,
            DeployAccessArgs(
                roles={"deploy": self.delivery.deployer, "operator": self.delivery.operator},
                scope=self._scope(),
            ),
        )
        self.handover = Handover(
            "contract",
            environment,
            HandoverArgs(
                contract=build_contract(environment, settings, self._known()),
                model_tiers=tuple(tier for tier, fleet in self.fleets.items() if fleet.has_model),
            ),
        )

    def _scope(self) -> DeployScope:
        settings, environment = self._settings, self.environment
        return DeployScope(
            listener=self.balancer.listener.arn,
            launch_templates=[fleet.template.arn for fleet in self.fleets.values()],
            instance_roles=[fleet.instance_role.arn for fleet in self.fleets.values()],
            table=self.delivery.table.arn,
            topics=[self.alerts.critical.arn, self.alerts.warning.arn],
            watchdog_role=self.delivery.watchdog.arn,
            schedule_group=self.delivery.schedule_group_name,
            database=self.database.identifier,
            repositories=settings.delivery.repositories,
            models_bucket=self.storage.models.bucket,
            secrets=self._required_secrets(),
            query_secrets=[query_secret(environment)] if settings.telemetry.new_relic else [],
            workspace=self.prometheus.workspace.arn,
            keys=[self.keys.data.arn, self.keys.logs.arn],
        )

    def _required_secrets(self) -> tuple[str, ...]:
        return (*self._store_secrets(), *self.configuration.secret_names)

    def _known(self) -> Known:
        subnets = self.network.subnets
        return Known(
            vpc_id=self.network.vpc.id,
            load_balancer_arn=self.balancer.resource.arn,
            listener_arn=self.balancer.listener.arn,
            critical_topic_arn=self.alerts.critical.arn,
            warning_topic_arn=self.alerts.warning.arn,
            watchdog_role_arn=self.delivery.watchdog.arn,
            prometheus_url=self.prometheus.workspace.prometheus_endpoint,
            tiers={
                tier: TierFacts(
                    launch_template_id=fleet.template.id,
                    subnet_ids=subnets[
                        SubnetTier.PUBLIC if self._settings.tiers[tier].public else SubnetTier.PRIVATE
                    ],
                    security_group_id=self.firewall.groups[tier].id,
                )
                for tier, fleet in self.fleets.items()
            },
            state_table=self.delivery.table_name,
            schedule_group=self.delivery.schedule_group_name,
            database=self.database.identifier,
            parameters=self.configuration.parameter_names,
            secrets=self._required_secrets(),
        )

    def _protection(self) -> None:
        settings, environment = self._settings, self.environment
        self.security = SecurityBaseline(
            "security",
            environment,
            SecurityBaselineArgs(
                keys=self.keys,
                storage=self.storage,
                alerts=self.alerts,
                log_days=settings.telemetry.log_days,
            ),
        )
        Backup(
            "backup",
            environment,
            BackupArgs(
                settings=settings.backup,
                keys=self.keys,
                resources=[
                    self.database.primary.arn,
                    self.delivery.table.arn,
                    self.storage.models.arn,
                    self.storage.training_data.arn,
                ],
                verified=self.storage.training_data.arn,
                alerts_topic_arn=self.alerts.warning.arn,
            ),
        )
        if settings.telemetry.opensearch:
            LogSearch(
                "log-search",
                environment,
                LogSearchArgs(
                    settings=settings.telemetry.opensearch,
                    subnet_ids=self.network.subnets[SubnetTier.DATA],
                    security_group=self.firewall.groups["search"],
                    reader_arns=[self.delivery.operator.arn],
                    keys=self.keys,
                    storage=self.storage,
                    log_groups=self._searched_logs(),
                    log_days=settings.telemetry.log_days,
                ),
            )

    def _searched_logs(self) -> dict[str, aws.cloudwatch.LogGroup]:
        """Application and access logs, security logs, the audit trail (M5)."""
        groups = {str(tier): fleet.logs for tier, fleet in self.fleets.items()}
        groups |= {f"{tier}-security": fleet.security_log_group for tier, fleet in self.fleets.items()}
        groups["database"] = self.database.log_groups[0]
        if self.security.audit_log is not None:
            groups["audit"] = self.security.audit_log
        return groups

    def outputs(self) -> dict[str, Any]:
        """What `pulumi stack output` shows."""
        return {
            "contract": self.handover.document.apply(json.loads),
            "contract_parameter": self.handover.parameter.name,
            "url": f"https://{self._settings.domain}",
            "dashboard_url": self.dashboard.url,
            "name_servers": self.dns.zone.name_servers,
            "load_balancer": self.balancer.resource.dns_name,
            "buckets": {
                "assets": self.storage.assets.bucket,
                "models": self.storage.models.bucket,
                "training_data": self.storage.training_data.bucket,
                "logs": self.storage.logs.bucket,
            },
            "database": self.database.primary.endpoint,
            "state_table": self.delivery.table_name,
            "deploy_role_arn": self.delivery.deployer.arn,
            "operator_role_arn": self.delivery.operator.arn,
            "prometheus_url": self.prometheus.workspace.prometheus_endpoint,
        }
