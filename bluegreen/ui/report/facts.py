"""What a report says: one value, whatever it is written as. Its fields are the report's JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import PlainSerializer, WithJsonSchema

from bluegreen.contract import Tier
from bluegreen.domain.checklist import ItemOutcome
from bluegreen.domain.journal import Ending
from bluegreen.domain.measurement import Metric
from bluegreen.domain.release import Color, Image, Model
from bluegreen.domain.verdict import CheckFinding, Finding, Outcome
from bluegreen.policy import Phase
from bluegreen.ui.format import iso

REPORT = 1
"""Version of the JSON form: a field that is renamed or taken away raises it; new fields do not."""

Moment = Annotated[
    float, PlainSerializer(iso, return_type=str), WithJsonSchema({"type": "string", "format": "date-time"})
]
"""Epoch seconds; in JSON a time in UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetFacts:
    """What one side of a tier runs."""

    version: str
    image: Image | None = None
    model: Model | None = None
    launch_template_version: int | None = None
    instances: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TierFacts:
    """What a tier was released from and to."""

    tier: Tier
    blue: FleetFacts | None
    green: FleetFacts | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageFacts:
    """One stage, and how long it took."""

    name: str
    title: str
    rollback: bool
    state: str
    planned_seconds: float
    began: Moment | None
    seconds: float | None
    """None where it was not begun."""

    @property
    def late(self) -> bool:
        """Whether it took much longer than planned: more than half as long again, and by 30 s."""
        over = (self.seconds or 0.0) - self.planned_seconds
        return over > max(30.0, self.planned_seconds / 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What one fleet answered in a stretch of time."""

    at: Moment
    seconds: float
    requests: int
    errors: int
    p95_ms: float | None

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds

    @property
    def error_rate(self) -> float | None:
        """Errors as a share of the requests; None without requests."""
        return self.errors / self.requests if self.requests else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One fleet over the deployment."""

    tier: Tier
    fleet: Color
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Green's share of a tier from a moment on."""

    tier: Tier
    at: Moment
    percent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What green's figure must not exceed, from a moment on: a share of errors, or milliseconds."""

    tier: Tier
    metric: Metric
    at: Moment
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictFacts:
    """Looks of the judge that followed each other and came to the same answer; the figures of the last."""

    stage: str
    percent: int
    outcome: Outcome
    hold: bool
    ask: bool
    reason: str
    since: Moment
    until: Moment
    looks: int
    findings: tuple[Finding, ...]
    checks: tuple[CheckFinding, ...]

    @property
    def words(self) -> str:
        """The outcome as people read it."""
        more = ", your decision is needed" if self.ask else ", holding" if self.hold else ""
        return f"{self.outcome}{more}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckFacts:
    """One thing that was checked, how it came out, by whom and when."""

    at: Moment
    stage: str
    tier: Tier | None
    check: str
    ok: bool
    words: str
    faults: tuple[str, ...]
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandFacts:
    """A command that was run: what it said, and how it ended."""

    at: Moment
    command: str
    tier: Tier | None
    ok: bool | None
    """None where it has not ended."""
    output: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFacts:
    """One item of the checklists."""

    id: str
    phase: Phase
    item: str
    strategy: str
    """In the customer's own words."""
    outcome: ItemOutcome
    evidence: str
    by: str
    at: Moment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that a report says."""

    report: int = REPORT
    stack: str
    deployment: int
    intent: str
    version: str
    from_versions: tuple[str, ...]
    operator: str
    operators: tuple[str, ...]
    """Everybody who drove it, in order."""
    reason: str
    began: Moment
    ended: Moment | None
    """None while it is not over."""
    seconds: float
    ending: str
    exit_code: int | None
    words: str
    next_step: str
    traffic: tuple[str, ...]
    fingerprint: str
    look_at: tuple[str, ...]
    """What somebody should look at; empty where nothing was unusual."""
    tiers: tuple[TierFacts, ...]
    stages: tuple[StageFacts, ...]
    curves: tuple[Curve, ...]
    shares: tuple[Share, ...]
    limits: tuple[Limit, ...]
    verdicts: tuple[VerdictFacts, ...]
    checks: tuple[CheckFacts, ...]
    commands: tuple[CommandFacts, ...]
    warnings: tuple[str, ...]
    checklist: tuple[ItemFacts, ...] = ()
    """The strategy's checklists (C1 to C3); empty where the deployment's documents cannot be read."""
    decided: Moment | None = None
    """When the rollback was decided."""
    log: tuple[str, ...] = ()

    @property
    def good(self) -> bool | None:
        """Whether it did what it was for; None while it runs."""
        if self.exit_code is None:
            return None if self.ending == Ending.RUNNING else False
        return self.exit_code == 0
