"""What the expected traffic can show, before it is sent: for `plan` and for the low-traffic warning.

The expected growth of the evidence per second is the judge's own log-likelihood ratio at the expected
counts (Wald's approximation of a sequential test's mean sample size), so the figures are medians, not
guarantees: half of the defects are found sooner.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import erfc, inf, log, sqrt

from bluegreen.domain.measurement import Metric
from bluegreen.judge.evidence import Counts, Test
from bluegreen.judge.metric_tests import fail_tests, pass_test
from bluegreen.judge.settings import Thresholds

__all__ = ["Detectable", "ExpectedTraffic", "detectable"]

_SIGMA = 0.5
"""Of the logarithm of latency: a p95 of 2.3 times the median. Heavier tails need more requests."""
_Z95 = 1.6449
_STEP_PRIOR = 0.1
"""The prior mass of an onset at the begin of a step (see eprocess)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedTraffic:
    """What a tier is expected to get, both fleets together."""

    requests_per_second: float
    labels_per_second: float = 0.0
    error_rate: float = 0.001
    """Blue's share of failed requests."""
    accuracy: float = 0.9
    """Blue's share of right answers."""
    period_seconds: float = 60.0
    late_seconds: float = 180.0
    """How long after its end a period can be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detectable:
    """One metric at one ramp step."""

    metric: Metric
    percent: int
    smallest: float | None
    """The smallest regression found within the step: an error rate, a multiple of blue's latency, a
    relative fall of accuracy. None where the step shows none."""
    seconds_at_limit: float
    """Until a regression half as large again as the limit is found; infinite where it never is."""
    seconds_to_pass: float
    """Until a release as good as blue has passed; infinite where it never does."""

    @property
    def words(self) -> str:
        """For the plan."""
        shown: dict[Metric, Callable[[float], str]] = {
            Metric.ERRORS: lambda x: f"errors from {x:.2%}",
            Metric.LATENCY: lambda x: f"latency from +{x - 1:.0%}",
            Metric.ACCURACY: lambda x: f"accuracy from -{x:.0%}",
        }
        if self.smallest is None:
            return f"{self.percent} %: {self.metric}: too little traffic to show any regression in this step"
        text = f"{self.percent} %: {shown[self.metric](self.smallest)}"
        if self.seconds_to_pass < inf:
            return f"{text}; a good release passes after {self.seconds_to_pass / 60:.1f} min"
        return f"{text}; too little traffic for a pass"


Counter = Callable[[float], Counts]


def detectable(
    traffic: ExpectedTraffic, *, percent: int, seconds: float, thresholds: Thresholds
) -> tuple[Detectable, ...]:
    """Every metric's power at a ramp step of `percent` that is watched for `seconds`."""
    return tuple(_metrics(traffic, percent, seconds, thresholds))


def _metrics(
    traffic: ExpectedTraffic, percent: int, seconds: float, limits: Thresholds
) -> Iterator[Detectable]:
    share = percent / 100
    green, blue = traffic.requests_per_second * share, traffic.requests_per_second * (1 - share)

    def errors(rate: float) -> Counts:
        return _expected(green, rate, blue, traffic.error_rate)

    def latency(factor: float) -> Counts:
        over = _slower(limits.latency_limit / factor)
        return _expected(green, over, blue, _slower(limits.latency_limit / limits.latency_acceptable))

    def latency_pass(_factor: float) -> Counts:
        return _expected(green, _slower(limits.latency_limit), blue, _slower(1.0))

    def accuracy(drop: float) -> Counts:
        labels = traffic.labels_per_second
        wrong = 1 - traffic.accuracy
        return _expected(labels * share, wrong + drop * (1 - wrong), labels * (1 - share), wrong)

    trials: list[tuple[Metric, Counter, Counts, float, float]] = [
        (Metric.ERRORS, errors, errors(traffic.error_rate), 1.5 * limits.error_limit, 1.0),
        (Metric.LATENCY, latency, latency_pass(1.0), 1 + 1.5 * (limits.latency_limit - 1), 20.0),
    ]
    if traffic.labels_per_second:
        trials.append((Metric.ACCURACY, accuracy, accuracy(0.0), 1.5 * limits.accuracy_drop_limit, 1.0))
    for metric, counts, good, beyond, most in trials:
        tests = fail_tests(metric, limits)
        passing = _seconds(good, pass_test(metric, limits), log(limits.needed_to_pass), traffic)
        yield Detectable(
            metric=metric,
            percent=percent,
            smallest=_smallest(counts, tests, limits, traffic, seconds=seconds, most=most),
            seconds_at_limit=_to_fail(counts(beyond), tests, limits, traffic),
            seconds_to_pass=passing,
        )


def _expected(green: float, green_rate: float, blue: float, blue_rate: float) -> Counts:
    # Expected counts per thousand seconds, so that whole numbers are close enough.
    scale = 1_000
    return Counts(
        round(green * green_rate * scale),
        round(green * scale),
        round(blue * blue_rate * scale),
        round(blue * scale),
    )


def _slower(multiple: float) -> float:
    """Share of lognormal latencies above `multiple` of their p95."""
    return 0.5 * erfc((_Z95 + log(multiple) / _SIGMA) / sqrt(2))


def _seconds(counts: Counts, test: Test, nats: float, traffic: ExpectedTraffic) -> float:
    growth = max(test.log_ratios(counts)) / 1_000
    if growth <= 0:
        return inf
    exact = (nats + log(len(test))) / growth
    periods = -(-exact // traffic.period_seconds)
    return periods * traffic.period_seconds + traffic.late_seconds


def _to_fail(counts: Counts, tests: tuple[Test, ...], limits: Thresholds, traffic: ExpectedTraffic) -> float:
    nats = log(limits.needed / _STEP_PRIOR)
    slowest = max(_seconds(counts, test, nats, traffic) for test in tests)
    # Each period is capped at three quarters of the needed evidence: it takes two at least.
    return max(slowest, 2 * traffic.period_seconds + traffic.late_seconds)


def _smallest(
    counts: Counter,
    tests: tuple[Test, ...],
    limits: Thresholds,
    traffic: ExpectedTraffic,
    *,
    seconds: float,
    most: float,
) -> float | None:
    """Bisection: the time to fail falls as the regression grows."""
    low, high = (1.0, most) if most > 1 else (0.0, most)
    if _to_fail(counts(high), tests, limits, traffic) > seconds:
        return None
    for _ in range(40):
        middle = (low + high) / 2
        if _to_fail(counts(middle), tests, limits, traffic) <= seconds:
            high = middle
        else:
            low = middle
    return high
