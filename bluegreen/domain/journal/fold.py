"""The state of a run: the fold of its journal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bluegreen.domain.journal import events
from bluegreen.domain.journal.endings import Ending, RunStopped
from bluegreen.domain.journal.events import Entry, Event
from bluegreen.domain.journal.results import StepResult
from bluegreen.domain.plan import Plan, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """The fold of a journal."""

    plan: Plan | None = None
    rollback: Plan | None = None
    """The plan that took over when the deployment was rolled back."""
    done: Mapping[Step, StepResult | None] = field(default_factory=dict)
    """Each finished step of the plan in force, and what it left behind."""
    undone: frozenset[Step] = frozenset()
    """Steps that were started and not finished."""
    stage: str = ""
    ending: Ending = Ending.RUNNING
    last_seq: int = 0

    @property
    def current(self) -> Plan | None:
        """The plan in force."""
        return self.rollback or self.plan


def _changes(state: RunState, event: Event) -> dict[str, Any]:
    """The fields of the fold that `event` changes."""
    match event:
        case events.RunStarted(plan=plan):
            changes: dict[str, Any] = {"plan": plan}
        case events.StageStarted(stage=stage):
            changes = {"stage": stage}
        case events.StepStarted(step=step):
            changes = {"undone": state.undone | {step}}
        case events.StepDone(step=step, result=result):
            changes = {"done": {**state.done, step: result}, "undone": state.undone - {step}}
        case events.Decided(plan=Plan() as plan):
            changes = {"rollback": plan, "done": {}, "undone": frozenset()}
        case events.RunResumed():
            changes = {"ending": Ending.RUNNING}
        case RunStopped(ending=ending):
            changes = {"ending": ending}
        case _:
            changes = {}
    return changes


def fold(entries: Iterable[Entry], state: RunState | None = None) -> RunState:
    """The state of a run after `entries`; pure, so any machine computes the same."""
    state = state or RunState()
    for entry in entries:
        changes = _changes(state, entry.event)
        state = replace(state, **changes, last_seq=max(state.last_seq, entry.seq))
    return state
