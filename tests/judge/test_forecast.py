"""The promised times to detect are those that the judge then needs."""

import math
from dataclasses import replace

import pytest

from bluegreen.contract import Tier
from bluegreen.domain.forecast import ExpectedTraffic, MetricForecast
from bluegreen.domain.measurement import Metric
from bluegreen.domain.verdict import Outcome
from bluegreen.judge.forecast import Feed, metric_forecasts
from bluegreen.judge.judge import judge
from bluegreen.policy import Judging
from tests.judge.traffic import BASELINE, START, Fleet, Traffic, look, step

LIMITS = Judging()
MANY = ExpectedTraffic(tier=Tier.APP, requests_per_second=500, error_rate=0.001, labels_per_second=10)
FAST = Feed(period_seconds=15.0, late_seconds=0.0)


def at(percent: int, traffic: ExpectedTraffic = MANY, feed: Feed = FAST) -> dict[Metric, MetricForecast]:
    found = metric_forecasts(traffic, feed, percent=percent, seconds=300.0, limits=LIMITS)
    return {one.metric: one for one in found}


def smallest(percent: int, metric: Metric, traffic: ExpectedTraffic = MANY) -> float:
    found = at(percent, traffic)[metric].smallest
    assert found is not None
    return found


def test_more_weight_shows_smaller_regressions_up_to_the_half() -> None:
    found = [smallest(percent, Metric.LATENCY) for percent in (5, 25, 50)]
    assert found == sorted(found, reverse=True)


def test_less_traffic_shows_less() -> None:
    few = replace(MANY, requests_per_second=50, labels_per_second=0)
    assert smallest(25, Metric.ERRORS, few) > smallest(25, Metric.ERRORS)


def test_hardly_any_traffic_shows_none() -> None:
    hardly = replace(MANY, requests_per_second=0.2, labels_per_second=0)
    assert at(5, hardly, Feed())[Metric.ERRORS].smallest is None


def test_no_traffic_at_all_never_passes() -> None:
    none = replace(MANY, requests_per_second=0, labels_per_second=0)
    for one in at(5, none).values():
        assert one.smallest is None
        assert one.seconds_to_pass == math.inf


@pytest.mark.parametrize("percent", [5, 25])
def test_the_smallest_error_rate_is_found_about_then(percent: int) -> None:
    """Half of the releases at the promised rate fail within the step; a quarter to all, for chance."""
    rate = smallest(percent, Metric.ERRORS)
    failed = 0
    for seed in range(12):
        periods = Traffic(green=lambda _: Fleet(errors=rate), seed=seed).periods({0: percent}, 300)
        verdict = judge(
            [one for one in periods if one.end <= START + 300],
            limits=LIMITS, baseline=BASELINE, steps=(step(percent=percent),), look=look(300),
        )  # fmt: skip
        failed += verdict.outcome is Outcome.FAIL
    assert failed >= 3
