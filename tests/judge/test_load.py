"""A fleet's latency depends on its load: at 95 % green is full and the blue beside it is idle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from bluegreen.contract import Tier
from bluegreen.domain.measurement import BlueBaseline, Metric, Period
from bluegreen.domain.release import FULL, Color
from bluegreen.domain.verdict import Finding, Outcome, Verdict
from bluegreen.judge.evidence import Counts, KnownShare
from bluegreen.judge.judge import Judge
from bluegreen.judge.tail import asked_for
from bluegreen.policy import Judging
from tests.judge.traffic import START, look, step

LIMITS = Judging()
LONG = 9_999.0
Factor = Callable[[Color, int, int], float]
"""(fleet, its share of the traffic in percent, the period's number) -> how slow it is."""


def full_is_twice_as_slow(_arm: Color, share: int, _number: int) -> float:
    return 1 + (share / 100) ** 2


def ramp(
    factor: Factor,
    percents: tuple[int, ...],
    *,
    p95: float = 200.0,
    each: int = 20,
    failing: range = range(0),
) -> Verdict:
    """The last verdict of a ramp, each of whose steps takes `each` periods of 15 s."""
    rng, judge = np.random.default_rng(5), Judge(LIMITS, BlueBaseline(p95_ms={Tier.APP: p95}))
    found = None
    for number in range(len(percents) * each):
        percent, at = percents[number // each], 15.0 * number
        if number % each == 0:
            judge.begin(step(at, percent))
        for arm, share in ((Color.BLUE, 100 - percent), (Color.GREEN, percent)):
            if share:
                took = factor(arm, share, number) * rng.lognormal(np.log(88.0), 0.5, 75 * share)
                one = period(arm, at, took, p95)
                one = replace(one, errors=len(took) // 5 if number in failing else 0)
                judge.take(one, START + at + 15.0)
        full, last = percent == FULL, percent == percents[-1]
        now = look(at + 15.0, last_before_full=last and not full, full=full, deadline_seconds=LONG)
        found = judge.look(now)
        if found.outcome is Outcome.FAIL:
            break
    assert found is not None
    return found


def period(arm: Color, at: float, took: np.ndarray, p95: float) -> Period:
    slow = tuple((ms, int((took > ms).sum())) for ms in asked_for(p95, LIMITS))
    return Period(
        source="prometheus", tier=Tier.APP, arm=arm, start=START + at, seconds=15.0,
        requests=len(took), errors=0, slow=slow,
    )  # fmt: skip


def latency(verdict: Verdict) -> Finding:
    return next(one for one in verdict.findings if one.metric is Metric.LATENCY)


class TestAFullFleetIsSlowerThanAnIdleOne:
    @pytest.mark.parametrize("percents", [(5, 50, 95), (5, 95, 95, 95, 95), (5, *(95,) * 20)])
    def test_an_equal_release_passes(self, percents: tuple[int, ...]) -> None:
        """In time blue is known as an idle fleet alone."""
        found = latency(ramp(full_is_twice_as_slow, percents))
        assert found.outcome is Outcome.PASS, found.words
        assert found.evidence < 10

    def test_its_row_holds_green_against_a_blue_as_busy(self) -> None:
        found = latency(ramp(full_is_twice_as_slow, (5, 50, 95)))
        assert found.row is not None
        assert not found.row.over
        assert found.row.blue == pytest.approx(380, rel=0.05)
        assert "(p95 of blue when it carried as much as green 3" in found.words
        assert " ms, now 3" in found.words

    def test_without_the_first_steps_blue_nobody_knows(self) -> None:
        """Blue was never as busy as green is: what there is beside it decides."""
        assert ramp(full_is_twice_as_slow, (95,)).outcome is Outcome.FAIL

    @pytest.mark.parametrize("slower", [1.35, 1.6])
    def test_a_release_that_is_slow_under_load_alone_is_found(self, slower: float) -> None:
        def under_load(arm: Color, share: int, number: int) -> float:
            worse = slower if arm is Color.GREEN and share > 90 else 1.0
            return worse * full_is_twice_as_slow(arm, share, number)

        assert ramp(under_load, (5, 50, 95), each=40).outcome is Outcome.FAIL

    def test_a_fleet_that_does_not_mind_its_load_is_judged_as_before(self) -> None:
        def late(arm: Color, share: int, _number: int) -> float:
            return 1.6 if arm is Color.GREEN and share > 90 else 1.0

        assert ramp(late, (5, 50, 95)).outcome is Outcome.FAIL

    def test_where_blue_has_as_much_traffic_nothing_excuses_green(self) -> None:
        """Both fleets are faster at 50 % than they were at 5 %, and green is half as slow again as blue."""

        def faster(arm: Color, share: int, _number: int) -> float:
            return (0.7 if share == 50 else 1.0) * (1.5 if (arm, share) == (Color.GREEN, 50) else 1.0)

        assert ramp(faster, (5, 50)).outcome is Outcome.FAIL

    def test_what_blue_was_while_it_was_sick_is_no_measure(self) -> None:
        """An incident in the first step: green must not be allowed at 95 % to be as slow as that was."""
        during = range(6, 20)

        def incident(arm: Color, share: int, number: int) -> float:
            if number in during:
                return 4.0
            return 2.0 if arm is Color.GREEN and share > 90 else 1.0

        assert ramp(incident, (5, 50, 95), each=40, failing=during).outcome is Outcome.FAIL


class TestThePeakOfTheDay:
    """Both fleets are twice as slow as in the first step: by an incident, or because it is noon now."""

    @staticmethod
    def noon(_arm: Color, _share: int, number: int) -> float:
        return 1.0 if number < 40 else 2.0

    def test_holds_while_nobody_has_said_that_it_is_none(self) -> None:
        held = ramp(self.noon, (5, 25, 50), each=20)
        assert held.hold
        assert "blue itself is unhealthy (latency)" in held.reason

    def test_is_how_blue_is_once_a_person_resumes(self) -> None:
        assert ramp(self.noon, (5, 25, 50, 50, 50), each=20).outcome is Outcome.PASS

    def test_is_how_blue_is_in_a_step_that_is_resumed_hours_later(self) -> None:
        """What was counted before the pause says nothing about the peak."""

        def later(arm: Color, share: int, number: int) -> float:
            return self.noon(arm, share, number - 20)

        assert ramp(later, (5, 25, 50, 50, 50), each=20).outcome is Outcome.PASS

    def test_of_a_resumed_step_a_change_holds_again(self) -> None:
        def twice(arm: Color, share: int, number: int) -> float:
            return self.noon(arm, share, number) * (1.0 if number < 100 else 2.0)

        held = ramp(twice, (5, 25, 50, 50, 50, 95), each=20)
        assert held.hold
        assert "blue itself is unhealthy (latency)" in held.reason


class TestAt100Percent:
    @pytest.mark.parametrize("p95", [200.0, 60.0, 40.0])
    def test_four_times_as_slow_is_found_at_once_whatever_was_asked_for(self, p95: float) -> None:
        """A p95 from a calm hour asks for bounds that end below twice the threshold."""

        def late(arm: Color, share: int, _number: int) -> float:
            return 4.0 if share == FULL else 1.0

        failed = ramp(late, (5, 95, 100), p95=p95)
        assert failed.outcome is Outcome.FAIL, failed.reason
        assert failed.at <= START + 600 + 120
        found = latency(failed)
        far = min(asked_for(p95, LIMITS)[-1], 493.0)
        assert int(found.words.split(" ms")[0].split()[-1]) == pytest.approx(far, rel=0.01)

    @pytest.mark.parametrize("p95", [200.0, 60.0, 40.0])
    def test_a_shared_rise_of_forty_percent_is_none(self, p95: float) -> None:
        def shared(_arm: Color, share: int, _number: int) -> float:
            return 1.4 if share == FULL else 1.0

        assert ramp(shared, (5, 95, 100), p95=p95).outcome is Outcome.PASS

    def test_a_full_fleet_is_held_against_a_full_one(self) -> None:
        """Idle blue's threshold would call the usual latency of a full fleet far too slow."""

        def steep(_arm: Color, share: int, _number: int) -> float:
            return 1 + 2.5 * (share / 100) ** 2

        assert ramp(steep, (5, *(95,) * 20, 100)).outcome is Outcome.PASS


def test_where_more_than_half_may_be_slow_nothing_worse_is_told() -> None:
    crowded = Counts(900, 1_000, null=0.7)
    assert KnownShare((1.25, 5.0)).log_ratios(crowded) == [0.0, 0.0]
    assert KnownShare((1.25,)).log_ratios(crowded._replace(null=0.5))[0] > 0
    assert KnownShare((0.5,)).log_ratios(Counts(100, 1_000, null=0.7))[0] > 0
