"""Settings for the network and everything that stores data (E5, E6, E7, E11, A5)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from infra.settings.fields import (
    DOCKER_BRIDGE,
    BucketPrefix,
    CacheType,
    Cidr,
    Days,
    DbClass,
    LogDays,
    ReplicaClass,
    Section,
    VpcCidr,
    Zone,
    worded,
)

# gp3 for PostgreSQL: 20 GiB to 64 TiB (RDS user guide, "DB instance storage").
RDS_MIN_GB, RDS_MAX_GB = 20, 65_536
COLD_AFTER_DAYS = 90
"""Age at which training data moves to the storage class STANDARD_IA."""


class NetworkSettings(Section):
    """VPC, subnets and internet access (E11)."""

    cidr: VpcCidr
    zones: Annotated[tuple[Zone, ...], Field(min_length=2, max_length=3)]
    nat_gateways: Annotated[int, Field(ge=1, le=3)]
    interface_endpoints: tuple[Annotated[str, Field(pattern=r"^[a-z0-9.-]+$")], ...] = ()
    reserved_cidrs: tuple[Cidr, ...] = ()
    """Networks of other stacks or offices that may be peered later."""
    flow_log_days: LogDays

    def problems(self) -> Iterable[str]:
        mine = ipaddress.IPv4Network(self.cidr)
        others = [ipaddress.IPv4Network(text) for text in self.reserved_cidrs]
        clash = [str(other) for other in [*others, DOCKER_BRIDGE] if mine.overlaps(other)]
        if clash:
            yield f"cidr {mine} overlaps {', '.join(clash)} (reserved_cidrs and Docker's {DOCKER_BRIDGE})"
        if len(set(self.zones)) != len(self.zones):
            yield f"zones {list(self.zones)}: a zone is listed twice"
        if self.nat_gateways > len(self.zones):
            yield f"nat_gateways {self.nat_gateways} must be at most the {len(self.zones)} zones"


class StorageSettings(Section):
    """The S3 buckets: assets, models, training data, logs (E7, A1, A5, S6)."""

    bucket_prefix: BucketPrefix
    replicate: bool
    noncurrent_days: Days
    log_days: Days
    training_data_days: Days
    """Age at which training data is deleted; greater than COLD_AFTER_DAYS."""
    personal_data_search: bool
    """Whether Macie searches the training data every week; it costs about a dollar a GB (S6)."""


class DatabaseSettings(Section):
    """RDS PostgreSQL (E5, E12, E13)."""

    engine_version: Annotated[
        str, worded(r"1[46]\.\d{1,2}", "a minor version of PostgreSQL 14, or of 16 to upgrade, such as 14.22")
    ]
    """A full minor version: a restore must run the version that was backed up."""
    major_upgrade: bool = False
    """Whether the next update may change the major version; it stops the database for minutes."""
    extended_support: bool
    """Whether PostgreSQL 14 stays, at a charge for each vCPU hour, once its standard support has ended.
    Without it RDS upgrades the major version by itself."""
    instance_class: DbClass
    storage_gb: Annotated[int, Field(ge=RDS_MIN_GB, le=RDS_MAX_GB)]
    max_storage_gb: Annotated[int, Field(ge=RDS_MIN_GB, le=RDS_MAX_GB)]
    multi_az: bool
    replica_class: ReplicaClass | None = None
    backup_days: Annotated[int, Field(ge=1, le=35)]
    copy_backups: bool
    connections_alarm: Annotated[int, Field(ge=1)]

    def problems(self) -> Iterable[str]:
        # RDS rejects a maximum of less than 10 % above the allocated storage.
        floor = -(-self.storage_gb * 11 // 10)
        if self.max_storage_gb < floor:
            yield f"max_storage_gb {self.max_storage_gb} must be at least {floor} (storage_gb + 10 %)"


class CacheSettings(Section):
    """ElastiCache for Redis, cluster mode on (E6, E12)."""

    engine_version: Annotated[str, Field(pattern=r"^7\.[01]$")]
    node_type: CacheType
    shards: Annotated[int, Field(ge=1, le=90)]
    replicas_per_shard: Annotated[int, Field(ge=0, le=5)]
    snapshot_days: Annotated[int, Field(ge=0, le=35)]


class BackupSettings(Section):
    """AWS Backup; 0 days disables a part (A5)."""

    daily_days: Days
    monthly_days: Annotated[int, Field(ge=0, le=3_650)]
    copy_days: Annotated[int, Field(ge=0, le=3_650)]

    def problems(self) -> Iterable[str]:
        if 0 < self.monthly_days < self.daily_days:
            yield f"monthly_days {self.monthly_days} must be at least daily_days {self.daily_days}"
