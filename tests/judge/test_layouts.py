"""A histogram that cannot show a slow release is named before the release, with what it has and needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from bluegreen.contract import Tier
from bluegreen.domain.measurement import BlueBaseline, Period
from bluegreen.domain.release import Color
from bluegreen.domain.stack import TargetGroup
from bluegreen.domain.verdict import Outcome
from bluegreen.engine.watch.forecast import expected_traffic
from bluegreen.judge.judge import Judge
from bluegreen.judge.layouts import lacking
from bluegreen.judge.settings import Look, StepMark
from bluegreen.judge.tail import asked_for
from bluegreen.policy import Judging, Policy
from bluegreen.ports import Arms, Collected
from tools.world import World, lognormal

GO = (5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0)
MEDIAN_MS = 30.0


def hour(bounds: tuple[float, ...], factor: float) -> tuple[list[Period], float]:
    """The periods of a service whose latency has so many times that median, and its p95 by the histogram."""
    parts = [(1000 * seconds, share) for seconds, share in lognormal(factor)]
    over = tuple((ms, round(1000 * sum(share for slow, share in parts if slow > ms))) for ms in bounds)
    p95 = next((ms for ms, count in over if count <= 50), bounds[-1])
    period = Period(
        source="prometheus", tier=Tier.APP, arm=Color.GREEN, start=0.0, seconds=15.0, requests=1000, errors=0,
        slow=over,
    )  # fmt: skip
    return [period], p95


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0, 10.0])
@pytest.mark.parametrize("bounds", [GO, tuple(2.0**power for power in range(1, 13))])
def test_usual_layouts_can(bounds: tuple[float, ...], factor: float) -> None:
    assert lacking(*hour(bounds, factor)) == ""


@pytest.mark.parametrize(
    ("bounds", "factor", "why", "needed"),
    [
        (GO[:5], 10.0, "has the bounds 5, 10, 25, 50, 100 ms: 98% of the requests take longer", "144, 207"),
        ((200.0, 500.0, 1000.0), 0.5, "hardly a request takes longer than the lowest", "46.5, 67"),
    ],
)
def test_others_are_named(bounds: tuple[float, ...], factor: float, why: str, needed: str) -> None:
    words = lacking(*hour(bounds, factor))
    assert why in words
    assert f"add bounds such as {needed}" in words


def test_a_hole_where_the_p95_lies_is_named() -> None:
    periods, _ = hour((10.0, 500.0), 1.0)
    assert "none is between half and twice the p95 of 68 ms; add bounds such as 68, 81.6" in lacking(
        periods, 68.0
    )


def test_without_traffic_nothing_is_said() -> None:
    assert lacking([], 68.0) == ""


class Hour:
    """A source that has counted one period, over bounds of its own or those that it is asked for."""

    def __init__(self, period: Period, *, own: bool) -> None:
        self._period, self._own = period, own

    def collect(self, *_: object, slow_ms: Mapping[Tier, Sequence[float]], **__: object) -> Collected:
        (asked,) = slow_ms.values()
        counts = [count for _, count in self._period.slow]
        slow = self._period.slow if self._own else tuple(zip(asked, counts, strict=False))
        return Collected(periods=(replace(self._period, slow=slow),))


@pytest.mark.parametrize("own", [True, False])
def test_doctor_and_plan_say_it_of_bounds_that_a_source_has_by_itself(*, own: bool) -> None:
    """What is counted over the thresholds that were asked for has no layout to correct."""
    (period,), _ = hour(GO[:5], 10.0)
    source: Any = Hour(period, own=own)
    ports = replace(World().ports(), metrics=source)
    app = Arms(tier=Tier.APP, green=TargetGroup(arn="arn", name="app"))
    _, troubles = expected_traffic([app], {Tier.APP: 100.0}, Policy(), ports)
    said = [words for words in troubles if words.startswith("prometheus: app: the latency histogram has the")]
    assert len(said) == len(troubles) == int(own)


@pytest.mark.parametrize("floor", [0.0, 0.001, 0.05, 10.0])
@pytest.mark.parametrize("p95_ms", [0.5, 50.0, 20_000.0])
def test_a_constant_latency_is_judged_at_every_share(p95_ms: float, floor: float) -> None:
    """Every request is over a bound, or none is: shares of 0 and 1, which have no logarithm."""
    limits = Judging(latency_floor=floor)
    beside = tuple(1000 * floor * part for part in (0.28, 0.53, 1.9, 3.6))
    for factor, bounds in product((0.1, 0.9, 1.1, 5.0), (asked_for(p95_ms, limits), beside)):
        judge = Judge(limits, BlueBaseline(p95_ms={Tier.APP: p95_ms}))
        at = 0.0
        for percent in (50, 95, 100):
            judge.begin(StepMark(started_at=at, percent=percent, planned_seconds=60.0))
            for _ in range(6):
                for arm, share in ((Color.BLUE, 100 - percent), (Color.GREEN, percent)):
                    requests = 1000 * share
                    slow = tuple((ms, requests if ms < factor * p95_ms else 0) for ms in bounds if ms)
                    judge.take(
                        Period(
                            source="prometheus", tier=Tier.APP, arm=arm, start=at, seconds=15.0,
                            requests=requests, errors=0, slow=slow,
                        )
                    )  # fmt: skip
                at += 15.0
            verdict = judge.look(Look(now=at, tiers=(Tier.APP,), full=percent == 100))
            assert verdict.outcome is not Outcome.ERROR
