"""A verdict is a function of the journal: the one a run gives, and the ones that it must have given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from bluegreen.contract import Tier
from bluegreen.domain.journal import Entry, VerdictGiven
from bluegreen.domain.measurement import BlueBaseline
from bluegreen.domain.plan import Plan, StepKind
from bluegreen.domain.release import FULL
from bluegreen.domain.verdict import Verdict
from bluegreen.judge.judge import judge
from bluegreen.judge.record import Record
from bluegreen.judge.settings import Look, StepMark
from bluegreen.policy import Policy, Rollout


def replay(
    entries: Iterable[Entry],
    *,
    plan: Plan,
    policy: Policy,
    wanted: Callable[[Entry], bool] = lambda _verdict: True,
) -> Iterator[tuple[VerdictGiven, Verdict]]:
    """Each verdict of a journal, and what it must be by the entries before it.

    `plan` and `policy` are those of the deployment's header. Only the `wanted` ones are computed: each
    costs as much as the first time.
    """
    record = Record()
    for entry in entries:
        event = entry.event
        if isinstance(event, VerdictGiven) and wanted(entry):
            yield event, verdict_on(record, plan=plan, policy=policy, now=event.verdict.at)
        record.add(event)


def verdict_on(record: Record, *, plan: Plan, policy: Policy, now: float) -> Verdict:
    """What is to be done with the release at `now`, a step of its ramp having begun.

    Pure: the same record, plan, policy and time give the same verdict on any machine.
    """
    return judge(
        record.periods,
        limits=policy.judge,
        baseline=record.baseline or BlueBaseline(p95_ms={}),
        steps=step_marks(record, policy.rollout),
        look=_look(record, plan, policy, now),
    )


def step_marks(record: Record, rollout: Rollout) -> list[StepMark]:
    """The steps that were begun, each with its own planned length."""
    return [
        StepMark(started_at=at, percent=percent, planned_seconds=planned_seconds(rollout, percent))
        for at, percent in record.marks
    ]


def planned_seconds(rollout: Rollout, percent: int) -> float:
    """How long the step at `percent` is to be watched."""
    return rollout.final_bake if percent == FULL else rollout.bake


def _look(record: Record, plan: Plan, policy: Policy, now: float) -> Look:
    rollout, metrics = policy.rollout, policy.metrics
    _, percent = record.marks[-1]
    planned = planned_seconds(rollout, percent)
    ramp = [step.percent for step in plan.steps if step.kind is StepKind.JUDGE]
    return Look(
        now=now,
        tiers=tuple(tier.tier for tier in plan.tiers),
        labelled=(Tier.AI,) if metrics.accuracy else (),
        required=tuple(str(source) for source in dict.fromkeys((*metrics.errors, *metrics.latency))),
        min_bake_seconds=min(rollout.min_bake, planned),
        planned_seconds=planned,
        deadline_seconds=planned + rollout.extension,
        last_before_full=percent != FULL and ramp[-2:-1] == [percent],
        full=percent == FULL,
        shorten=rollout.shorten,
        sick=record.sick,
        troubles=record.troubles,
    )
