"""The judge's thresholds out of the policy."""

from __future__ import annotations

from bluegreen.judge.settings import Thresholds
from bluegreen.policy import Judging


def thresholds(judging: Judging) -> Thresholds:
    """`judging` as the judge reads it: latency as multiples of blue's instead of rises, its floor in ms."""
    return Thresholds(
        error_limit=judging.error_limit,
        error_acceptable=judging.error_acceptable,
        latency_limit=1 + judging.latency_limit,
        latency_acceptable=1 + judging.latency_acceptable,
        latency_floor_ms=1000 * judging.latency_floor,
        accuracy_drop_limit=judging.accuracy_drop_limit,
        accuracy_drop_acceptable=judging.accuracy_drop_acceptable,
        alpha=judging.false_alarm,
        burst_seconds=judging.burst,
        cold_start_seconds=judging.cold_start,
        unhealthy_hosts=judging.unhealthy_hosts,
    )
