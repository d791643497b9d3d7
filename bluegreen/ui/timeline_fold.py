"""The fold from journal entries to the timeline.

`tell` is pure: the live screen, the plain lines and `history NUMBER` show the same thing because they
read the same fold. Entries that were told already (a resumed journal is replayed) change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from bluegreen.contract import Tier
from bluegreen.domain import journal
from bluegreen.domain.holding import because
from bluegreen.domain.journal import Ending, Entry, Header
from bluegreen.domain.plan import Plan, Step, StepKind, TierPlan
from bluegreen.domain.verdict import Outcome
from bluegreen.ui.figures import recent
from bluegreen.ui.links import links_of
from bluegreen.ui.timeline import (
    HoldView,
    Progress,
    StageView,
    StepView,
    TierView,
    Timeline,
    VerdictView,
    WarningView,
)
from bluegreen.ui.trend import grown


def begin(header: Header) -> Timeline:
    """The timeline before its first entry, with the plan of the header where it has one."""
    timeline = Timeline(
        number=header.number,
        stack=header.stack,
        intent=header.intent,
        version=header.version,
        operator=header.operator,
        started_at=header.started_at,
    )
    if header.documents is None:
        return timeline
    # As long as the heartbeat's horizon: two lifetimes of the lease after the last renewal.
    documents = header.documents
    timeline = replace(
        timeline,
        falls_back_after=2 * documents.policy.lease.ttl,
        links=links_of(documents.contract),
    )
    return _planned(timeline, header.documents.plan)


def tell(timeline: Timeline | None, header: Header, entry: Entry) -> Timeline:
    """The timeline after `entry`; another deployment's header begins a new one."""
    if timeline is None or timeline.number != header.number:
        timeline = begin(header)
    if entry.seq <= timeline.last_seq:
        return timeline
    return replace(_after(timeline, entry), last_seq=entry.seq, last_at=entry.at)


def told(header: Header, entries: Iterable[Entry]) -> Timeline:
    """The timeline of a whole journal."""
    timeline = begin(header)
    for entry in entries:
        timeline = tell(timeline, header, entry)
    return timeline


def _after(timeline: Timeline, entry: Entry) -> Timeline:  # noqa: C901, PLR0911  (a line per kind)
    match entry.event:
        case journal.RunStarted(plan=plan):
            return timeline if timeline.stages else _planned(timeline, plan)
        case journal.RunResumed() as event:
            return _resumed(timeline, event, entry.at)
        case journal.StageStarted() as event:
            return _stage_started(timeline, event, entry.at)
        case journal.StepEvent() as event:
            return _stepped(timeline, event, entry.at)
        case journal.Measured() as event:
            return _measured(timeline, event)
        case journal.VerdictGiven() as event:
            return _judged(timeline, event, entry.at)
        case journal.Decided() as event:
            return _decided(timeline, event, entry.at)
        case journal.Warned() | journal.Accepted() | journal.CheckAccepted() | journal.HoldOverdue() as event:
            return _warned(timeline, event, entry.at)
        case journal.Held() as event:
            return replace(timeline, hold=_hold(event, entry.at))
        case journal.Continued():
            return replace(timeline, hold=None)
        case journal.Attested():
            return timeline
        case journal.RunStopped() as event:
            return _ended(timeline, event, entry.at)


def _resumed(timeline: Timeline, event: journal.RunResumed, at: float) -> Timeline:
    """Begins from what is observed: the figures and verdict from before the stop are stale."""
    stopped = timeline.ended_at or timeline.last_at
    stages = tuple(_paused(stage, stopped) for stage in timeline.stages)
    timeline = replace(timeline, stages=stages, periods=(), verdict=None, traffic=())
    timeline = replace(
        timeline, ending=Ending.RUNNING, ended_at=None, operator=event.operator, words="", next_step=""
    )
    return _with_shares(timeline, event.shares, at)


def _paused(stage: StageView, at: float) -> StageView:
    """What was under way when its process stopped waits for the next one: nobody worked on it since."""
    if stage.started_at is None or stage.state in (Progress.DONE, Progress.DROPPED):
        return stage
    return replace(stage, state=Progress.WAITING, worked=stage.elapsed(at), started_at=None, ended_at=None)


def _with_shares(timeline: Timeline, shares: Mapping[Tier, int], at: float) -> Timeline:
    tiers = tuple(
        replace(tier, percent=shares[tier.tier], since=at) if tier.tier in shares else tier
        for tier in timeline.tiers
    )
    return replace(timeline, tiers=tiers)


def _hold(event: journal.Held, at: float) -> HoldView:
    return HoldView(
        since=at, until=event.until, words=because(event.by, event.why), rolls_back=event.rolls_back
    )


def _warned(
    timeline: Timeline,
    event: journal.Warned | journal.Accepted | journal.CheckAccepted | journal.HoldOverdue,
    at: float,
) -> Timeline:
    warning = WarningView(at=at, words=event.words)
    timeline = replace(timeline, warnings=(*timeline.warnings, warning))
    returned = event.returned if isinstance(event, journal.Warned) else ()
    return _with_shares(timeline, dict.fromkeys(returned, 0), at)


def _measured(timeline: Timeline, event: journal.Measured) -> Timeline:
    since = {tier.tier: tier.since for tier in timeline.tiers}
    fresh = [period for period in event.periods if period.start >= since.get(period.tier, 0.0)]
    trend = grown(timeline.trend, event.periods)
    timeline = replace(timeline, periods=recent(timeline.periods, fresh), trend=trend)
    well = event.well
    if well is None:
        return timeline
    counts = {tier: {arm: len(ids) for arm, ids in arms.items()} for tier, arms in well.items()}
    tiers = tuple(replace(one, hosts=counts.get(one.tier, one.hosts)) for one in timeline.tiers)
    return replace(timeline, tiers=tiers)


def _planned(timeline: Timeline, plan: Plan, *, back: bool = False) -> Timeline:
    """The timeline with the stages of `plan` in force; its tiers unless the same run is rolling back."""
    takes_out = back or any(tier.failed for tier in plan.tiers)
    fresh = tuple(
        StageView(name=stage.name, title=stage.title, expected_seconds=stage.expected_seconds, back=takes_out)
        for stage in plan.stages
    )
    timeline = replace(timeline, stages=(*timeline.stages, *fresh), first=len(timeline.stages))
    if back:
        return timeline
    # The plan's reason: that of the header is the ending's, once there is one.
    return replace(timeline, tiers=tuple(_tier(tier) for tier in plan.tiers), reason=plan.reason)


def _tier(plan: TierPlan) -> TierView:
    other = plan.green or plan.failed
    return TierView(
        tier=plan.tier,
        blue=plan.blue.version if plan.blue else "",
        green=other.version if other else "",
        percent=100 if plan.failed else 0 if plan.blue else None,
    )


def _closed(stage: StageView, at: float, state: Progress = Progress.DONE) -> StageView:
    if stage.state in (Progress.RUNNING, Progress.WAITING):
        return replace(stage, state=state, ended_at=at if stage.started_at is not None else None)
    return stage


def _stage_started(timeline: Timeline, event: journal.StageStarted, at: float) -> Timeline:
    names = [stage.name for stage in timeline.stages]
    try:
        index = names.index(event.stage, timeline.first)
        stages = list(timeline.stages)
    except ValueError:  # the plan did not print it
        new = StageView(name=event.stage, title=event.title, expected_seconds=event.expected_seconds)
        stages, index = [*timeline.stages, new], len(names)
    for position in range(timeline.first, index):
        stages[position] = _closed(stages[position], at)
    began = stages[index]
    stages[index] = replace(
        began,
        state=Progress.RUNNING,
        first_at=began.first_at or at,
        started_at=began.started_at or at,
        ended_at=None,
    )
    return replace(timeline, stages=tuple(stages))


def _stepped(timeline: Timeline, event: journal.StepEvent, at: float) -> Timeline:
    stages = tuple(
        _with_step(stage, event, at)
        if stage.name == event.stage and stage.state is Progress.RUNNING
        else stage
        for stage in timeline.stages
    )
    timeline = replace(timeline, stages=stages)
    match event:
        case journal.StepDone(
            step=Step(tier=Tier() as tier), result=journal.WeightsSet(green_percent=percent)
        ):
            periods = tuple(p for p in timeline.periods if p.tier is not tier)
            return replace(_with_shares(timeline, {tier: percent}, at), periods=periods)
        case journal.StepDone(step=Step(tier=Tier() as tier), result=journal.WatchdogArmed()):
            return _guarded(timeline, tier, armed=True)
        case journal.StepDone(step=Step(kind=StepKind.STAND_DOWN, tier=Tier() as tier)):
            return _guarded(timeline, tier, armed=False)
        case journal.StepFailed(next=next_step):
            return replace(timeline, next_step=next_step)
        case _:
            return timeline


def _guarded(timeline: Timeline, tier: Tier, *, armed: bool) -> Timeline:
    tiers = tuple(replace(one, guarded=armed) if one.tier is tier else one for one in timeline.tiers)
    return replace(timeline, tiers=tiers)


def _with_step(stage: StageView, event: journal.StepEvent, at: float) -> StageView:
    done, failed = isinstance(event, journal.StepDone), isinstance(event, journal.StepFailed)
    state = Progress.DONE if done else Progress.FAILED if failed else Progress.RUNNING
    known = stage.steps.get(event.step)
    words = known.words if known and not event.words else event.words
    view = StepView(state=state, tier=event.step.tier, words=words)
    stage = replace(stage, steps={**stage.steps, event.step: view})
    return replace(stage, state=Progress.FAILED, ended_at=at) if failed else stage


def _judged(timeline: Timeline, event: journal.VerdictGiven, at: float) -> Timeline:
    verdict = event.verdict
    failed = verdict.outcome is Outcome.FAIL  # what the plan holds next will not come
    view = VerdictView(
        at=at,
        percent=event.percent,
        outcome=verdict.outcome,
        reason=verdict.reason,
        hold=verdict.hold,
        ask=verdict.ask,
        next="" if failed else event.next,
        next_at=None if failed else event.next_at,
        deadline=verdict.deadline,
        findings=verdict.findings,
        checks=verdict.checks,
    )
    return replace(timeline, verdict=view)


def _decided(timeline: Timeline, event: journal.Decided, at: float) -> Timeline:
    decision = ": ".join(words for words in (event.decision, event.reason) if words)
    timeline = replace(timeline, decision=decision)
    if event.plan is None:
        return timeline
    stages = tuple(
        _closed(s, at, Progress.DROPPED if s.state is Progress.WAITING else Progress.FAILED)
        for s in timeline.stages
    )
    # What was measured before is not what flows from now on: a rollback shows no stale figures or verdict.
    return _planned(
        replace(timeline, stages=stages, periods=(), verdict=None, hold=None), event.plan, back=True
    )


def _ended(timeline: Timeline, event: journal.RunStopped, at: float) -> Timeline:
    if event.ending.open:
        stages = tuple(_paused(s, at) if s.state is Progress.RUNNING else s for s in timeline.stages)
    else:
        stages = tuple(s if s.state is Progress.WAITING else _closed(s, at) for s in timeline.stages)
    return replace(
        timeline,
        stages=stages,
        ending=event.ending,
        ended_at=at,
        words=event.words,
        traffic=event.traffic,
        next_step=event.next or timeline.next_step,
    )
