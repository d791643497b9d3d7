"""The journal: what happened, in order. The only events there are.

The executor appends entries before and after every effect. The screen, JSON output, the report and
`resume` are all folds over the same entries.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

__all__ = ["Ending", "Entry", "EntryKind", "Header", "RunState", "fold"]


class EntryKind(StrEnum):
    """What an entry says."""

    RUN_STARTED = "run-started"  # data: plan (document), operator
    RUN_RESUMED = "run-resumed"  # data: operator, plan, green (tier -> its share now, in percent)
    STAGE_STARTED = "stage-started"  # data: title, expected_seconds, index (from 1), count
    STEP_STARTED = "step-started"  # data: words, tier
    STEP_PROGRESS = "step-progress"  # data: words, tier
    STEP_DONE = "step-done"  # data: words, tier, and results by kind (weights: green, in percent)
    STEP_FAILED = "step-failed"  # data: words, tier, next
    MEASURED = "measured"  # data: periods (JSON of measurement.Period); where changed: sick, troubles
    VERDICT = "verdict"  # data: percent, outcome, reason, findings, hold, ask, next, next_at (epoch)
    DECIDED = "decided"  # data: decision, reason, plan (document of a rollback)
    WARNING = "warning"  # data: words, returned (tier -> version that the watchdog put its traffic back to)
    INTERRUPTED = (
        "interrupted"  # data: words, next, traffic, returns (tier -> version, deployment, at: epoch)
    )
    HALTED = "halted"  # data: words, next, traffic, returns (as above)
    RUN_ENDED = "run-ended"  # data: ending, words, traffic


class Ending(StrEnum):
    """How a deployment stands: still open, or how it ended."""

    RUNNING = "running"
    INTERRUPTED = "interrupted"
    HALTED = "halted"
    RELEASED = "released"
    ROLLED_BACK = "rolled-back"
    ABORTED = "aborted"
    TORN_DOWN = "torn-down"

    @property
    def open(self) -> bool:
        """Whether `resume` has something to go on with."""
        return self in (Ending.RUNNING, Ending.INTERRUPTED, Ending.HALTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One event. `seq` rises within a deployment (gaps are possible); `at` is epoch seconds."""

    seq: int
    at: float
    kind: EntryKind
    stage: str = ""
    step: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """One deployment in the history: what it was for, when, how it ended, and its documents."""

    number: int
    stack: str
    intent: str
    version: str
    operator: str
    started_at: float
    ending: Ending = Ending.RUNNING
    ended_at: float | None = None
    reason: str = ""
    proven: bool = False
    """The release passed its bake at 100 %: a rollback may return to it."""
    fingerprint: str = ""
    documents: Mapping[str, Any] = field(default_factory=dict)
    """`plan`, `policy`, `contract` and `preview` token: all that `resume` needs on another machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """The fold of a journal."""

    plan: Mapping[str, Any] | None = None
    rollback: Mapping[str, Any] | None = None
    """The plan that took over when the deployment was taken back."""
    rollback_reason: str = ""
    done: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Step id -> its results, of the plan that is in force."""
    undone: frozenset[str] = frozenset()
    """Steps that were started and not finished."""
    stage: str = ""
    ending: Ending = Ending.RUNNING
    last_seq: int = 0

    @property
    def current(self) -> Mapping[str, Any] | None:
        """The plan in force."""
        return self.rollback or self.plan


def _changes(state: RunState, entry: Entry) -> Mapping[str, Any]:
    """The fields of the fold that `entry` changes."""
    data = entry.data
    match entry.kind:
        case EntryKind.RUN_STARTED:
            changes: dict[str, Any] = {"plan": data.get("plan")}
        case EntryKind.STAGE_STARTED:
            changes = {"stage": entry.stage}
        case EntryKind.STEP_STARTED:
            changes = {"undone": state.undone | {entry.step}}
        case EntryKind.STEP_DONE:
            changes = {"done": {**state.done, entry.step: data}, "undone": state.undone - {entry.step}}
        case EntryKind.DECIDED if data.get("plan"):
            reason = str(data.get("reason", ""))
            changes = {"rollback": data["plan"], "rollback_reason": reason, "done": {}, "undone": frozenset()}
        case EntryKind.RUN_RESUMED:
            changes = {"ending": Ending.RUNNING}
        case EntryKind.INTERRUPTED:
            changes = {"ending": Ending.INTERRUPTED}
        case EntryKind.HALTED:
            changes = {"ending": Ending.HALTED}
        case EntryKind.RUN_ENDED:
            changes = {"ending": Ending(data["ending"])}
        case _:
            changes = {}
    return changes


def fold(entries: Iterable[Entry], state: RunState | None = None) -> RunState:
    """Where a run stands after `entries`; pure, so any machine computes the same."""
    state = state or RunState()
    for entry in entries:
        state = replace(state, **_changes(state, entry), last_seq=max(state.last_seq, entry.seq))
    return state
