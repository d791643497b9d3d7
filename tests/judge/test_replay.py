"""A verdict is a replay of its journal: each step with its own length, and every input in an entry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from bluegreen.contract import Tier
from bluegreen.domain.journal import (
    Accepted,
    BaselineMeasured,
    Ending,
    Entry,
    Event,
    Measured,
    ShareWatched,
    VerdictGiven,
)
from bluegreen.domain.measurement import Metric, Period
from bluegreen.domain.plan import Step, StepKind
from bluegreen.domain.release import Color
from bluegreen.domain.stack import BlueShort, HostLost, SickTargets
from bluegreen.domain.verdict import Outcome, Verdict
from bluegreen.engine.accepting import accepted
from bluegreen.errors import Refused
from bluegreen.judge import replay as replaying
from bluegreen.judge.batches import Calendar
from bluegreen.judge.judge import Judge
from bluegreen.judge.record import Record, step_mark
from bluegreen.judge.replay import replay, verdict_on
from bluegreen.judge.settings import Look
from bluegreen.policy import Policy, Rollout, parse_policy
from tests.judge.traffic import BASELINE, START, Fleet, Traffic, probes
from tests.ui.samples import promotion
from tests.world.releasing import QUICK, serving

PLAN = promotion()
POLICY = parse_policy("", stack="prod", source="deploy.toml")

SICK = SickTargets(ids=("i-1",), left=0, needed=1)


def mark(at: float, percent: int) -> ShareWatched:
    step = Step(kind=StepKind.JUDGE, percent=percent)
    return ShareWatched(stage="judge", step=step, words="", percent=percent, since=START + at)


KNOWN = BaselineMeasured(
    stage="judge", step=Step(kind=StepKind.JUDGE, percent=50), words="", baseline=BASELINE
)


def measured(periods: Iterable[Period] = (), **more: Any) -> Measured:
    return Measured(stage="judge", percent=50, periods=tuple(periods), **more)


def given(now: float) -> VerdictGiven:
    return VerdictGiven(
        stage="judge",
        step=Step(kind=StepKind.JUDGE, percent=50),
        percent=50,
        verdict=Verdict(outcome=Outcome.INCONCLUSIVE, reason="", at=START + now),
        next="",
        next_at=None,
    )


def record(*events: Event) -> Record:
    made = Record()
    for event in events:
        made.add(event)
    return made


def everywhere(percents: Mapping[float, int], until: float) -> list[Period]:
    """A good release on every tier."""
    return [
        one
        for tier in (plan.tier for plan in PLAN.tiers)
        for one in Traffic(tier=tier, source="cloudwatch").periods(percents, until)
    ]


def verdict(made: Record, now: float, policy: Policy = POLICY) -> Verdict:
    return verdict_on(made, plan=PLAN, policy=policy, now=START + now)


class TestTheLengthOfAStep:
    ROLLOUT = Rollout(bake=120.0, final_bake=60.0, min_bake=60.0)

    def test_is_its_own_also_when_another_one_is_judged(self) -> None:
        marks = [step_mark(self.ROLLOUT, START, percent) for percent in (50, 100)]
        assert [(one.percent, one.planned_seconds) for one in marks] == [(50, 120.0), (100, 60.0)]

    def test_keeps_the_burst_windows_of_what_is_over(self) -> None:
        """A twentieth of two minutes, whatever comes at 100 %."""
        calendar = Calendar(POLICY.judge, [step_mark(self.ROLLOUT, START, 50)])
        one = Period(
            source="x", tier=Tier.APP, arm=Color.GREEN, start=START + 13, seconds=1.0, requests=1, errors=0
        )
        before = calendar.window(one, 0)
        calendar.begin(step_mark(self.ROLLOUT, START + 400, 100))
        assert calendar.window(one, 0) == before


class TestTheRecord:
    def test_keeps_what_no_later_entry_changed(self) -> None:
        made = record(
            measured(sick={Tier.APP: SICK}, troubles=("prometheus: HTTP 503",)),
            measured([probes(Color.GREEN, 5.0, failed=False)]),
        )
        assert made.sick == {Tier.APP: SICK}
        assert made.troubles == ("prometheus: HTTP 503",)
        assert len(made.periods) == 1
        made.add(measured(sick={}, troubles=()))
        assert (made.sick, made.troubles) == ({}, ())

    def test_has_all_that_the_verdict_is_made_of(self) -> None:
        made = record(mark(0, 50), KNOWN, measured(everywhere({0: 50}, 300)))
        assert verdict(made, 300).outcome is Outcome.PASS
        made.add(measured(troubles=("prometheus: HTTP 503",)))
        held = verdict(made, 300)
        assert (held.outcome, held.hold, held.ask) == (Outcome.ERROR, True, False)
        assert held.reason.startswith("hold: prometheus: HTTP 503; meanwhile: ")
        assert verdict(made, 1_200).ask
        made.add(measured(sick={Tier.APP: SICK}))
        failed = verdict(made, 300)
        assert failed.outcome is Outcome.FAIL
        assert "app 1 of green's targets unhealthy (i-1)" in failed.reason

    def test_of_another_source_is_no_pass(self) -> None:
        """CloudWatch must have counted green in this step, whatever a second source shows."""
        other = [replace(one, source="prometheus") for one in everywhere({0: 50}, 300)]
        made = record(mark(0, 50), KNOWN, measured(other))
        found = verdict(made, 300)
        assert found.outcome is Outcome.INCONCLUSIVE
        assert "no settled data of this step yet from cloudwatch (web), cloudwatch (app)" in found.reason
        assert not found.ask
        assert verdict(made, 1_200).outcome is not Outcome.PASS


class TestAPerson:
    """What the counts do not decide a person may, and never over evidence against green."""

    def thin(self, percent: int = 95, errors: float = 0.0, rate: float = 1.5) -> Record:
        truth = Fleet(errors=errors)
        few = Traffic(source="cloudwatch", seconds=60.0, rate=rate, green=lambda _: truth)
        one = replace(PLAN, tiers=tuple(plan for plan in PLAN.tiers if plan.tier is Tier.APP))
        assert one.tiers
        self.plan = one
        return record(mark(0, percent), measured(few.periods({0: percent}, 420)))

    def verdict(self, made: Record, now: float = 420) -> Verdict:
        return verdict_on(made, plan=self.plan, policy=POLICY, now=START + now)

    def test_may_accept_what_too_few_requests_leave_open(self) -> None:
        made = self.thin()
        assert self.verdict(made).outcome is Outcome.INCONCLUSIVE
        made.add(Accepted(tier=Tier.APP, metric=Metric.ERRORS, operator="anna", reason="load test"))
        found = self.verdict(made)
        assert found.outcome is Outcome.PASS, found.reason
        assert all("accepted by anna: load test" in one.words for one in found.findings)

    def test_may_not_accept_what_is_against_green(self) -> None:
        made = self.thin(percent=50, errors=0.022, rate=10.0)
        made.add(Accepted(tier=Tier.APP, metric=Metric.ERRORS, operator="anna", reason="load test"))
        found = self.verdict(made)
        (errors,) = [one for one in found.findings if one.metric is Metric.ERRORS]
        assert errors.evidence >= 10, "the case is none otherwise"
        assert errors.outcome is not Outcome.PASS
        given = VerdictGiven(
            stage="judge", step=Step(kind=StepKind.JUDGE, percent=95), percent=95, verdict=found, next="",
            next_at=None,
        )  # fmt: skip
        entries = [Entry(seq=1, at=START, event=given)]
        with pytest.raises(Refused, match=r"errors:app cannot be accepted: .*app errors: \d+ of"):
            accepted(entries, [(Metric.ERRORS, Tier.APP)], operator="anna", reason="load test")
        with pytest.raises(Refused, match=r"accuracy:app cannot be accepted: the last verdict does not wait"):
            accepted(entries, [(Metric.ACCURACY, Tier.APP)], operator="anna", reason="load test")

    def test_may_not_accept_over_a_hold_nor_before_a_verdict(self) -> None:
        held = replace(given(1).verdict, hold=True, reason="hold: blue itself is unhealthy")
        entries = [Entry(seq=1, at=START, event=replace(given(1), verdict=held))]
        for known, words in ((entries, "blue itself is unhealthy"), ([], "no verdict has been given")):
            with pytest.raises(Refused, match=words):
                accepted(known, [(Metric.ERRORS, Tier.APP)], operator="anna", reason="load test")


def test_a_judge_that_has_followed_the_run_says_what_one_says_that_reads_it_whole() -> None:
    """State is kept between looks, what is put into words too, and a look changes nothing."""
    marks = {0: 5, 330: 50, 660: 95}
    periods = everywhere(marks, 900)
    starts = sorted({one.start for one in periods})
    events: list[Event] = []
    for start in starts:
        events += [mark(at, percent) for at, percent in marks.items() if START + at == start]
        events.append(measured([one for one in periods if one.start == start]))
    impossible = replace(periods[0], start=START + 500, seconds=15.0, errors=periods[0].requests + 1)
    short = {Tier.APP: BlueShort(healthy=1, needed=2)}
    gone = [
        HostLost(tier=Tier.AI, arm=arm, target="i-1", of=2, since=START, until=START + 60) for arm in Color
    ]
    events[20:20] = [measured(short=short), measured(lost=gone)]
    events[24:24] = [measured(short={})]
    events[40:40] = [measured([impossible]), measured(joined=(Tier.WEB,))]
    followed, held = record(), 0
    for number, event in enumerate(events, start=1):
        followed.add(event, START + 15.0 * number)
        now, whole = 15.0 * number, record()
        for at, one in enumerate(events[:number], start=1):
            whole.add(one, START + 15.0 * at)
        found = verdict(followed, now)
        assert found == verdict(followed, now) == verdict(whole, now)
        held += "blue has 1 healthy host of the 2 that its share needs" in found.reason
    assert held == 4, "the case is none otherwise"


class TestTheReplay:
    def entries(self) -> list[Entry]:
        good = everywhere({0: 50}, 300)
        events: list[Event] = [mark(0, 50), given(10), KNOWN, measured(good), given(300)]
        return [Entry(seq=seq, at=START + 300, event=event) for seq, event in enumerate(events, start=1)]

    def test_gives_each_verdict_by_the_entries_before_it(self) -> None:
        found = list(replay(self.entries(), plan=PLAN, policy=POLICY))
        assert [one.verdict.at - START for one, _ in found] == [10, 300]
        assert [verdict.outcome for _, verdict in found] == [Outcome.INCONCLUSIVE, Outcome.PASS]
        assert [verdict.at for _, verdict in found] == [START + 10, START + 300]

    def test_computes_only_what_is_wanted(self) -> None:
        found = replay(self.entries(), plan=PLAN, policy=POLICY, wanted=lambda one: one.seq > 2)
        assert [one.verdict.at - START for one, _ in found] == [300]


class TestARun:
    """The simulated world replays the journal of every run: it must notice a rule that is no part of it."""

    def test_whose_verdicts_need_what_is_not_journalled_is_noticed(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world = serving("v1.0.0", policy=QUICK)
        calls: list[int] = []

        def moody(made: Record, **rest: Any) -> Verdict:
            calls.append(len(made.periods))
            found = verdict_on(made, **rest)
            return Verdict(outcome=found.outcome, reason=f"{found.reason} ({len(calls)})", at=found.at)

        monkeypatch.setattr("bluegreen.engine.watch.step.verdict_on", moody)
        deployer = world.deployer()
        with pytest.raises(AssertionError, match="is not that of its journal"):
            deployer.run(deployer.plan_promotion("v1.1.0"))
        assert calls

    def test_that_ends_well_was_replayed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        world = serving("v1.0.0", policy=QUICK)
        replayed: list[Verdict] = []

        def spy(made: Record, **rest: Any) -> Verdict:
            replayed.append(verdict_on(made, **rest))
            return replayed[-1]

        monkeypatch.setattr(replaying, "verdict_on", spy)
        deployer = world.deployer()
        assert deployer.run(deployer.plan_promotion("v1.1.0")).ending is Ending.RELEASED
        verdicts = [entry for _, entry in world.entries if isinstance(entry.event, VerdictGiven)]
        assert len(replayed) == len(verdicts) > 3


def test_blue_that_becomes_known_between_two_looks_is_not_missed() -> None:
    """A look before it keeps nothing that it changes."""
    app = (PLAN.tiers[0].tier,)
    looks = Look(now=START + 300, tiers=app)
    periods = Traffic(tier=app[0]).periods({0: 50}, 300)
    found = []
    for looked in (True, False):
        judge = Judge(POLICY.judge, None)
        judge.begin(step_mark(POLICY.rollout, START, 50))
        for period in periods:
            judge.take(period)
        before = judge.look(looks) if looked else None
        judge.know(BASELINE)
        found.append(judge.look(looks))
    assert before != found[0] == found[1]
