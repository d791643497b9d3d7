"""The fold from journal entries to the timeline.

`tell` is pure: the live screen, the plain lines and `history NUMBER` show the same thing because they
read the same fold. Entries that were told already (a resumed journal is replayed) change nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from bluegreen.contract import Tier
from bluegreen.domain.journal import Ending, Entry, EntryKind, Header
from bluegreen.domain.measurement import periods_from_json
from bluegreen.domain.plan import StepKind
from bluegreen.domain.verdict import Outcome
from bluegreen.ui.figures import recent
from bluegreen.ui.timeline import Progress, StageView, StepView, TierView, Timeline, VerdictView, Warned


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
    plan = header.documents.get("plan")
    return _planned(timeline, plan) if plan else timeline


def tell(timeline: Timeline | None, header: Header, entry: Entry) -> Timeline:
    """The timeline after `entry`; another deployment's header begins a new one."""
    if timeline is None or timeline.number != header.number:
        timeline = begin(header)
    if entry.seq <= timeline.last_seq:
        return timeline
    return replace(_CHANGES[entry.kind](timeline, entry), last_seq=entry.seq)


def told(header: Header, entries: Iterable[Entry]) -> Timeline:
    """The timeline of a whole journal."""
    timeline = begin(header)
    for entry in entries:
        timeline = tell(timeline, header, entry)
    return timeline


def _started(timeline: Timeline, entry: Entry) -> Timeline:
    plan = entry.data.get("plan")
    return _planned(timeline, plan) if plan and not timeline.stages else timeline


def _resumed(timeline: Timeline, entry: Entry) -> Timeline:
    """Begins from what is observed: the figures and verdict from before the stop are stale."""
    operator = str(entry.data.get("operator") or timeline.operator)
    timeline = replace(
        timeline, ending=Ending.RUNNING, ended_at=None, operator=operator, words="", next_step=""
    )
    timeline = replace(timeline, periods=(), verdict=None, traffic=())
    return _with_shares(timeline, entry, entry.data.get("green", {}))


def _with_shares(timeline: Timeline, entry: Entry, shares: Mapping[str, int]) -> Timeline:
    tiers = tuple(
        replace(tier, percent=int(shares[tier.tier]), since=entry.at) if tier.tier in shares else tier
        for tier in timeline.tiers
    )
    return replace(timeline, tiers=tiers)


def _measured(timeline: Timeline, entry: Entry) -> Timeline:
    since = {tier.tier: tier.since for tier in timeline.tiers}
    arrived = periods_from_json(entry.data.get("periods", ()))
    fresh = [period for period in arrived if period.start >= since.get(period.tier, 0.0)]
    return replace(timeline, periods=recent(timeline.periods, fresh))


def _warned(timeline: Timeline, entry: Entry) -> Timeline:
    warning = Warned(at=entry.at, words=str(entry.data.get("words", "")))
    timeline = replace(timeline, warnings=(*timeline.warnings, warning))
    return _with_shares(timeline, entry, dict.fromkeys(entry.data.get("returned", {}), 0))


def _planned(timeline: Timeline, plan: Mapping[str, Any], *, back: bool = False) -> Timeline:
    """The timeline with the stages of `plan` in force; its tiers unless the same run is rolling back."""
    takes_out = back or any(tier.get("failed") for tier in plan["tiers"])
    fresh = tuple(
        StageView(
            name=stage["name"],
            title=stage["title"],
            expected_seconds=float(stage["expected_seconds"]),
            back=takes_out,
        )
        for stage in plan["stages"]
    )
    timeline = replace(timeline, stages=(*timeline.stages, *fresh), first=len(timeline.stages))
    if back:
        return timeline
    # The plan's reason: that of the header is the ending's, once there is one.
    tiers = tuple(_tier(tier) for tier in plan["tiers"])
    return replace(timeline, tiers=tiers, reason=str(plan.get("reason", "")))


def _tier(plan: Mapping[str, Any]) -> TierView:
    blue, green, failed = plan.get("blue"), plan.get("green"), plan.get("failed")
    return TierView(
        tier=Tier(plan["tier"]),
        blue=blue["version"] if blue else "",
        green=(green or failed or {}).get("version", ""),
        percent=100 if failed else 0 if blue else None,
    )


def _closed(stage: StageView, at: float, state: Progress = Progress.DONE) -> StageView:
    if stage.state in (Progress.RUNNING, Progress.WAITING):
        return replace(stage, state=state, ended_at=at if stage.started_at is not None else None)
    return stage


def _stage_started(timeline: Timeline, entry: Entry) -> Timeline:
    names = [stage.name for stage in timeline.stages]
    try:
        index = names.index(entry.stage, timeline.first)
        stages = list(timeline.stages)
    except ValueError:  # the journal of another version may know stages that the plan did not print
        title = str(entry.data.get("title", entry.stage))
        expected = float(entry.data.get("expected_seconds", 0.0))
        new = StageView(name=entry.stage, title=title, expected_seconds=expected)
        stages, index = [*timeline.stages, new], len(names)
    for position in range(timeline.first, index):
        stages[position] = _closed(stages[position], entry.at)
    started = stages[index].started_at
    stages[index] = replace(
        stages[index], state=Progress.RUNNING, started_at=started or entry.at, ended_at=None
    )
    return replace(timeline, stages=tuple(stages))


_STEP = {
    EntryKind.STEP_STARTED: Progress.RUNNING,
    EntryKind.STEP_PROGRESS: Progress.RUNNING,
    EntryKind.STEP_DONE: Progress.DONE,
    EntryKind.STEP_FAILED: Progress.FAILED,
}


def _stepped(timeline: Timeline, entry: Entry) -> Timeline:
    data = entry.data
    words, tier = str(data.get("words", "")), str(data.get("tier") or "")
    step = StepView(state=_STEP[entry.kind], tier=tier, words=words)
    stages = tuple(
        _with_step(s, entry, step) if s.name == entry.stage and s.state is Progress.RUNNING else s
        for s in timeline.stages
    )
    timeline = replace(timeline, stages=stages)
    if entry.kind is EntryKind.STEP_DONE and entry.step.startswith(f"{StepKind.WEIGHTS}."):
        percent = int(data["green"])
        tiers = tuple(
            replace(t, percent=percent, since=entry.at) if t.tier == tier else t for t in timeline.tiers
        )
        return replace(timeline, tiers=tiers, periods=tuple(p for p in timeline.periods if p.tier != tier))
    if entry.kind is EntryKind.STEP_FAILED:
        return replace(timeline, next_step=str(data.get("next", "")))
    return timeline


def _with_step(stage: StageView, entry: Entry, step: StepView) -> StageView:
    known = stage.steps.get(entry.step)
    if known and not step.words:
        step = replace(step, words=known.words)
    stage = replace(stage, steps={**stage.steps, entry.step: step})
    if step.state is Progress.FAILED:
        return replace(stage, state=Progress.FAILED, ended_at=entry.at)
    return stage


def _judged(timeline: Timeline, entry: Entry) -> Timeline:
    data = entry.data
    outcome = Outcome(data["outcome"])
    failed = outcome is Outcome.FAIL  # what the plan holds next will not come
    verdict = VerdictView(
        at=entry.at,
        percent=data.get("percent"),
        outcome=outcome,
        reason=str(data.get("reason", "")),
        hold=bool(data.get("hold")),
        ask=bool(data.get("ask")),
        next="" if failed else str(data.get("next") or ""),
        next_at=None if failed else data.get("next_at"),
    )
    return replace(timeline, verdict=verdict)


def _decided(timeline: Timeline, entry: Entry) -> Timeline:
    decision = ": ".join(str(entry.data[key]) for key in ("decision", "reason") if entry.data.get(key))
    timeline = replace(timeline, decision=decision)
    plan = entry.data.get("plan")
    if not plan:
        return timeline
    stages = tuple(
        _closed(s, entry.at, Progress.DROPPED if s.state is Progress.WAITING else Progress.FAILED)
        for s in timeline.stages
    )
    # What was measured before is not what flows from now on: a rollback shows no stale figures.
    return _planned(replace(timeline, stages=stages, periods=()), plan, back=True)


def _ended(timeline: Timeline, entry: Entry) -> Timeline:
    data = entry.data
    endings = {EntryKind.INTERRUPTED: Ending.INTERRUPTED, EntryKind.HALTED: Ending.HALTED}
    ending = endings.get(entry.kind) or Ending(data["ending"])
    finished = {Ending.RELEASED, Ending.ROLLED_BACK, Ending.TORN_DOWN, Ending.ABORTED}
    stages = timeline.stages
    if ending in finished:
        stages = tuple(s if s.state is Progress.WAITING else _closed(s, entry.at) for s in timeline.stages)
    return replace(
        timeline,
        stages=stages,
        ending=ending,
        ended_at=entry.at,
        words=str(data.get("words", "")),
        traffic=tuple(data.get("traffic", ())),
        next_step=str(data.get("next", "")) or timeline.next_step,
    )


_CHANGES: Mapping[EntryKind, Callable[[Timeline, Entry], Timeline]] = {
    EntryKind.RUN_STARTED: _started,
    EntryKind.RUN_RESUMED: _resumed,
    EntryKind.STAGE_STARTED: _stage_started,
    EntryKind.STEP_STARTED: _stepped,
    EntryKind.STEP_PROGRESS: _stepped,
    EntryKind.STEP_DONE: _stepped,
    EntryKind.STEP_FAILED: _stepped,
    EntryKind.MEASURED: _measured,
    EntryKind.VERDICT: _judged,
    EntryKind.DECIDED: _decided,
    EntryKind.WARNING: _warned,
    EntryKind.INTERRUPTED: _ended,
    EntryKind.HALTED: _ended,
    EntryKind.RUN_ENDED: _ended,
}
