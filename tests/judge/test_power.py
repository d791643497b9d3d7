"""The promised times to detect are those that the judge then needs."""

import math

import pytest

from bluegreen.domain.measurement import Metric
from bluegreen.domain.verdict import Outcome
from bluegreen.judge.judge import Thresholds, judge
from bluegreen.judge.power import ExpectedTraffic, detectable
from tests.judge.traffic import BASELINE, START, Fleet, Traffic, look, step

LIMITS = Thresholds()
FAST = ExpectedTraffic(requests_per_second=500, labels_per_second=10, period_seconds=15.0, late_seconds=0.0)


def at(percent: int, traffic: ExpectedTraffic = FAST, seconds: float = 300.0) -> dict[Metric, object]:
    return {
        one.metric: one for one in detectable(traffic, percent=percent, seconds=seconds, thresholds=LIMITS)
    }


def test_more_weight_shows_smaller_regressions_up_to_the_half() -> None:
    smallest = [at(percent)[Metric.LATENCY].smallest for percent in (5, 25, 50)]  # type: ignore[attr-defined]
    assert smallest == sorted(smallest, reverse=True)


def test_less_traffic_shows_less() -> None:
    few = at(25, ExpectedTraffic(requests_per_second=50, period_seconds=15.0, late_seconds=0.0))
    many = at(25)
    assert few[Metric.ERRORS].smallest > many[Metric.ERRORS].smallest  # type: ignore[attr-defined]


def test_hardly_any_traffic_is_said_so() -> None:
    one = at(5, ExpectedTraffic(requests_per_second=0.2))[Metric.ERRORS]
    assert one.smallest is None  # type: ignore[attr-defined]
    assert "too little traffic" in one.words  # type: ignore[attr-defined]


def test_no_traffic_at_all_never_passes() -> None:
    for one in detectable(ExpectedTraffic(requests_per_second=0), percent=5, seconds=300, thresholds=LIMITS):
        assert one.smallest is None
        assert one.seconds_to_pass == math.inf


def test_words_are_for_the_plan() -> None:
    words = [one.words for one in detectable(FAST, percent=25, seconds=300, thresholds=LIMITS)]
    assert words[0].startswith("25 %: errors from ")
    assert words[1].startswith("25 %: latency from +")
    assert words[2].startswith("25 %: accuracy from -")
    assert "a good release passes after" in words[0]


@pytest.mark.parametrize("percent", [5, 25])
def test_the_smallest_error_rate_is_found_about_then(percent: int) -> None:
    """Half of the releases at the promised rate fail within the step; a quarter to all, for chance."""
    rate = at(percent)[Metric.ERRORS].smallest  # type: ignore[attr-defined]
    failed = 0
    for seed in range(12):
        periods = Traffic(green=lambda _: Fleet(errors=rate), seed=seed).periods({0: percent}, 300)
        verdict = judge(
            [one for one in periods if one.end <= START + 300],
            thresholds=LIMITS, baseline=BASELINE, steps=(step(percent=percent),), look=look(300),
        )  # fmt: skip
        failed += verdict.outcome is Outcome.FAIL
    assert failed >= 3
