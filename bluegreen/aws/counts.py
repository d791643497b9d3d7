"""From ALB's counters of one target group and period to counts of bad requests; pure.

Reporting rules of AWS/ApplicationELB that matter here: a counter is reported only when it is not zero;
RequestCount counts requests for which a target was chosen; HTTPCode_Target_NXX counts answers of
targets, so an answer that the balancer made up itself (502, 503, 504) is in none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bluegreen.contract import Tier
from bluegreen.domain.measurement import Arm, Period

__all__ = ["SOURCE", "Counts", "period_from"]

SOURCE = "cloudwatch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What CloudWatch has for one target group and period; None where it has no datapoint."""

    sums: Mapping[str, float | None]
    """Metric name -> its sum."""
    p95: float | None = None
    """Seconds."""
    slow: tuple[tuple[float, float | None], ...] = field(default=())
    """(threshold in milliseconds, requests slower than it)."""

    def of(self, metric: str) -> int:
        """The sum of `metric`; absent is zero, which holds only where the period has data at all."""
        return round(self.sums.get(metric) or 0)


def period_from(counts: Counts, *, tier: Tier, arm: Arm, start: float, seconds: float) -> Period | None:
    """The period, or None where CloudWatch has nothing: absent is not zero.

    A request without an answer below 500 failed: RequestCount - (2xx + 3xx + 4xx). A connection that a
    target refused is such a request, so TargetConnectionErrorCount adds only what exceeds the requests
    without any answer (connections that RequestCount does not know); adding all would count twice.
    """
    chosen = counts.of("RequestCount")
    refused = counts.of("TargetConnectionErrorCount")
    if not chosen and not refused:
        return None
    good = sum(counts.of(f"HTTPCode_Target_{one}XX_Count") for one in (2, 3, 4))
    # Answers are counted when they end: around the end of a period they may exceed its requests.
    failed = max(0, chosen - good)
    unanswered = max(0, failed - counts.of("HTTPCode_Target_5XX_Count"))
    unknown = max(0, refused - unanswered)
    requests = chosen + unknown
    return Period(
        source=SOURCE,
        tier=tier,
        arm=arm,
        start=start,
        seconds=seconds,
        requests=requests,
        errors=failed + unknown,
        slow=_descending(counts.slow, requests),
        p95_ms=None if counts.p95 is None else counts.p95 * 1000,
    )


def _descending(slow: tuple[tuple[float, float | None], ...], requests: int) -> tuple[tuple[float, int], ...]:
    """Exceedances by ascending threshold; response times, too, are counted when the answer ends."""
    result: list[tuple[float, int]] = []
    most = requests
    for threshold, value in slow:
        most = min(most, round(value or 0))
        result.append((threshold, most))
    return tuple(result)
