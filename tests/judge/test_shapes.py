"""Latencies of other shapes than the usual one, and other ways to be slow than all of the tail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from bluegreen.contract import Tier
from bluegreen.domain.measurement import BlueBaseline, Metric, Period
from bluegreen.domain.release import Color
from bluegreen.domain.verdict import Finding, Outcome, Verdict
from bluegreen.judge.judge import Judge
from bluegreen.judge.tail import asked_for
from bluegreen.policy import Judging
from tests.judge.traffic import START, look, step

Latencies = Callable[[np.random.Generator, int], np.ndarray]
"""So many, in ms."""
LIMITS = Judging()


def usual(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.lognormal(np.log(88.0), 0.5, n)


def heavy(rng: np.random.Generator, n: int) -> np.ndarray:
    """Pareto: of the requests slower than t, a third is slower than 2 t, however large t is."""
    return 27.0 * (1 + rng.pareto(1.5, n))


def times(factor: float, shape: Latencies) -> Latencies:
    return lambda rng, n: factor * shape(rng, n)


def a_few_very_slow(rng: np.random.Generator, n: int) -> np.ndarray:
    found = usual(rng, n)
    return np.where(rng.random(n) < 0.015, 10 * found, found)


def slow_but_for_the_tail(rng: np.random.Generator, n: int) -> np.ndarray:
    """The median is 60 % higher, one request in twenty takes as long as before."""
    return np.where(rng.random(n) < 0.9, np.minimum(1.6 * usual(rng, n), 190.0), usual(rng, n))


def of_two_kinds(slow: float) -> Latencies:
    """So many requests are of a kind that takes eight times as long; between both kinds there is nothing."""

    def shape(rng: np.random.Generator, n: int) -> np.ndarray:
        found = rng.lognormal(np.log(40.0), 0.3, n)
        return np.where(rng.random(n) < slow, 8 * found, found)

    return shape


def periods(
    green: Latencies, blue: Latencies, *, source: str = "prometheus", scale: float = 1.0, until: int = 80
) -> list[Period]:
    """Of 15 s each at 25 %, counted by a source that measures `scale` times as much as others do."""
    rng, made = np.random.default_rng(3), []
    asked = asked_for(float(np.quantile(blue(rng, 100_000), 0.95)), LIMITS)
    for number in range(until):
        for arm, shape, n in ((Color.BLUE, blue, 5_600), (Color.GREEN, green, 1_900)):
            took = np.sort(scale * shape(rng, n))
            slow = tuple((ms, int(n - np.searchsorted(took, ms, side="right"))) for ms in asked)
            made.append(
                Period(
                    source=source, tier=Tier.APP, arm=arm, start=START + 15.0 * number, seconds=15.0,
                    requests=n, errors=0, slow=slow,
                )
            )  # fmt: skip
    return made


def judged(counted: list[Period], p95: float = 200.0, *, limits: Judging = LIMITS) -> Verdict:
    judge = Judge(limits, BlueBaseline(p95_ms={Tier.APP: p95}))
    judge.begin(step(percent=25))
    for one in counted:
        judge.take(one, one.end)
    last = max(one.end for one in counted)
    return judge.look(look(last - START, last_before_full=True, deadline_seconds=9_999.0))


def latency(verdict: Verdict) -> Finding:
    return next(one for one in verdict.findings if one.metric is Metric.LATENCY)


@pytest.mark.parametrize(
    ("green", "blue"),
    [
        pytest.param(times(1.35, heavy), heavy, id="a heavy tail that is a third slower"),
        pytest.param(a_few_very_slow, usual, id="one or two requests in a hundred ten times slower"),
        pytest.param(slow_but_for_the_tail, usual, id="a median that rises under the same tail"),
    ],
)
def test_is_found(green: Latencies, blue: Latencies) -> None:
    assert latency(judged(periods(green, blue))).outcome is Outcome.FAIL


@pytest.mark.parametrize("shape", [usual, heavy, *map(of_two_kinds, (0.01, 0.05, 0.07, 0.3))])
def test_an_equal_release_of_that_shape_passes(shape: Latencies) -> None:
    assert latency(judged(periods(shape, shape, until=40))).outcome is Outcome.PASS


@pytest.mark.parametrize(("slow", "outcome"), [(0.055, Outcome.PASS), (0.1, Outcome.FAIL)])
def test_a_few_more_of_a_slow_kind_are_no_slower_release(slow: float, outcome: Outcome) -> None:
    """Who asks for what differs from fleet to fleet; twice as many of the slow kind is another matter."""
    assert (
        latency(judged(periods(of_two_kinds(slow), of_two_kinds(0.05), until=160), 100.0)).outcome is outcome
    )


@pytest.mark.parametrize("slow", [0.01, 0.05, 0.07])
def test_a_release_that_is_slower_for_both_kinds_is_found(slow: float) -> None:
    kinds = of_two_kinds(slow)
    assert latency(judged(periods(times(1.35, kinds), kinds), 100.0)).outcome is Outcome.FAIL


@pytest.mark.parametrize(("factor", "outcome"), [(1.0, Outcome.PASS), (1.6, Outcome.FAIL)])
def test_each_source_has_thresholds_of_its_own(factor: float, outcome: Outcome) -> None:
    """What the balancer measures has the network in it: four times what the application says of itself."""
    within = periods(times(factor, usual), usual, until=30)
    outside = periods(times(factor, usual), usual, source="cloudwatch", scale=4.0, until=30)
    both = sorted((*within, *outside), key=lambda one: one.start)
    found = latency(judged(both))
    assert found.outcome is outcome
    assert found.row is not None
    assert found.row.blue == pytest.approx(200, rel=0.1) or found.row.blue == pytest.approx(800, rel=0.1)


def test_what_the_ramp_has_shown_against_green_is_not_forgotten_at_100_percent() -> None:
    """The evidence of both stages is one; alone, a little more would not fail the release."""
    judge = Judge(LIMITS, BlueBaseline(p95_ms={}))
    judge.begin(step(percent=50))
    found = []
    for number in range(60):
        if number == 40:
            judge.begin(replace(step(percent=100), started_at=START + 600.0))
        for arm in Color if number < 40 else (Color.GREEN,):
            errors = 4 if arm is Color.GREEN and 36 <= number < 40 else 0
            one = Period(
                source="cloudwatch", tier=Tier.APP, arm=arm, start=START + 15.0 * number, seconds=15.0,
                requests=100, errors=errors,
            )  # fmt: skip
            judge.take(one, one.end)
        if number >= 39:
            (errors_found, *_) = judge.look(look(15.0 * (number + 1), full=number >= 40)).findings
            found.append(errors_found.evidence)
    ramp, *alone = found
    assert ramp > 3
    assert alone[0] == pytest.approx(0.9 * ramp + 0.1, rel=0.1)
