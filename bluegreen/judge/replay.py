"""A verdict is a function of the journal: the one a run gives, and the ones that it must have given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from bluegreen.contract import Tier
from bluegreen.domain.journal import Entry, VerdictGiven
from bluegreen.domain.plan import Plan, StepKind
from bluegreen.domain.release import FULL
from bluegreen.domain.verdict import Verdict
from bluegreen.judge.own_checks import check_findings
from bluegreen.judge.record import Record, planned_seconds
from bluegreen.judge.settings import Look
from bluegreen.policy import Policy


def replay(
    entries: Iterable[Entry],
    *,
    plan: Plan,
    policy: Policy,
    wanted: Callable[[Entry], bool] = lambda _verdict: True,
) -> Iterator[tuple[VerdictGiven, Verdict]]:
    """Each verdict of a journal, and what it must be by the entries before it.

    `plan` and `policy` are those of the deployment's header. Only the `wanted` ones are computed.
    """
    record = Record()
    for entry in entries:
        event = entry.event
        if isinstance(event, VerdictGiven) and wanted(entry):
            yield event, verdict_on(record, plan=plan, policy=policy, now=event.verdict.at)
        record.add(event, entry.at)


def verdict_on(record: Record, *, plan: Plan, policy: Policy, now: float) -> Verdict:
    """What is to be done with the release at `now`, a step of its ramp having begun.

    Pure: the same record, plan, policy and time give the same verdict on any machine.
    """
    alone = frozenset(tier.tier for tier in plan.tiers if tier.blue is None)
    return record.judge(policy, without_blue=alone).look(_look(record, plan, policy, now))


def _look(record: Record, plan: Plan, policy: Policy, now: float) -> Look:
    rollout, metrics = policy.rollout, policy.metrics
    _, percent = record.marks[-1]
    planned = planned_seconds(rollout, percent)
    ramp = [step.percent or FULL for step in plan.steps if step.kind is StepKind.JUDGE]
    return Look(
        now=now,
        tiers=tuple(tier.tier for tier in plan.tiers),
        labelled=(Tier.AI,) if metrics.accuracy else (),
        required=tuple(str(source) for source in dict.fromkeys((*metrics.errors, *metrics.latency))),
        min_bake_seconds=min(rollout.min_bake, planned),
        planned_seconds=planned,
        deadline_seconds=planned + rollout.extension,
        next_percent=next((one for one in ramp if one > percent), FULL),
        last_before_full=percent != FULL and ramp[-2:-1] == [percent],
        full=percent == FULL,
        despite=bool(plan.despite),
        shorten=rollout.shorten,
        sick=record.sick,
        troubles=record.troubles,
        checks=check_findings(policy, record.readings, full=percent == FULL, accepted=record.accepted_checks),
        accepted=record.accepted,
    )
