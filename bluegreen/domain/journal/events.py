"""What an entry of the journal can say: a frozen class per kind, told apart by `kind`.

A field that is renamed, added or taken away changes the stored form: that is a new `header.SCHEMA`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from bluegreen.contract import Tier
from bluegreen.domain.holding import because
from bluegreen.domain.journal.endings import RunEnded, RunHalted, RunInterrupted
from bluegreen.domain.journal.results import StepResult
from bluegreen.domain.measurement import BlueBaseline, Metric, PeriodRow
from bluegreen.domain.migration import DownAttempt
from bluegreen.domain.plan import Plan, Step
from bluegreen.domain.readings import Readings
from bluegreen.domain.release import Color
from bluegreen.domain.stack import BlueShort, HostLost, SickTargets
from bluegreen.domain.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    """A deployment was opened."""

    kind: Literal["run-started"] = "run-started"
    plan: Plan
    operator: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResumed:
    """Another process continues it."""

    kind: Literal["run-resumed"] = "run-resumed"
    operator: str
    shares: Mapping[Tier, int] = field(default_factory=dict)
    """Green's share of each tier as it was observed then, in percent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageStarted:
    """The steps of a stage begin."""

    kind: Literal["stage-started"] = "stage-started"
    stage: str
    title: str
    expected_seconds: float
    index: int
    """From 1."""
    count: int
    percent: int | None = None
    """Green's share that the stage sets or judges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEvent:
    """What the events of one step share."""

    stage: str
    step: Step
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted(StepEvent):
    """Written before the step's first effect."""

    kind: Literal["step-started"] = "step-started"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepProgress(StepEvent):
    """How far the step is, for people."""

    kind: Literal["step-progress"] = "step-progress"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDone(StepEvent):
    """Its goal is reached and was read back."""

    kind: Literal["step-done"] = "step-done"
    result: StepResult | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFailed(StepEvent):
    """It ended without its goal."""

    kind: Literal["step-failed"] = "step-failed"
    next: str
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareWatched(StepEvent):
    """Green has its share, and is measured from `since` (epoch seconds) on."""

    kind: Literal["share-watched"] = "share-watched"
    percent: int
    since: float
    notice: float = 0.0
    """Seconds within which a host of green that dies is found to be lost."""
    blue_notice: float = 0.0
    """The same of blue, whose targets are looked at less often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineMeasured(StepEvent):
    """Blue's figures before the release, that green is compared with."""

    kind: Literal["baseline-measured"] = "baseline-measured"
    baseline: BlueBaseline


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandBegun(StepEvent):
    """A command of the step runs; whoever continues looks at this one and begins no second."""

    kind: Literal["command-begun"] = "command-begun"
    name: str
    """Which one of the step: its `check`, or what it is there to `run`."""
    handle: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DownMigrationTried(StepEvent):
    """The down migration's command was begun, or its next attempt is due."""

    kind: Literal["down-migration-tried"] = "down-migration-tried"
    attempt: DownAttempt


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowOpened(StepEvent):
    """Blue is kept until `ends` (epoch seconds)."""

    kind: Literal["window-opened"] = "window-opened"
    ends: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What metric sources and probes counted."""

    kind: Literal["measured"] = "measured"
    stage: str
    percent: int
    periods: tuple[PeriodRow, ...] = ()
    sick: Mapping[Tier, SickTargets] | None = None
    """The sick targets of green by tier, where they changed."""
    troubles: tuple[str, ...] | None = None
    """What did not answer at this look, and what the sources object to, where that changed."""
    joined: tuple[Tier, ...] = ()
    """The tiers where new instances of green have begun to serve."""
    readings: Readings | None = None
    """What own checks and watched alarms show, where that changed."""
    lost: tuple[HostLost, ...] = ()
    """Targets of either fleet that were healthy when they were looked at before and are no more."""
    short: Mapping[Tier, BlueShort] | None = None
    """The tiers whose blue has too few hosts for its share, where that changed."""
    well: Mapping[Tier, Mapping[Color, tuple[str, ...]]] | None = None
    """The healthy targets, where they changed: who resumes knows by them what was lost meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A person has accepted a metric that the counts do not decide."""

    kind: Literal["accepted"] = "accepted"
    tier: Tier
    metric: Metric
    operator: str
    reason: str

    @property
    def words(self) -> str:
        """As people read it."""
        return f"{self.tier} {self.metric} accepted by {self.operator}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckAccepted:
    """A person has accepted that an own check or a watched alarm holds."""

    kind: Literal["check-accepted"] = "check-accepted"
    check: str
    breach: bool
    """It was beyond its limit; where it only had no data, a later breach holds all the same."""
    operator: str
    reason: str

    @property
    def words(self) -> str:
        """As people read it."""
        return f"check {self.check} accepted by {self.operator}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attested:
    """Somebody answers for an item of the before-checklist."""

    kind: Literal["attested"] = "attested"
    item: str
    """Its id."""
    said: str
    """What the item says."""
    by: str
    """Who answers for it: a name, or the address of the check that shows it."""
    operator: str

    @property
    def words(self) -> str:
        """As people read it."""
        told = "" if self.by == self.operator else f" (told by {self.operator})"
        return f"checklist: {self.said}: {self.by}{told}"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictGiven:
    """What the judge says, and what comes next when it stays so."""

    kind: Literal["verdict"] = "verdict"
    stage: str
    step: Step
    percent: int
    verdict: Verdict
    next: str
    next_at: float | None
    """Epoch seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """Another plan comes into force, or none."""

    kind: Literal["decided"] = "decided"
    decision: str
    reason: str = ""
    plan: Plan | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A person has asked for it: no further step begins until somebody lets the deployment continue."""

    kind: Literal["held"] = "held"
    by: str
    why: str
    asked_at: float
    """Epoch seconds of the asker's clock; with `by` it names the request."""
    until: float
    """Epoch seconds of the deployer's clock."""
    rolls_back: bool
    """What happens then: the deployment is rolled back, or stays on hold and tells so."""

    @property
    def words(self) -> str:
        """As people read it."""
        return f"on hold {because(self.by, self.why)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldOverdue:
    """Nobody has let it continue in time; it stays on hold."""

    kind: Literal["hold-overdue"] = "hold-overdue"
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Continued:
    """Somebody has lifted the hold."""

    kind: Literal["continued"] = "continued"
    by: str
    why: str

    @property
    def words(self) -> str:
        """As people read it."""
        return f"continued {because(self.by, self.why)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """What the operator should know although the run continues."""

    kind: Literal["warning"] = "warning"
    words: str
    returned: tuple[Tier, ...] = ()
    """The tiers whose traffic the watchdog has put back on blue."""


Event = Annotated[
    RunStarted
    | RunResumed
    | StageStarted
    | StepStarted
    | StepProgress
    | StepDone
    | StepFailed
    | ShareWatched
    | BaselineMeasured
    | CommandBegun
    | DownMigrationTried
    | WindowOpened
    | Measured
    | Accepted
    | CheckAccepted
    | Attested
    | VerdictGiven
    | Decided
    | Held
    | HoldOverdue
    | Continued
    | Warned
    | RunInterrupted
    | RunHalted
    | RunEnded,
    Field(discriminator="kind"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One event. `seq` rises within a deployment (gaps are possible); `at` is epoch seconds."""

    seq: int
    at: float
    event: Event
