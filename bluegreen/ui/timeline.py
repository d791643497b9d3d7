"""The timeline of a deployment: one view model behind every display; `timeline_fold` builds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bluegreen.contract import Tier
from bluegreen.domain.journal import Ending
from bluegreen.domain.measurement import Period
from bluegreen.domain.plan import Step
from bluegreen.domain.release import Color
from bluegreen.domain.verdict import CheckFinding, Finding, Outcome
from bluegreen.ui.links import Link
from bluegreen.ui.trend import Trend


class Progress(StrEnum):
    """How far a stage or a step is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    DROPPED = "dropped"
    """Not reached: the deployment was rolled back before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """One step as it stands: how far, on which tier, and what it said last."""

    state: Progress
    tier: Tier | None = None
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageView:
    """One stage as it stands."""

    name: str
    title: str
    expected_seconds: float
    steps: Mapping[Step, StepView] = field(default_factory=dict)
    """Those that were started."""
    back: bool = False
    """Part of the rollback."""
    state: Progress = Progress.WAITING
    first_at: float | None = None
    """When it began."""
    started_at: float | None = None
    """When it began, or was begun again by whoever resumed; None while nobody works on it."""
    ended_at: float | None = None
    worked: float = 0.0
    """Seconds of earlier processes, which stopped or died in it; the time until it was resumed is none."""

    def elapsed(self, now: float) -> float:
        """Seconds of work so far; 0 before it began."""
        return self.worked + (0.0 if self.started_at is None else (self.ended_at or now) - self.started_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class TierView:
    """One tier: the versions of both colors and green's share; None while it is not known."""

    tier: Tier
    blue: str = ""
    green: str = ""
    percent: int | None = None
    hosts: Mapping[Color, int] = field(default_factory=dict)
    """Healthy hosts, where they are looked at."""
    guarded: bool = False
    """A watchdog is armed: AWS puts blue back if the deployer dies."""
    since: float = 0.0
    """Epoch seconds at which the share began; figures from before it would mislead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictView:
    """The newest verdict."""

    at: float
    percent: int | None
    outcome: Outcome
    reason: str
    hold: bool
    ask: bool
    next: str
    next_at: float | None
    deadline: float = 0.0
    """When it pauses for a person unless it is decided; 0: never."""
    findings: tuple[Finding, ...] = ()
    checks: tuple[CheckFinding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldView:
    """What a person has put on hold."""

    since: float
    until: float
    words: str
    """By whom and why."""
    rolls_back: bool
    """What the deadline does; else it stays on hold."""

    @property
    def then(self) -> str:
        """What becomes of it unless somebody lets it continue."""
        return "then it is rolled back" if self.rolls_back else "then people are paged"


@dataclass(frozen=True, slots=True, kw_only=True)
class WarningView:
    """A warning and when it came."""

    at: float
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """A deployment as a person follows it."""

    number: int
    stack: str
    intent: str
    version: str
    operator: str
    started_at: float
    reason: str = ""
    stages: tuple[StageView, ...] = ()
    first: int = 0
    """Index of the first stage of the plan in force (a rollback begins a new one)."""
    tiers: tuple[TierView, ...] = ()
    periods: tuple[Period, ...] = ()
    trend: Trend = field(default_factory=dict)
    """What both fleets did since the first weight."""
    verdict: VerdictView | None = None
    hold: HoldView | None = None
    """None: no person holds it."""
    decision: str = ""
    warnings: tuple[WarningView, ...] = ()
    ending: Ending = Ending.RUNNING
    ended_at: float | None = None
    words: str = ""
    traffic: tuple[str, ...] = ()
    next_step: str = ""
    links: tuple[Link, ...] = ()
    """Where else to look."""
    falls_back_after: float = 0.0
    """Seconds within which an armed watchdog acts once the deployer has died; 0: not known."""
    last_seq: int = 0
    last_at: float = 0.0
    """Of the newest entry."""

    @property
    def from_versions(self) -> tuple[str, ...]:
        """What served before, without repetition; empty on an empty stack."""
        rolling_back = self.intent == "rollback" and any(stage.back for stage in self.stages)
        found = [tier.green if rolling_back else tier.blue for tier in self.tiers]
        return tuple(dict.fromkeys(version for version in found if version))

    @property
    def expected_seconds(self) -> float:
        """Expected duration: the real one of stages that ended, the plan's of the others."""
        counted = [stage for stage in self.stages if stage.state is not Progress.DROPPED]
        return sum(s.elapsed(s.ended_at) if s.ended_at else s.expected_seconds for s in counted)

    @property
    def current(self) -> StageView | None:
        """The stage that runs now."""
        return next((stage for stage in self.stages if stage.state is Progress.RUNNING), None)

    def upcoming(self) -> tuple[str, float | None]:
        """What happens next and when (epoch seconds, None if it is not known)."""
        stage = self.current
        verdict = self.verdict
        if stage is None or not self.ending.open:
            return self.next_step, None
        if self.hold is not None:
            return "nothing before `sc-deploy continue`", None
        if verdict and verdict.at >= (stage.started_at or 0.0):
            if verdict.outcome is Outcome.FAIL:
                return "", None
            if verdict.next:
                return verdict.next, verdict.next_at
        after = next((item for item in self.stages if item.state is Progress.WAITING), None)
        at = (stage.started_at or 0.0) + stage.expected_seconds
        return (after.title if after else "the end of the deployment"), at
