"""How fast, how late and how large the simulated cloud is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self


class HealthSource(StrEnum):
    """Which truth DescribeTargetHealth tells."""

    REPORTED = "reported"
    """A real data plane checks the targets and reports (the lab)."""
    MODELLED = "modelled"
    """Computed from boot time, thresholds and the injected behaviour (tests on a manual clock)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Timing in seconds, quotas as AWS's defaults; the timing defaults suit a laptop, not AWS."""

    region: str = "ap-northeast-1"
    account_id: str = "123456789012"
    health: HealthSource = HealthSource.MODELLED
    pending_seconds: float = 1.0
    """Launch -> EC2 `running` and Auto Scaling `InService`."""
    boot_seconds: float = 1.0
    """EC2 `running` -> the application answers, at the least."""
    boot_spread_seconds: float = 0.0
    """A boot takes up to so much longer: drawn evenly for each instance, with `seed`."""
    seed: int = 1
    shutdown_seconds: float = 1.0
    """EC2 `shutting-down` -> `terminated`."""
    host_check_seconds: float = 2.0
    """A host died -> EC2's status checks have noticed (the lab's real processes)."""
    rule_propagation_seconds: float = 0.3
    """ModifyRule returned -> the data plane obeys."""
    metrics_period_seconds: int = 1
    """Resolution of the metrics of the AWS/* namespaces."""
    scaling_period_seconds: int = 5
    """Length of a datapoint of the alarms behind target tracking."""
    instance_requests_per_second: float = 0.0
    """What one instance answers at a CPU of 100 %; 0: the hosts publish no CPU, as where nobody models it."""
    metrics_delay_seconds: float = 1.0
    """End of a period -> its datapoints can be read (AWS/* namespaces)."""
    schedule_delay_seconds: float = 0.0
    """EventBridge Scheduler fires within the minute after the asked time."""
    database_seconds: float = 0.5
    """CreateDBInstance and DeleteDBInstance, at least: what stands before a lab's first release."""
    snapshot_seconds: float = 2.0
    restore_seconds: float = 4.0
    rename_seconds: float = 1.0
    """ModifyDBInstance with a new identifier -> it answers under that name, after a restart."""
    throttling: bool = False
    """Refuse calls beyond the token buckets of AWS."""
    database_instances: int = 40
    """DB instances of the region."""
    rules_per_load_balancer: int = 100
    target_groups_per_load_balancer: int = 100
    target_groups_per_region: int = 3000
    vcpu_quota: int = 256
    manual_snapshots: int = 100

    def realistic(self) -> Self:
        """The same cloud at the pace of AWS; a boot fetches packages and an image: two to four minutes."""
        return replace(
            self,
            pending_seconds=15.0,
            boot_seconds=120.0,
            boot_spread_seconds=120.0,
            shutdown_seconds=15.0,
            host_check_seconds=60.0,
            rule_propagation_seconds=15.0,
            metrics_period_seconds=60,
            scaling_period_seconds=60,
            metrics_delay_seconds=90.0,
            schedule_delay_seconds=30.0,
            snapshot_seconds=120.0,
            restore_seconds=300.0,
            rename_seconds=600.0,
            throttling=True,
        )
