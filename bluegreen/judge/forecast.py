"""What the expected traffic can show, before it is sent: for `plan` and for the low-traffic warning.

The expected growth of the evidence per second is the judge's own log-likelihood ratio at the expected
counts (Wald's approximation of a sequential test's mean sample size), so the figures are medians, not
guarantees: half of the defects are found sooner.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import erfc, inf, log, sqrt
from typing import NamedTuple

from bluegreen.domain.forecast import ExpectedTraffic, MetricForecast
from bluegreen.domain.measurement import Metric
from bluegreen.judge.criteria import NEEDED_TO_PASS, latency_acceptable, latency_limit, needed_to_fail
from bluegreen.judge.evidence import Counts, Test
from bluegreen.judge.latency import CAREFUL, DRIFT
from bluegreen.judge.metric_tests import fail_tests, pass_test
from bluegreen.policy import Judging

_SIGMA = 0.5
"""Of the logarithm of latency: a p95 of 2.3 times the median. Heavier tails need more requests."""
_Z95 = 1.6449
_SLOPE = 4.1
"""Of that tail between its p95 and a threshold a fifth higher (see tail)."""
_STEP_PRIOR = 0.1
"""The prior mass of an onset at the begin of a step (see eprocess)."""


class Feed(NamedTuple):
    """How a source delivers its counts."""

    period_seconds: float = 60.0
    late_seconds: float = 180.0
    """How long after its end a period can be used."""


Counter = Callable[[float], Counts]


def metric_forecasts(
    traffic: ExpectedTraffic, feed: Feed, *, percent: int, seconds: float, limits: Judging
) -> Iterator[MetricForecast]:
    """What each metric can show at a ramp step of `percent` that is watched for `seconds`."""
    share = percent / 100
    green, blue = traffic.requests_per_second * share, traffic.requests_per_second * (1 - share)
    limit, acceptable = latency_limit(limits), latency_acceptable(limits)
    null = (limit / acceptable) ** ((1 - CAREFUL) * _SLOPE)

    def errors(rate: float) -> Counts:
        return _expected(green, rate, blue, traffic.error_rate)

    def latency(factor: float) -> Counts:
        counts = _expected(green, _slower(acceptable / factor), blue, _slower(1.0))
        return counts._replace(slope=_SLOPE, phi=DRIFT)

    def accuracy(drop: float) -> Counts:
        labels = traffic.labels_per_second
        wrong = 1 - traffic.accuracy
        return _expected(labels * share, wrong + drop * (1 - wrong), labels * (1 - share), wrong)

    latency_pass = _expected(green, _slower(acceptable), blue, _slower(1.0))._replace(null=null)
    trials: list[tuple[Metric, Counter, Counts, float, float]] = [
        (Metric.ERRORS, errors, errors(traffic.error_rate), 1.5 * limits.error_limit, 1.0),
        (Metric.LATENCY, latency, latency_pass, 1 + 1.5 * (limit - 1), 20.0),
    ]
    if traffic.labels_per_second:
        trials.append((Metric.ACCURACY, accuracy, accuracy(0.0), 1.5 * limits.accuracy_drop_limit, 1.0))
    for metric, counts, good, beyond, most in trials:
        tests = fail_tests(metric, limits)
        yield MetricForecast(
            metric=metric,
            smallest=_smallest(counts, tests, limits, feed, seconds=seconds, most=most),
            seconds_at_limit=_to_fail(counts(beyond), tests, limits, feed),
            seconds_to_pass=_seconds(good, pass_test(metric, limits), log(NEEDED_TO_PASS), feed),
        )


def _expected(green: float, green_rate: float, blue: float, blue_rate: float) -> Counts:
    # Expected counts per thousand seconds, so that whole numbers are close enough.
    rates = (green * green_rate, green, blue * blue_rate, blue)
    return Counts(*(round(1_000 * rate) for rate in rates))


def _slower(multiple: float) -> float:
    """Share of lognormal latencies above `multiple` of their p95."""
    return 0.5 * erfc((_Z95 + log(multiple) / _SIGMA) / sqrt(2))


def _seconds(counts: Counts, test: Test, nats: float, feed: Feed) -> float:
    growth = max(test.log_ratios(counts)) / 1_000
    if growth <= 0:
        return inf
    exact = (nats + log(len(test))) / growth
    periods = -(-exact // feed.period_seconds)
    return periods * feed.period_seconds + feed.late_seconds


def _to_fail(counts: Counts, tests: tuple[Test, ...], limits: Judging, feed: Feed) -> float:
    nats = log(needed_to_fail(limits) / _STEP_PRIOR)
    slowest = max(_seconds(counts, test, nats, feed) for test in tests)
    # Each period is capped at three quarters of the needed evidence: it takes two at least.
    return max(slowest, 2 * feed.period_seconds + feed.late_seconds)


def _smallest(
    counts: Counter, tests: tuple[Test, ...], limits: Judging, feed: Feed, *, seconds: float, most: float
) -> float | None:
    """Bisection: the time to fail falls as the regression grows."""
    low, high = (1.0, most) if most > 1 else (0.0, most)
    if _to_fail(counts(high), tests, limits, feed) > seconds:
        return None
    for _ in range(40):
        middle = (low + high) / 2
        if _to_fail(counts(middle), tests, limits, feed) <= seconds:
            high = middle
        else:
            low = middle
    return high
