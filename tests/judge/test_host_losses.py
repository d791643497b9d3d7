"""A host that dies takes its requests with it; a release that fails its requests does not hide behind one."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

import pytest

from bluegreen.contract import Tier
from bluegreen.domain.measurement import Metric, Period
from bluegreen.domain.release import Color
from bluegreen.domain.stack import HostLost
from bluegreen.domain.verdict import Outcome, Verdict
from bluegreen.judge.judge import Judge
from bluegreen.judge.settings import StepMark
from bluegreen.policy import Judging
from tests.judge.traffic import BASELINE, START, look, step

REQUESTS = 300
DIED = range(4, 7)
"""Numbers of the periods, of 10 s, in which a host is dead and the balancer does not know."""
NOTICE = 35.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """Green's failed requests in each of the periods in which a host is dead."""

    undelivered: int = 0
    answered: int = 0


def period(arm: Color, number: int, bad: Failing) -> Period:
    return Period(
        source="cloudwatch", tier=Tier.APP, arm=arm, start=START + 10.0 * number, seconds=10.0,
        requests=REQUESTS, errors=bad.undelivered + bad.answered, undelivered=bad.undelivered,
    )  # fmt: skip


def lost(target: str, number: int, *, of: int = 3) -> HostLost:
    """Found when the period of that number is over."""
    at = START + 10.0 * (number + 1)
    return HostLost(tier=Tier.APP, target=target, of=of, since=at - NOTICE, until=at)


def judged(
    failing: Failing, losses: Iterable[HostLost] = (), *, until: int = 20, times: Collection[int] = DIED
) -> Verdict:
    """The verdict after so many periods, each counted 5 s after its end and looked at then."""
    judge = Judge(Judging(), BASELINE)
    begun = step(planned=60.0)
    judge.begin(StepMark(started_at=begun.started_at, percent=50, planned_seconds=60.0, notice=NOTICE))
    found = list(losses)
    for number in range(until):
        now = START + 10.0 * number + 15.0
        judge.settle(now)
        judge.lost([one for one in found if one.until <= now < one.until + 10])
        for arm in Color:
            bad = failing if arm is Color.GREEN and number in times else Failing()
            judge.take(period(arm, number, bad), now)
        verdict = judge.look(look(now - START, planned_seconds=60.0))
        if verdict.outcome is Outcome.FAIL:
            return verdict
    return verdict


def test_what_died_with_a_host_is_not_counted_and_is_named() -> None:
    verdict = judged(Failing(undelivered=100), [lost("i-1", 6)])
    assert verdict.outcome is not Outcome.FAIL
    (errors, *_) = verdict.findings
    assert errors.numbers["green_bad"] == 0
    assert "without 300 that died with i-1" in errors.words


@pytest.mark.parametrize(
    ("failing", "losses"),
    [
        pytest.param(Failing(undelivered=100), [], id="no host is lost"),
        pytest.param(Failing(answered=100), [lost("i-1", 6)], id="instances answered 5xx"),
        pytest.param(Failing(undelivered=280), [lost("i-1", 6)], id="more than a host's share"),
        pytest.param(Failing(undelivered=150), [lost("i-1", 6), lost("i-2", 6)], id="two hosts at once"),
        pytest.param(Failing(undelivered=100), [lost("i-1", 19)], id="a host is lost much later"),
    ],
)
def test_a_release_does_not_hide_behind_a_lost_host(failing: Failing, losses: list[HostLost]) -> None:
    assert judged(failing, losses).outcome is Outcome.FAIL


def test_hosts_that_fall_one_after_the_other_are_the_release_s_fault() -> None:
    """One is borne with in each step, although each is replaced."""
    times = [*range(1, 4), *range(9, 12)]
    losses = [lost("i-1", 3), lost("i-2", 11)]
    assert judged(Failing(undelivered=100), losses[:1], times=times[:3]).outcome is not Outcome.FAIL
    verdict = judged(Failing(undelivered=100), losses, times=times)
    assert verdict.outcome is Outcome.FAIL
    assert "died with i-2" not in verdict.reason


def test_nothing_passes_or_fails_before_it_is_known_whether_a_host_is_lost() -> None:
    verdict = judged(Failing(undelivered=100), until=DIED[-1])
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "100 of 300 requests reached no instance" in verdict.reason
    few = judged(Failing(undelivered=1), until=DIED[-1])
    assert "reached no instance" not in few.reason


def test_a_request_without_an_answer_has_no_latency() -> None:
    """Were it taken for a fast one, a fleet would be the faster the more hosts it has lost."""
    found = []
    for arm, dead in ((Color.BLUE, 0), (Color.BLUE, 200), (Color.GREEN, 200)):
        judge = Judge(Judging(), BASELINE)
        judge.begin(step(planned=60.0))
        for number in range(30):
            for one in Color:
                away = dead if one is arm else 0
                answered = REQUESTS - away
                slow = tuple((float(ms), answered * part // 100) for ms, part in ((200, 5), (240, 5)))
                counted = period(one, number, Failing(undelivered=away))
                judge.take(replace(counted, slow=slow), counted.end)
        verdict = judge.look(look(300.0, planned_seconds=600.0))
        found += [one.evidence for one in verdict.findings if one.metric is Metric.LATENCY]
    calm, blue_lost, green_lost = found
    assert calm < 1
    assert blue_lost < 1
    assert green_lost == pytest.approx(calm, rel=0.5)


@pytest.mark.parametrize(("elsewhere", "named"), [(0, True), (20, False)])
def test_one_noisy_instance_is_named_and_told_apart_from_the_release(elsewhere: int, *, named: bool) -> None:
    judge = Judge(Judging(), BASELINE)
    judge.begin(step(planned=60.0))
    for number in range(6):
        for arm in Color:
            green = arm is Color.GREEN
            counted = period(arm, number, Failing(answered=(30 + elsewhere) if green else 0))
            noisy = {"noisiest": "i-7", "noisiest_errors": 30, "noisiest_requests": 100} if green else {}
            judge.take(replace(counted, **noisy), counted.end)  # type: ignore[arg-type]  # of three types
    verdict = judge.look(look(60.0, planned_seconds=60.0))
    assert verdict.outcome is Outcome.FAIL
    assert ("180 of 600 on i-7 alone, 0 of 1,200 elsewhere" in verdict.reason) is named
    assert ("i-7" in verdict.reason) is named
