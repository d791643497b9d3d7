"""Whatever arrives, the judge answers, names what is broken, and never passes a release on it."""

import json
import math
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bluegreen.contract import Tier
from bluegreen.domain.document import to_document
from bluegreen.domain.measurement import Metric, Period
from bluegreen.domain.release import Color
from bluegreen.domain.verdict import Outcome, Verdict
from bluegreen.judge.judge import judge
from bluegreen.judge.settings import StepMark
from bluegreen.policy import Judging
from tests.judge.traffic import BASELINE, START, Fleet, Traffic, look, step

Mangle = Callable[[Period], list[Period]]

BREAKING: dict[str, Mangle] = {
    "NaN": lambda one: [replace(one, errors=math.nan)],  # type: ignore[arg-type]  # broken on purpose
    "negative": lambda one: [replace(one, requests=-one.requests)],
    "more errors than requests": lambda one: [replace(one, errors=one.requests + 1)],
    "a share instead of a count": lambda one: [replace(one, errors=0.01)],  # type: ignore[arg-type]  # as above
    "shrinking": lambda one: [one, replace(one, requests=one.requests // 2, errors=0, slow=())],
    "clock ahead": lambda one: [replace(one, start=one.start + 3_600)],
    "clock half a period back": lambda one: [replace(one, start=one.start - 7.5)],
    "another length": lambda one: [replace(one, seconds=60.0)],
    "latency in seconds": lambda one: [replace(one, slow=((200.0, one.requests // 5),), p95_ms=0.2)],
    "no time": lambda one: [replace(one, start=math.nan)],
}
HARMLESS: dict[str, Mangle] = {
    "repeated": lambda one: [one, one],
    "revised": lambda one: [one, replace(one, requests=one.requests + 9, errors=one.errors + 1)],
}
GOOD = Traffic(rate=2_000).periods({0: 25}, 300)
BAD = Traffic(rate=2_000, green=lambda _: Fleet(errors=0.02)).periods({0: 25}, 300)
AT_THE_LIMIT = Traffic(rate=500, green=lambda _: Fleet(errors=0.011)).periods({0: 25}, 300)
STEPS = (step(percent=25),)


def verdict(periods: list[Period], now: float = 300, **changes: object) -> Verdict:
    return judge(periods, limits=Judging(), baseline=BASELINE, steps=STEPS, look=look(now, **changes))


def green_at(periods: list[Period], index: int) -> int:
    """The place of green's period number `index`."""
    return [place for place, one in enumerate(periods) if one.arm is Color.GREEN][index]


def test_what_is_mangled_below_passes_when_it_is_whole() -> None:
    assert verdict(GOOD).outcome is Outcome.PASS
    assert verdict(BAD).outcome is Outcome.FAIL


@pytest.mark.parametrize("kind", BREAKING)
@pytest.mark.parametrize("arm", Color)
def test_no_pass_at_the_look_that_sees_broken_data(kind: str, arm: Color) -> None:
    newest = max(place for place, one in enumerate(GOOD) if one.arm is arm)
    periods = [*GOOD[:newest], *BREAKING[kind](GOOD[newest]), *GOOD[newest + 1 :]]
    found = verdict(periods)
    assert found.outcome in {Outcome.ERROR, Outcome.INCONCLUSIVE}
    assert found.outcome is Outcome.INCONCLUSIVE or found.hold
    assert "broken" in found.reason, found.reason
    assert "prometheus app" in found.reason or "counts of prometheus" in found.reason


@pytest.mark.parametrize("kind", BREAKING)
def test_a_pass_needs_a_whole_bake_after_broken_data(kind: str) -> None:
    place = green_at(GOOD, 10)
    periods = [*GOOD[:place], *BREAKING[kind](GOOD[place]), *GOOD[place + 1 :]]
    found = verdict(periods)
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "since it restarted (app: broken counts of prometheus)" in found.reason
    later = Traffic(rate=2_000).periods({0: 25}, 600)[len(GOOD) :]
    assert verdict([*periods, *later], 600).outcome is Outcome.PASS


@pytest.mark.parametrize("kind", HARMLESS)
def test_what_is_harmless_changes_no_verdict(kind: str) -> None:
    place = green_at(GOOD, 10)
    periods = [*GOOD[:place], *HARMLESS[kind](GOOD[place]), *GOOD[place + 1 :]]
    assert verdict(periods) == verdict(GOOD)


@given(order=st.permutations(range(0, len(GOOD), 4)))
@settings(max_examples=30)
def test_the_order_of_arrival_changes_no_count(order: list[int]) -> None:
    """Groups of periods arrive in any order: the pass and the counts are those of the right order."""
    shuffled = [one for place in order for one in GOOD[place : place + 4]]
    found, wanted = verdict(shuffled), verdict(GOOD)
    assert found.outcome is wanted.outcome
    assert [one.numbers["green_total"] for one in found.findings] == [
        one.numbers["green_total"] for one in wanted.findings
    ]


@st.composite
def mangled(draw: st.DrawFn, periods: list[Period]) -> list[Period]:
    """Each period of green, or of both arms, may be lost, broken, repeated, revised or late."""
    kinds = [*BREAKING, *HARMLESS, "lost", "late"]
    arms = draw(st.sampled_from([{Color.GREEN}, {Color.BLUE}, set(Color)]))
    share = draw(st.integers(1, 9))
    arrived: list[Period] = []
    late: list[Period] = []
    for one in periods:
        kind = draw(st.sampled_from(kinds)) if one.arm in arms and draw(st.integers(0, 9)) < share else ""
        if kind in BREAKING:
            arrived += BREAKING[kind](one)
        elif kind in HARMLESS:
            arrived += HARMLESS[kind](one)
        elif kind == "late":
            late.append(one)
        elif not kind:
            arrived.append(one)
    return [*arrived, *late]


@given(periods=mangled(BAD) | mangled(AT_THE_LIMIT), now=st.integers(60, 1_500))
@settings(max_examples=60, deadline=None)
def test_no_mangling_makes_a_bad_release_pass(periods: list[Period], now: int) -> None:
    found = verdict(periods, float(now))
    assert found.outcome is not Outcome.PASS
    assert json.loads(json.dumps(to_document(found), allow_nan=False)) == to_document(found)
    assert verdict(list(periods), float(now)) == found


@given(periods=mangled(GOOD))
@settings(max_examples=60, deadline=None)
def test_no_mangling_rolls_a_good_release_back(periods: list[Period]) -> None:
    assert verdict(periods).outcome is not Outcome.FAIL


@given(lost=st.sets(st.integers(0, 19), min_size=4), arm=st.sampled_from(Color))
@settings(max_examples=40, deadline=None)
def test_a_step_that_was_not_counted_on_one_arm_was_not_watched(lost: set[int], arm: Color) -> None:
    mine = [one for one in GOOD if one.arm is arm]
    gone = {mine[index].start for index in lost}
    found = verdict([one for one in GOOD if one.arm is not arm or one.start not in gone])
    assert found.outcome is not Outcome.PASS


def test_errors_that_hide_in_lost_periods_do_not_pass() -> None:
    """Green's counts are lost just when it fails: every other minute it is not counted at all."""
    counted = [one for one in GOOD if one.arm is Color.BLUE or int((one.start - START) / 60) % 2 == 0]
    found = verdict(counted)
    assert found.outcome is not Outcome.PASS
    assert "gap in the counts of prometheus" in found.reason or "nothing on green" in found.reason


def test_a_deployer_s_clock_that_jumps_back_neither_passes_nor_fails() -> None:
    """The second step is said to begin before the first; periods keep the true time."""
    steps = (step(percent=5), StepMark(started_at=START - 600, percent=25))
    found = judge(GOOD, limits=Judging(), baseline=BASELINE, steps=steps, look=look(-300))
    assert found.outcome is Outcome.ERROR
    assert "in the future" in found.reason


def test_a_deployer_s_clock_that_jumps_ahead_asks() -> None:
    found = verdict(GOOD, 90_000)
    assert found.outcome is Outcome.ERROR
    assert found.ask
    assert "nothing new from prometheus for 89700 s" in found.reason


@pytest.mark.parametrize("p95_ms", [math.nan, math.inf, 0.0, -5.0])
def test_a_baseline_that_cannot_be_true_never_passes(p95_ms: float) -> None:
    baseline = replace(BASELINE, p95_ms={Tier.APP: p95_ms})
    found = judge(GOOD, limits=Judging(), baseline=baseline, steps=STEPS, look=look(300))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "latency" in found.reason


@pytest.mark.parametrize(
    "lose",
    [
        pytest.param(lambda one: replace(one, slow=()), id="no histogram"),
        pytest.param(
            lambda one: replace(one, slow=tuple((ms / 1_000, count) for ms, count in one.slow)), id="seconds"
        ),
    ],
)
@pytest.mark.parametrize("arms", [{Color.GREEN}, {Color.BLUE}, set(Color)])
def test_a_latency_that_is_counted_no_more_is_no_lack_of_traffic(
    lose: Callable[[Period], Period], arms: set[Color]
) -> None:
    """Who is asked at the deadline must know that the measurement is what is missing."""
    ramp = {0: 25, 300: 50}
    counted = [
        lose(one) if one.arm in arms and one.start >= START + 300 else one
        for one in Traffic(rate=500).periods(ramp, 1_500)
    ]
    steps = [step(at, percent) for at, percent in ramp.items()]
    asked = judge(counted, limits=Judging(), baseline=BASELINE, steps=steps, look=look(1_500))
    assert asked.ask
    (latency,) = [one.words for one in asked.findings if one.metric is Metric.LATENCY]
    assert "requests none was counted over a latency that fits" in latency
    assert "too little traffic" not in latency
