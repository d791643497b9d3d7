"""A host that dies takes its requests with it; a release that fails its requests does not hide behind one."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

import pytest

from bluegreen.contract import Tier
from bluegreen.domain.measurement import Metric, Period
from bluegreen.domain.release import Color
from bluegreen.domain.stack import BlueShort, HostLost
from bluegreen.domain.verdict import Outcome, Verdict
from bluegreen.judge.judge import Judge
from bluegreen.judge.settings import StepMark
from bluegreen.policy import Judging
from tests.judge.traffic import BASELINE, START, look, step

REQUESTS = 300
DIED = range(4, 7)
"""Numbers of the periods, of 10 s, in which a host is dead and the balancer does not know."""
NOTICE = 35.0
MARK = StepMark(
    started_at=step().started_at, percent=50, planned_seconds=60.0, notice=NOTICE, blue_notice=NOTICE
)


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


def lost(target: str, number: int, *, of: int = 3, arm: Color = Color.GREEN) -> HostLost:
    """Found when the period of that number is over."""
    at = START + 10.0 * (number + 1)
    return HostLost(tier=Tier.APP, arm=arm, target=target, of=of, since=at - NOTICE, until=at)


def judged(
    failing: Failing,
    losses: Iterable[HostLost] = (),
    *,
    until: int = 20,
    times: Collection[int] = DIED,
    arm: Color = Color.GREEN,
) -> Verdict:
    """The verdict after so many periods, each counted 5 s after its end and looked at then."""
    judge = Judge(Judging(), BASELINE)
    judge.begin(MARK)
    found = list(losses)
    for number in range(until):
        now = START + 10.0 * number + 15.0
        judge.settle(now)
        judge.lost([one for one in found if one.until <= now < one.until + 10])
        for one in Color:
            bad = failing if one is arm and number in times else Failing()
            judge.take(period(one, number, bad), now)
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


class TestBlue:
    """Its lost host is no sickness of its release either, and what it shows meanwhile is no measure."""

    def test_what_died_with_its_host_is_no_hold(self) -> None:
        died = Failing(undelivered=100)
        verdict = judged(died, [lost("i-9", 6, arm=Color.BLUE)], arm=Color.BLUE)
        (errors, *_) = verdict.findings
        assert errors.outcome is Outcome.PASS, verdict.reason
        assert "blue was unhealthy" not in verdict.reason
        assert errors.numbers["blue_bad"] == 0
        assert "without 300 that died with i-9" in errors.words

    @pytest.mark.parametrize(
        ("failing", "losses"),
        [
            pytest.param(Failing(undelivered=100), [], id="no host is lost"),
            pytest.param(Failing(undelivered=100), [lost("i-1", 6)], id="one of green is"),
            pytest.param(
                Failing(answered=100), [lost("i-9", 6, arm=Color.BLUE)], id="instances answered 5xx"
            ),
        ],
    )
    def test_one_that_is_sick_does_not_hide_behind_a_host(
        self, failing: Failing, losses: list[HostLost]
    ) -> None:
        verdict = judged(failing, losses, arm=Color.BLUE, until=12)
        assert "since it restarted (app: blue was unhealthy)" in verdict.reason

    def test_nothing_passes_before_it_is_known_whether_a_host_is_lost(self) -> None:
        verdict = judged(Failing(undelivered=100), until=DIED[-1], arm=Color.BLUE)
        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert "100 of 300 requests reached no instance of blue" in verdict.reason
        few = judged(Failing(undelivered=8), until=DIED[-1], arm=Color.BLUE)
        assert "reached no instance" not in few.reason

    def test_too_few_hosts_hold_until_they_carry_its_share_again(self) -> None:
        """And what was counted until then, whenever it arrives, is no evidence for a pass."""
        short = {Tier.APP: BlueShort(healthy=1, needed=2, unhealthy=("i-9",))}
        held, late, whole = (self.after(short, until) for until in (None, 10, 4))
        words = "hold: app: blue has 1 healthy host of the 2 that its share needs (i-9 unhealthy): waiting"
        assert held.hold
        assert held.reason.startswith(words)
        assert late.outcome is Outcome.INCONCLUSIVE
        assert "since it restarted (app: blue was unhealthy)" in late.reason
        assert late.findings[0].numbers["pass_evidence"] == 0.0
        assert whole.findings[0].outcome is Outcome.PASS, whole.reason

    def after(self, short: dict[Tier, BlueShort], until: int | None) -> Verdict:
        """Of ten good periods that arrive at the end, blue being short in those up to `until`."""
        judge = Judge(Judging(), BASELINE)
        judge.begin(MARK)
        judge.short(short, START)
        if until is not None:
            judge.short({}, START + 10.0 * (until + 1))
        for number in range(11):
            for arm in Color:
                judge.take(period(arm, number, Failing()), START + 120)
        return judge.look(look(120.0, planned_seconds=60.0, min_bake_seconds=10.0))


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
