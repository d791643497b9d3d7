"""A release that the measurements do not decide is released by a person, from the pause on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bluegreen.contract import Tier
from bluegreen.domain.journal import Accepted, CheckAccepted, Entry, VerdictGiven
from bluegreen.domain.measurement import Metric
from bluegreen.domain.plan import Step, StepKind
from bluegreen.domain.readings import Readings
from bluegreen.domain.reports import Result
from bluegreen.domain.verdict import CheckFinding, Finding, Outcome, Verdict
from bluegreen.engine.accepting import acceptable, accepted
from bluegreen.errors import ExitCode, Refused
from bluegreen.judge.own_checks import check_findings
from bluegreen.policy import parse_policy
from tests.world import World
from tests.world.releasing import QUICK, serving


def test_what_was_asked_can_be_answered_with_yes() -> None:
    world = serving("v1.0.0", policy=QUICK)
    world.load(3)
    deployer = world.deployer()
    paused = deployer.run(deployer.plan_promotion("v1.1.0"))
    assert paused.exit_code is ExitCode.HALTED, f"{paused}\n{world.story()}"
    assert "--accept errors:app" in paused.next_step
    wanted = [(Metric.ERRORS, Tier.APP), (Metric.LATENCY, Tier.APP)]
    waiting = [one for one in wanted if f"{one[0]}:app" in paused.next_step]
    result = world.deployer().resume(accept=waiting, reason="load test")
    assert result.exit_code is ExitCode.RELEASED, f"{result}\n{world.story()}"
    given = [entry.event for _, entry in world.entries if isinstance(entry.event, Accepted)]
    assert {one.reason for one in given} == {"load test"}


CHECK = """
[[check]]
name = "queue depth"
cloudwatch = {{ namespace = "N", name = "Depth", datapoints = 1 }}
above = 10
on_breach = "{does}"
no_data = "hold"
"""


def held(does: str = "hold", *, depth: float | None = None) -> tuple[World, Result]:
    """A release that one own check keeps from going on until its deadline."""
    world = serving("v1.0.0")
    world.policy = parse_policy(QUICK + CHECK.format(does=does), stack="sim", source="deploy.toml")
    if depth is not None:
        put = {"MetricName": "Depth", "Value": depth, "Timestamp": world.clock.now()}
        world.raw("cloudwatch").put_metric_data(Namespace="N", MetricData=[put])
    deployer = world.deployer()
    return world, deployer.run(deployer.plan_promotion("v1.1.0"))


def test_a_check_that_holds_is_accepted_by_its_name() -> None:
    world, paused = held()
    assert paused.exit_code is ExitCode.HALTED, f"{paused}\n{world.story()}"
    assert "check queue depth: no data" in paused.words
    assert "--accept 'check:queue depth'" in paused.next_step
    result = world.deployer().resume(accept=["queue depth"], reason="the exporter is down")
    assert result.exit_code is ExitCode.RELEASED, f"{result}\n{world.story()}"
    assert "check queue depth accepted by test@host:1: the exporter is down" in world.story()


def test_one_that_does_not_hold_is_refused_with_those_that_do() -> None:
    world, _ = held()
    with pytest.raises(Refused, match="check:queue length cannot be accepted") as caught:
        world.deployer().resume(accept=["queue length"], reason="x")
    assert "what holds it: check:queue depth" in caught.value.what
    assert world.deployer().observe().of(Tier.APP).live is not None


def verdict_with(outcome: Outcome, *, breach: bool) -> Entry:
    found = CheckFinding(name="q", outcome=outcome, words="check q: 99 (limit: above 10)", breach=breach)
    verdict = Verdict(outcome=outcome, reason="hold: q; meanwhile: bake", checks=(found,), hold=True)
    step = Step(kind=StepKind.JUDGE, percent=50)
    given = VerdictGiven(stage="s", step=step, percent=50, verdict=verdict, next="", next_at=None)
    return Entry(seq=1, at=0.0, event=given)


def test_one_that_rolls_back_is_never_accepted() -> None:
    with pytest.raises(Refused, match=r"check:q cannot be accepted: it rolls back: check q: 99"):
        accepted([verdict_with(Outcome.FAIL, breach=True)], ["q"], operator="anna", reason="x")


def test_who_accepts_that_there_is_no_data_has_not_accepted_a_breach() -> None:
    """The journal keeps which of both it was."""
    policy = parse_policy(QUICK + CHECK.format(does="hold"), stack="sim", source="deploy.toml")
    (silent,) = accepted(
        [verdict_with(Outcome.INCONCLUSIVE, breach=False)], ["q"], operator="anna", reason="x"
    )
    assert isinstance(silent, CheckAccepted)
    for breach, outcome in ((False, Outcome.INCONCLUSIVE), (True, Outcome.PASS)):
        by = {"queue depth": replace(silent, check="queue depth", breach=breach)}
        beyond = Readings(points={"queue depth": ((99.0, None),)})
        (found,) = check_findings(policy, beyond, full=False, accepted=by)
        assert found.outcome is outcome
        (nothing,) = check_findings(policy, Readings(points={"queue depth": ()}), full=False, accepted=by)
        assert nothing.outcome is Outcome.PASS


def test_a_metric_may_be_accepted_while_only_checks_hold() -> None:
    """And not while blue itself is sick."""
    latency = Finding(metric=Metric.LATENCY, tier=Tier.APP, outcome=Outcome.INCONCLUSIVE, words="w")
    entry = verdict_with(Outcome.INCONCLUSIVE, breach=True)
    assert isinstance(entry.event, VerdictGiven)
    only = replace(entry.event.verdict, findings=(latency,))
    assert acceptable(only) == ("check:q", "latency:app")
    sick = replace(only, reason="hold: q; meanwhile: hold: app: blue is unhealthy")
    assert acceptable(sick) == ("check:q",)
    broken = replace(
        only, outcome=Outcome.ERROR, reason="hold: q; meanwhile: metrics broken: app: nothing new"
    )
    assert acceptable(broken) == ()
    asked = [(Metric.LATENCY, Tier.APP)]
    for verdict, refused in ((only, False), (sick, True), (broken, True)):
        entries = [replace(entry, event=replace(entry.event, verdict=verdict))]
        if refused:
            with pytest.raises(Refused, match="latency:app cannot be accepted"):
                accepted(entries, asked, operator="anna", reason="x")
        else:
            assert accepted(entries, asked, operator="anna", reason="x")
