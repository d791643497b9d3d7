"""The fold from journal entries to the story.

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
from bluegreen.ui.story import Progress, StageView, StepView, Story, TierView, VerdictView, Warned

__all__ = ["begin", "tell", "told"]


def begin(header: Header) -> Story:
    """The story before its first entry, with the plan of the header where it has one."""
    story = Story(
        number=header.number,
        stack=header.stack,
        intent=header.intent,
        version=header.version,
        operator=header.operator,
        started_at=header.started_at,
    )
    plan = header.documents.get("plan")
    return _planned(story, plan) if plan else story


def tell(story: Story | None, header: Header, entry: Entry) -> Story:
    """The story after `entry`; another deployment's header begins a new one."""
    if story is None or story.number != header.number:
        story = begin(header)
    if entry.seq <= story.last_seq:
        return story
    return replace(_CHANGES[entry.kind](story, entry), last_seq=entry.seq)


def told(header: Header, entries: Iterable[Entry]) -> Story:
    """The story of a whole journal."""
    story = begin(header)
    for entry in entries:
        story = tell(story, header, entry)
    return story


def _started(story: Story, entry: Entry) -> Story:
    plan = entry.data.get("plan")
    return _planned(story, plan) if plan and not story.stages else story


def _resumed(story: Story, entry: Entry) -> Story:
    """Begins from what is observed: figures and verdict of before the stop are not what flows now."""
    operator = str(entry.data.get("operator") or story.operator)
    story = replace(story, ending=Ending.RUNNING, ended_at=None, operator=operator, words="", next_step="")
    story = replace(story, periods=(), verdict=None, traffic=())
    return _with_shares(story, entry, entry.data.get("green", {}))


def _with_shares(story: Story, entry: Entry, shares: Mapping[str, int]) -> Story:
    tiers = tuple(
        replace(tier, percent=int(shares[tier.tier]), since=entry.at) if tier.tier in shares else tier
        for tier in story.tiers
    )
    return replace(story, tiers=tiers)


def _measured(story: Story, entry: Entry) -> Story:
    since = {tier.tier: tier.since for tier in story.tiers}
    arrived = periods_from_json(entry.data.get("periods", ()))
    fresh = [period for period in arrived if period.start >= since.get(period.tier, 0.0)]
    return replace(story, periods=recent(story.periods, fresh))


def _warned(story: Story, entry: Entry) -> Story:
    warning = Warned(at=entry.at, words=str(entry.data.get("words", "")))
    story = replace(story, warnings=(*story.warnings, warning))
    return _with_shares(story, entry, dict.fromkeys(entry.data.get("returned", {}), 0))


def _planned(story: Story, plan: Mapping[str, Any], *, back: bool = False) -> Story:
    """The story with the stages of `plan` in force; its tiers unless it is the way back of the same run."""
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
    story = replace(story, stages=(*story.stages, *fresh), first=len(story.stages))
    if back:
        return story
    # The plan's reason: that of the header is the ending's, once there is one.
    tiers = tuple(_tier(tier) for tier in plan["tiers"])
    return replace(story, tiers=tiers, reason=str(plan.get("reason", "")))


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


def _stage_started(story: Story, entry: Entry) -> Story:
    names = [stage.name for stage in story.stages]
    try:
        index = names.index(entry.stage, story.first)
        stages = list(story.stages)
    except ValueError:  # the journal of another version may know stages that the plan did not print
        title = str(entry.data.get("title", entry.stage))
        expected = float(entry.data.get("expected_seconds", 0.0))
        new = StageView(name=entry.stage, title=title, expected_seconds=expected)
        stages, index = [*story.stages, new], len(names)
    for position in range(story.first, index):
        stages[position] = _closed(stages[position], entry.at)
    started = stages[index].started_at
    stages[index] = replace(
        stages[index], state=Progress.RUNNING, started_at=started or entry.at, ended_at=None
    )
    return replace(story, stages=tuple(stages))


_STEP = {
    EntryKind.STEP_STARTED: Progress.RUNNING,
    EntryKind.STEP_PROGRESS: Progress.RUNNING,
    EntryKind.STEP_DONE: Progress.DONE,
    EntryKind.STEP_FAILED: Progress.FAILED,
}


def _stepped(story: Story, entry: Entry) -> Story:
    data = entry.data
    words, tier = str(data.get("words", "")), str(data.get("tier") or "")
    step = StepView(state=_STEP[entry.kind], tier=tier, words=words)
    stages = tuple(
        _with_step(s, entry, step) if s.name == entry.stage and s.state is Progress.RUNNING else s
        for s in story.stages
    )
    story = replace(story, stages=stages)
    if entry.kind is EntryKind.STEP_DONE and entry.step.startswith(f"{StepKind.WEIGHTS}."):
        percent = int(data["green"])
        tiers = tuple(
            replace(t, percent=percent, since=entry.at) if t.tier == tier else t for t in story.tiers
        )
        return replace(story, tiers=tiers, periods=tuple(p for p in story.periods if p.tier != tier))
    if entry.kind is EntryKind.STEP_FAILED:
        return replace(story, next_step=str(data.get("next", "")))
    return story


def _with_step(stage: StageView, entry: Entry, step: StepView) -> StageView:
    known = stage.steps.get(entry.step)
    if known and not step.words:
        step = replace(step, words=known.words)
    stage = replace(stage, steps={**stage.steps, entry.step: step})
    if step.state is Progress.FAILED:
        return replace(stage, state=Progress.FAILED, ended_at=entry.at)
    return stage


def _judged(story: Story, entry: Entry) -> Story:
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
    return replace(story, verdict=verdict)


def _decided(story: Story, entry: Entry) -> Story:
    decision = ": ".join(str(entry.data[key]) for key in ("decision", "reason") if entry.data.get(key))
    story = replace(story, decision=decision)
    plan = entry.data.get("plan")
    if not plan:
        return story
    stages = tuple(
        _closed(s, entry.at, Progress.DROPPED if s.state is Progress.WAITING else Progress.FAILED)
        for s in story.stages
    )
    # What was measured before is not what flows from now on: the way back shows no stale figures.
    return _planned(replace(story, stages=stages, periods=()), plan, back=True)


def _ended(story: Story, entry: Entry) -> Story:
    data = entry.data
    endings = {EntryKind.INTERRUPTED: Ending.INTERRUPTED, EntryKind.HALTED: Ending.HALTED}
    ending = endings.get(entry.kind) or Ending(data["ending"])
    finished = {Ending.RELEASED, Ending.ROLLED_BACK, Ending.TORN_DOWN, Ending.ABORTED}
    stages = story.stages
    if ending in finished:
        stages = tuple(s if s.state is Progress.WAITING else _closed(s, entry.at) for s in story.stages)
    return replace(
        story,
        stages=stages,
        ending=ending,
        ended_at=entry.at,
        words=str(data.get("words", "")),
        traffic=tuple(data.get("traffic", ())),
        next_step=str(data.get("next", "")) or story.next_step,
    )


_CHANGES: Mapping[EntryKind, Callable[[Story, Entry], Story]] = {
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
