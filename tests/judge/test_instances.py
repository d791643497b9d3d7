"""One instance that is bad is named, and told apart from a release that is bad everywhere."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bluegreen.contract import Tier
from bluegreen.domain.measurement import Metric, Period
from bluegreen.domain.release import Color
from bluegreen.domain.verdict import Finding, Outcome
from bluegreen.judge.judge import Judge
from bluegreen.policy import Judging
from tests.judge.traffic import BASELINE, START, look, step

LADDER = (166.7, 200.0, 240.0, 288.0, 345.6, 414.7, 497.7, 597.2, 716.6)
HOST = 400
"""Requests that each of three instances answers in a period."""
SLOPE = 4.0


def over(times: float) -> tuple[tuple[float, int], ...]:
    """Of a host that is so many times as slow as one with a p95 of 200 ms."""
    return tuple((ms, round(HOST * min(1.0, 0.05 * (200.0 * times / ms) ** SLOPE))) for ms in LADDER)


def added(*hosts: tuple[tuple[float, int], ...]) -> tuple[tuple[float, int], ...]:
    return tuple((ms, sum(host[at][1] for host in hosts)) for at, ms in enumerate(LADDER))


def latency(mine: float, others: float, *, named: bool = True) -> Finding:
    """What the judge finds of an instance that is `mine` times as slow as usual among two others."""
    judge = Judge(Judging(cold_start=1.0), BASELINE)
    judge.begin(step(planned=60.0))
    for number in range(20):
        for arm in Color:
            hosts = (over(mine), over(others), over(others)) if arm is Color.GREEN else (over(1.0),) * 3
            one = Period(
                source="prometheus", tier=Tier.APP, arm=arm, start=START + 15.0 * number, seconds=15.0,
                requests=3 * HOST, errors=0, slow=added(*hosts),
            )  # fmt: skip
            if arm is Color.GREEN and named:
                one = replace(one, slowest="i-7", slowest_requests=HOST, slowest_slow=hosts[0])
            assert one.faults() == []
            judge.take(one, one.end)
    found = judge.look(look(300.0, planned_seconds=60.0)).findings
    return next(one for one in found if one.metric is Metric.LATENCY)


def test_a_slow_instance_is_named_with_how_slow_it_is() -> None:
    found = latency(2.0, 1.0)
    assert found.outcome is Outcome.FAIL
    assert (
        "(3,080 of 8,000 on i-7 alone, 400 of 16,000 elsewhere; p95 399 ms, 2.0 times the others')"
        in found.words
    )


@pytest.mark.parametrize(
    ("mine", "others", "named"),
    [
        pytest.param(2.0, 1.6, True, id="the whole release is slow"),
        pytest.param(1.0, 1.0, True, id="nobody is slow"),
        pytest.param(2.0, 1.0, False, id="the source counts no instances"),
    ],
)
def test_no_instance_is_blamed(mine: float, others: float, *, named: bool) -> None:
    found = latency(mine, others, named=named)
    assert "alone" not in found.words
    assert (found.outcome is Outcome.FAIL) is (max(mine, others) > 1)


@pytest.mark.parametrize(("elsewhere", "named"), [(0, True), (20, False)])
def test_a_noisy_instance_is_named_and_told_apart_from_the_release(elsewhere: int, *, named: bool) -> None:
    judge = Judge(Judging(), BASELINE)
    judge.begin(step(planned=60.0))
    for number in range(6):
        for arm in Color:
            green = arm is Color.GREEN
            counted = Period(
                source="prometheus", tier=Tier.APP, arm=arm, start=START + 10.0 * number, seconds=10.0,
                requests=300, errors=(30 + elsewhere) if green else 0,
            )  # fmt: skip
            if green:
                counted = replace(counted, noisiest="i-7", noisiest_errors=30, noisiest_requests=100)
            judge.take(counted, counted.end)
    verdict = judge.look(look(60.0, planned_seconds=60.0))
    assert verdict.outcome is Outcome.FAIL
    assert ("180 of 600 on i-7 alone, 0 of 1,200 elsewhere" in verdict.reason) is named
    assert ("i-7" in verdict.reason) is named
