"""From ALB's counters of one target group and period to counts of bad requests; pure.

Reporting rules of AWS/ApplicationELB that matter here: a counter is reported only when it is not zero;
RequestCount counts requests for which a target was chosen; HTTPCode_Target_NXX counts answers of
targets, so an answer that the balancer made up itself (502, 503, 504) is in none of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bluegreen.contract import Tier
from bluegreen.domain.measurement import Period
from bluegreen.domain.release import Color

SOURCE = "cloudwatch"
SUMS = (
    "RequestCount",
    "HTTPCode_Target_2XX_Count",
    "HTTPCode_Target_3XX_Count",
    "HTTPCode_Target_4XX_Count",
    "HTTPCode_Target_5XX_Count",
    "TargetConnectionErrorCount",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetCounts:
    """What CloudWatch has for one target group and period; None where it has no datapoint."""

    sums: Mapping[str, float | None]
    """Metric name -> its sum."""
    p95: float | None = None
    """Seconds."""
    slow: tuple[tuple[float, float | None], ...] = ()
    """(threshold in milliseconds, requests slower than it)."""
    balancer_failed: int = 0
    """5xx that the whole load balancer made up itself in the period, without its fixed responses."""

    def of(self, metric: str) -> int:
        """The sum of `metric`; absent is zero, which holds only where the period has data at all."""
        return round(self.sums.get(metric) or 0)

    @property
    def failed(self) -> int:
        """Answers of 5xx by the fleet, and requests that the balancer had to answer for it."""
        return self.of("HTTPCode_Target_5XX_Count") + self.unanswered

    @property
    def unanswered(self) -> int:
        """Requests that the balancer answered itself with 502 or 504.

        They are in no class of answers, as are clients that went away (460) and connections that became
        WebSockets (101), which failed nobody. So no more are counted than the balancer answered with 5xx at
        all, or than connections were refused: a fleet is never spared its own failures, but two fleets may
        each be charged with the same ones. Answers are counted when they end: around the end of a period they
        may exceed its requests.
        """
        most = max(self.balancer_failed, self.of("TargetConnectionErrorCount"))
        classes = sum(self.of(f"HTTPCode_Target_{one}XX_Count") for one in (2, 3, 4, 5))
        return min(max(0, self.of("RequestCount") - classes), most)


def own_failures(errors: int, fixed: int, fleets: Iterable[FleetCounts]) -> int:
    """Answers of 5xx by the balancer for which it chose no target.

    Of HTTPCode_ELB_5XX_Count (`errors`) are taken off what the fleets' own counts show as unanswered,
    and answers of fixed-response actions (`fixed`), such as the maintenance page of the default action.
    """
    return max(0, errors - fixed - sum(one.unanswered for one in fleets))


def together(parts: Sequence[FleetCounts]) -> FleetCounts:
    """The counts of several zones as one; percentiles do not add up and are left out."""
    slow = [dict(part.slow) for part in parts]
    return FleetCounts(
        sums={name: float(sum(part.of(name) for part in parts)) for name in SUMS},
        slow=tuple((ms, sum(some.get(ms) or 0.0 for some in slow)) for ms in slow[0]),
        balancer_failed=parts[0].balancer_failed,
    )


def period_from(
    counts: FleetCounts, *, tier: Tier, arm: Color, start: float, seconds: float
) -> Period | None:
    """The period, or None where CloudWatch has nothing: absent is not zero.

    A connection that a target refused is a request that the balancer answers: TargetConnectionErrorCount
    adds only what exceeds those (connections that RequestCount does not know); adding all would count twice.
    """
    chosen = counts.of("RequestCount")
    refused = counts.of("TargetConnectionErrorCount")
    if not chosen and not refused:
        return None
    unknown = max(0, refused - counts.unanswered)
    requests = chosen + unknown
    return Period(
        source=SOURCE,
        tier=tier,
        arm=arm,
        start=start,
        seconds=seconds,
        requests=requests,
        errors=counts.failed + unknown,
        undelivered=counts.unanswered + unknown,
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
