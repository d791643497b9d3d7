"""Where users are too few, the probes of the key functions decide; our own requests are no users."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bluegreen.contract import Tier
from bluegreen.domain.measurement import Metric, Period
from bluegreen.domain.release import Color
from bluegreen.domain.verdict import Finding, Outcome, Verdict
from bluegreen.judge.own import OwnRequests
from bluegreen.judge.probed import decided_by_probes
from bluegreen.judge.settings import StepMark
from bluegreen.policy import Judging

BEGAN = 1_800_000_000.0
THIN = Finding(metric=Metric.ERRORS, tier=Tier.APP, outcome=Outcome.INCONCLUSIVE, words="app errors: 0 of 9")
ASK = Verdict(outcome=Outcome.INCONCLUSIVE, reason="extended", findings=(THIN,), ask=True, at=BEGAN + 600)


def probe(second: float, arm: Color = Color.GREEN, *, failed: int = 0, own: int = 1) -> Period:
    return Period(
        source="probes",
        tier=Tier.APP,
        arm=arm,
        start=BEGAN + second,
        seconds=1.0,
        requests=0,
        errors=0,
        probes=1,
        probes_failed=failed,
        key="login",
        own=own,
    )


def minute(number: int, requests: int, errors: int = 0, arm: Color = Color.GREEN) -> Period:
    return Period(
        source="cloudwatch",
        tier=Tier.APP,
        arm=arm,
        start=BEGAN + 60.0 * number,
        seconds=60.0,
        requests=requests,
        errors=errors,
    )


PROBES = [probe(5.0 * number) for number in range(120)]


def decided(*counted: Period, probes: list[Period] = PROBES, verdict: Verdict = ASK) -> Verdict:
    step = StepMark(started_at=BEGAN, percent=50)
    return decided_by_probes(verdict, [*probes, *counted], step=step, limits=Judging())


def test_our_own_requests_leave_no_user() -> None:
    verdict = decided(*(minute(number, 12) for number in range(8)))
    assert verdict.outcome is Outcome.PASS
    assert not verdict.ask
    assert "app: about 0 user requests, 120 probes passed" in verdict.reason


def test_however_many_they_are() -> None:
    """A thousand requests counted, all of them ours: more than a verdict takes."""
    busy = [replace(one, own=10) for one in PROBES]
    assert decided(*(minute(number, 120) for number in range(9)), probes=busy).outcome is Outcome.PASS


def test_enough_users_decide_themselves() -> None:
    verdict = decided(*(minute(number, 12 + 60) for number in range(8)))
    assert verdict.ask
    assert "about 480 user requests, enough for a verdict of their own (from 459)" in verdict.reason


def test_periods_that_are_cut_elsewhere_than_the_probes_make_no_users() -> None:
    shifted = [replace(minute(number, 12), start=BEGAN + 60.0 * number + 3.0) for number in range(8)]
    verdict = decided(*shifted)
    assert verdict.outcome is Outcome.PASS
    assert "about 0 user requests" in verdict.reason


@pytest.mark.parametrize(
    ("counted", "probes", "verdict", "why"),
    [
        ([minute(0, 112, errors=1)], PROBES, ASK, "1 user requests failed (cloudwatch)"),
        ([minute(0, 12)], [], ASK, "no key function was probed"),
        ([minute(0, 12)], [*PROBES, probe(600, failed=1)], ASK, "1 of 121 probes failed"),
        (
            [minute(0, 12)],
            PROBES,
            replace(ASK, findings=(replace(THIN, evidence=4.0),)),
            "app errors: 0 of 9",
        ),
        (
            [minute(0, 12)],
            PROBES,
            replace(ASK, findings=(replace(THIN, metric=Metric.AVAILABILITY, words="blue's fail too"),)),
            "blue's fail too",
        ),
    ],
)
def test_what_they_do_not_overrule(
    counted: list[Period], probes: list[Period], verdict: Verdict, why: str
) -> None:
    result = decided(*counted, probes=probes, verdict=verdict)
    assert (result.outcome, result.ask) == (Outcome.INCONCLUSIVE, True)
    assert (
        result.reason == f"extended; the probes cannot decide this alone: {result.reason.split('alone: ')[1]}"
    )
    assert why in result.reason


@pytest.mark.parametrize(
    "verdict",
    [
        replace(ASK, ask=False),
        replace(ASK, hold=True),
        replace(ASK, outcome=Outcome.FAIL, ask=False),
        replace(ASK, findings=(replace(THIN, outcome=Outcome.PASS),)),
    ],
)
def test_a_failure_a_hold_and_the_time_before_the_deadline_are_left_alone(verdict: Verdict) -> None:
    assert decided(minute(0, 12), verdict=verdict) is verdict


def test_each_undecided_tier_needs_its_own_probes() -> None:
    ai = replace(THIN, tier=Tier.AI)
    verdict = decided(minute(0, 12), verdict=replace(ASK, findings=(THIN, ai)))
    assert "ai: no key function was probed" in verdict.reason


def test_what_an_earlier_step_saw_does_not_count() -> None:
    before = [replace(one, start=one.start - 1_000) for one in PROBES]
    assert decided(minute(0, 12), probes=before).ask


def test_the_front_door_is_shared_out_by_the_weights_and_the_preview_rule_is_greens() -> None:
    own = OwnRequests([probe(1, own=3), probe(1, Color.BLUE, own=20), probe(90, own=7)])
    assert own.among([minute(0, 9)], green_percent=25) == pytest.approx(3 + 5)
    assert own.among([minute(0, 9, arm=Color.BLUE)], green_percent=25) == pytest.approx(15)
    assert own.among([], green_percent=25) == 0
