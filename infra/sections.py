"""The sections of a stack's settings: types, ranges and formats, each with the AWS rule behind it."""

from __future__ import annotations

import ipaddress
import re
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from bluegreen.contract import FleetSize, HealthCheck, Scaling, Stickiness

__all__ = [
    "Alerts",
    "Application",
    "Backup",
    "Cache",
    "Database",
    "Delivery",
    "Edge",
    "LoadBalancer",
    "Network",
    "NewRelic",
    "OpenSearch",
    "Role",
    "Slack",
    "Storage",
    "Telemetry",
    "TierSettings",
]

# The days that CloudWatch Logs accepts as retention (PutRetentionPolicy).
LOG_RETENTION_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 3653)
# gp3 for PostgreSQL: 20 GiB to 64 TiB (RDS user guide, "DB instance storage").
RDS_MIN_GB, RDS_MAX_GB = 20, 65_536
# Docker's default bridge; a VPC over it would make its hosts unreachable from containers.
DOCKER_BRIDGE = ipaddress.IPv4Network("172.17.0.0/16")

# 64-bit x86 only: the machine image, the agents and the containers are built for it.
InstanceType = Annotated[
    str,
    Field(
        pattern=r"^(t3a?|m[5-8][ai]?|c[5-8][ai]?|r[5-8][ai]?)\."
        r"(nano|micro|small|medium|large|(2|4|8|12|16|24)?xlarge)$",
        description="x86 instance type of family t3, m, c or r",
    ),
]
DbClass = Annotated[
    str, Field(pattern=r"^db\.(t3|t4g|m[5-7][gi]?|r[5-7][gi]?)\.(micro|small|medium|\d*x?large)$")
]
CacheType = Annotated[
    str, Field(pattern=r"^cache\.(t3|t4g|m[5-7]g?|r[5-7]g?)\.(micro|small|medium|\d*x?large)$")
]
Email = Annotated[str, Field(pattern=r"^[^@\s]+@[a-z0-9-]+(\.[a-z0-9-]+)+$")]
Phone = Annotated[str, Field(pattern=r"^\+[1-9]\d{7,14}$", description="E.164")]
Days = Annotated[int, Field(ge=1, le=3_650)]
RateLimit = Annotated[int, Field(ge=10, le=2_000_000_000)]
"""Requests per address and five minutes (the range of a WAF rate-based rule)."""


def _retention(days: int) -> int:
    if days not in LOG_RETENTION_DAYS:
        raise ValueError(f"CloudWatch Logs keeps {', '.join(map(str, LOG_RETENTION_DAYS))} days")
    return days


LogDays = Annotated[int, AfterValidator(_retention)]


def _network(text: str) -> str:
    try:
        network = ipaddress.IPv4Network(text)
    except ValueError as error:
        raise ValueError(f"not an IPv4 network: {error}; write it as 10.0.0.0/16") from error
    return str(network)


Cidr = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_network)]


class Section(BaseModel):
    """A part of the settings: immutable, and an unknown key is a fault."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Network(Section):
    """VPC, subnets and the ways in and out (E11)."""

    cidr: Cidr
    zones: Annotated[tuple[str, ...], Field(min_length=2, max_length=3)]
    nat_gateways: Annotated[int, Field(ge=1, le=3)]
    interface_endpoints: tuple[Annotated[str, Field(pattern=r"^[a-z0-9.-]+$")], ...] = ()
    reserved_cidrs: tuple[Cidr, ...] = ()
    """Networks of other stacks or offices that may be peered one day."""
    flow_log_days: LogDays

    @model_validator(mode="after")
    def _fits(self) -> Self:
        mine = ipaddress.IPv4Network(self.cidr)
        if not 16 <= mine.prefixlen <= 22:
            raise ValueError(
                f"cidr {mine} is /{mine.prefixlen}; nine subnets with room for green fleets take /16 to /22"
            )
        others = [ipaddress.IPv4Network(text) for text in self.reserved_cidrs]
        clash = [str(other) for other in [*others, DOCKER_BRIDGE] if mine.overlaps(other)]
        if clash:
            raise ValueError(
                f"cidr {mine} overlaps {', '.join(clash)} (reserved_cidrs and Docker's {DOCKER_BRIDGE})"
            )
        if len(set(self.zones)) != len(self.zones):
            raise ValueError(f"zones {list(self.zones)} name a zone twice")
        if self.nat_gateways > len(self.zones):
            raise ValueError(f"nat_gateways {self.nat_gateways} exceeds the {len(self.zones)} zones")
        return self


class Storage(Section):
    """The S3 buckets: assets, models, training data, logs (E7, A1, A5, S6)."""

    bucket_prefix: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{2,40}[a-z0-9]$")]
    """`<prefix>-training-data-replica` must fit the 63 characters of a bucket name."""
    replicate: bool
    noncurrent_days: Days
    log_days: Days
    training_data_days: Days


class Database(Section):
    """RDS PostgreSQL 14 (E5, E12, E13)."""

    engine_version: Annotated[str, Field(pattern=r"^14\.\d{1,2}$")]
    """A full minor: what is restored must be what was backed up."""
    instance_class: DbClass
    storage_gb: Annotated[int, Field(ge=RDS_MIN_GB, le=RDS_MAX_GB)]
    max_storage_gb: Annotated[int, Field(ge=RDS_MIN_GB, le=RDS_MAX_GB)]
    multi_az: bool
    replica_class: DbClass | None = None
    backup_days: Annotated[int, Field(ge=1, le=35)]
    copy_backups: bool
    connections_alarm: Annotated[int, Field(ge=1)]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        # RDS refuses autoscaling to less than 10 % above the allocated storage.
        floor = -(-self.storage_gb * 11 // 10)
        if self.max_storage_gb < floor:
            raise ValueError(f"max_storage_gb {self.max_storage_gb} is below {floor}: storage_gb and 10 %")
        if self.replica_class and self.replica_class.startswith("db.t"):
            raise ValueError(
                f"replica_class {self.replica_class} is burstable: out of credits it falls behind the primary"
                " without bound (allowed: db.m5 to db.m7, db.r5 to db.r7)"
            )
        return self


class Cache(Section):
    """ElastiCache for Redis, cluster mode on (E6, E12)."""

    engine_version: Annotated[str, Field(pattern=r"^7\.[01]$")]
    node_type: CacheType
    shards: Annotated[int, Field(ge=1, le=90)]
    replicas_per_shard: Annotated[int, Field(ge=0, le=5)]
    snapshot_days: Annotated[int, Field(ge=0, le=35)]


class Role(StrEnum):
    """What a container is asked to serve; one fleet may carry several (E12, E13)."""

    WEB = "web"
    APP = "app"
    AI = "ai"


class TierSettings(Section):
    """One fleet: its machine, its address on the balancer, its size (E2, E3, E4)."""

    instance_type: InstanceType
    roles: Annotated[tuple[Role, ...], Field(min_length=1)]
    public: bool = False
    paths: Annotated[tuple[Annotated[str, Field(pattern=r"^/")], ...], Field(min_length=1, max_length=4)]
    rule_priority: Annotated[int, Field(ge=100, le=50_000)]
    """Preview rules take priorities 1 to 99, see `preview_priority`."""
    port: Annotated[int, Field(ge=1024, le=65_535)]
    image_repository: str
    fleet: FleetSize
    scaling: tuple[Scaling, ...] = ()
    health_check: HealthCheck = HealthCheck()
    stickiness: Stickiness | None = None
    deregistration_delay_seconds: Annotated[int, Field(ge=0, le=3_600)] = 60
    warmup_seconds: Annotated[int, Field(ge=0, le=3_600)] = 60
    disk_gb: Annotated[int, Field(ge=20, le=16_384)] = 40


class Application(Section):
    """Configuration the containers read: plain parameters, and secrets by name only (P7)."""

    parameters: dict[Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,62}$")], str] = {}
    secrets: tuple[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")], ...] = ()

    @model_validator(mode="after")
    def _one_line(self) -> Self:
        # They become lines of an environment file.
        for name, value in self.parameters.items():
            if not value or re.search(r"[\r\n]", value):
                raise ValueError(f"parameters.{name} must be one line that is not empty")
        return self


class Edge(Section):
    """CloudFront and its web ACL (E9, S3)."""

    rate_limit: RateLimit
    cors_origins: Annotated[
        tuple[Annotated[str, Field(pattern=r"^https://[^/*]+$")], ...], Field(min_length=1)
    ]


class LoadBalancer(Section):
    """The web ACL on the Application Load Balancer (E8, S3)."""

    rate_limit: RateLimit


class Delivery(Section):
    """Where images are kept and who may release (P2)."""

    repositories: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._/-]+$")], ...], Field(min_length=1)
    ]
    github_repository: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")]
    github_environment: Annotated[str, Field(pattern=r"^[\w-]+$")]


class Slack(Section):
    """A channel of AWS Chatbot; the workspace is authorised once in its console."""

    workspace_id: Annotated[str, Field(pattern=r"^T[A-Z0-9]+$")]
    channel_id: Annotated[str, Field(pattern=r"^[CG][A-Z0-9]+$")]


class Alerts(Section):
    """Who hears of an alarm (M10)."""

    emails: Annotated[tuple[Email, ...], Field(min_length=1)]
    sms: tuple[Phone, ...] = ()
    pagerduty: bool
    slack: Slack | None = None


class OpenSearch(Section):
    """The log search (M5)."""

    instance_type: Annotated[str, Field(pattern=r"^[a-z0-9]+\.[a-z0-9]+\.search$")]
    nodes: Annotated[int, Field(ge=1, le=10)]
    storage_gb: Annotated[int, Field(ge=10, le=3_000)]


class NewRelic(Section):
    """The New Relic account that metrics stream to (M4)."""

    account_id: Annotated[str, Field(pattern=r"^[1-9]\d{0,11}$")]


class Telemetry(Section):
    """Measurements and logs, and the numbers that alarms compare with (M1 to M9)."""

    response_time_ms: Annotated[int, Field(ge=1, le=60_000)]
    """The accepted P95; an alarm rises 50 % above it (M9)."""
    opensearch: OpenSearch | None = None
    new_relic: NewRelic | None = None
    real_user_share: Annotated[float, Field(ge=0, le=1)]
    """Share of browser sessions that RUM samples; 0 switches it off (M6)."""
    log_days: LogDays


class Backup(Section):
    """AWS Backup; zero days switch a part off (A5)."""

    daily_days: Days
    monthly_days: Annotated[int, Field(ge=0, le=3_650)]
    copy_days: Annotated[int, Field(ge=0, le=3_650)]
