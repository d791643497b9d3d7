"""A plan is data: ordered stages of steps; the steps of one stage run in parallel over the tiers.

A plan holds everything that a deployer on another machine needs to continue it. It is printable,
and its fingerprint names exactly what was shown: same inputs, same fingerprint.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bluegreen.contract import Tier
from bluegreen.domain.document import to_document
from bluegreen.domain.release import Color, Image, Model, Release
from bluegreen.domain.security import Ban


class Intent(StrEnum):
    """What a plan is for."""

    PROMOTION = "promotion"
    ROLLBACK = "rollback"
    TEARDOWN = "teardown"


class StepKind(StrEnum):
    """What a step makes true. Every handler observes first and changes only what is missing."""

    CHECK = "check"  # the before-checklist holds
    SNAPSHOT = "snapshot"  # a database snapshot exists and is available
    MIGRATE = "migrate"  # the expand migration has run
    MIGRATE_DOWN = "migrate-down"  # the down migration of the release that is rolled back has run
    TARGET_GROUP = "target-group"  # green's target group exists
    PREVIEW = "preview"  # a header rule leads to green alone
    FLEET = "fleet"  # green's Auto Scaling Group exists at its size
    HOLD_SIZE = "hold-size"  # a fleet cannot shrink below its current size
    FREE_SIZE = "free-size"  # a fleet scales between the contract's bounds again
    HEALTHY = "healthy"  # all targets of a fleet are healthy, at full capacity
    VERSION = "version"  # every target answers with the right version and model
    SMOKE = "smoke"  # smoke tests pass through the preview rule, or the front door
    GOLDEN = "golden"  # AI answers are as good as blue's on the golden set
    WATCHDOG = "watchdog"  # AWS puts blue back if this deployer dies
    STAND_DOWN = "stand-down"  # no watchdog is armed
    WEIGHTS = "weights"  # the live rule has these weights, read back
    JUDGE = "judge"  # green was measured against blue
    AS_BEFORE = "as-before"  # the fleets that got their traffic back serve as they did before
    PROVE_BLUE = "prove-blue"  # blue is healthy enough to carry all traffic
    MODEL_POINTER = "model-pointer"  # the model parameter names the live model
    LABEL = "label"  # the serving fleet is tagged blue
    WINDOW = "window"  # the announced rollback window has passed
    DETACH = "detach"  # a target group is named by no rule
    QUIET = "quiet"  # a target group has had no request for long enough
    DELETE_PREVIEW = "delete-preview"  # the preview rule is gone
    DELETE_RULE = "delete-rule"  # the live rule is gone (teardown)
    DELETE_FLEET = "delete-fleet"  # the Auto Scaling Group and its instances are gone
    DELETE_TARGET_GROUP = "delete-target-group"  # the target group is gone


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetRef:
    """A fleet that exists: blue, or a leftover to remove."""

    deployment: int
    version: str
    target_group_arn: str
    target_group_name: str
    group_name: str
    desired: int
    minimum: int
    model: Model | None = None
    image: Image | None = None
    launch_template_version: int | None = None
    routed: bool = False
    """Of a leftover: the live rule still names it, so that sticky clients reach it even with weight 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSpec:
    """The fleet to be built: its name, what it runs and how big it is."""

    name: str
    """Of the target group and of the Auto Scaling Group."""
    version: str
    image: Image
    model: Model | None
    launch_template_version: int
    minimum: int
    desired: int
    maximum: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TierPlan:
    """One tier: what is live, what shall be, and what else exists."""

    tier: Tier
    rule_arn: str = ""
    """The live rule; empty where the tier has none yet."""
    blue: FleetRef | None = None
    green: FleetSpec | None = None
    leftovers: tuple[FleetRef, ...] = ()
    failed: FleetRef | None = None
    """In a rollback: the fleet that is taken out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to make true, on one tier or on the stack as a whole."""

    kind: StepKind
    tier: Tier | None = None
    fleet: Color | None = None
    deployment: int | None = None
    """Names a leftover fleet instead of blue or green."""
    percent: int | None = None
    """Green's share (weights, judge)."""
    preview: bool = False
    """Through the preview rule instead of the front door."""
    urgent: bool = False
    """May use the API budget kept back for rollback."""

    @property
    def id(self) -> str:
        """Unique in its plan, for people and programs to read; sc-deploy itself never reads it back."""
        parts = [str(self.kind), self.tier, self.fleet, self.deployment, self.percent]
        if self.kind in (StepKind.SMOKE, StepKind.VERSION):
            parts.append("preview" if self.preview else "front")
        return ".".join(str(part) for part in parts if part is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Steps that may run at the same time; the next stage begins when all are done."""

    name: str
    title: str
    steps: tuple[Step, ...]
    expected_seconds: float = 0.0
    percent: int | None = None
    """Green's share that the stage sets or judges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What will be done, in order."""

    intent: Intent
    stack: str
    number: int
    release: Release | None
    reason: str
    tiers: tuple[TierPlan, ...]
    stages: tuple[Stage, ...]
    notes: tuple[str, ...] = ()
    snapshot: str = ""
    """In a rollback: the pre-release database snapshot, where there is one."""
    bans: tuple[Ban, ...] = ()
    """In a rollback because of a vulnerability: what is not released again (R5)."""
    despite: str = ""
    """Why a person continues although a preflight check that may be passed over does not hold."""

    @property
    def rolls_back(self) -> bool:
        """Whether it only moves traffic back to fleets that exist, and builds nothing."""
        return self.intent is Intent.ROLLBACK and not any(plan.green for plan in self.tiers)

    def tier(self, tier: Tier) -> TierPlan:
        """The plan of `tier`; raises KeyError."""
        return {item.tier: item for item in self.tiers}[tier]

    def stage_of(self, step: Step) -> Stage | None:
        """The stage that holds `step`."""
        return next((stage for stage in self.stages if step in stage.steps), None)

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps in order."""
        return tuple(step for stage in self.stages for step in stage.steps)

    def has(self, kind: StepKind) -> bool:
        """Whether a step of this kind is part of it."""
        return any(step.kind is kind for step in self.steps)

    @property
    def expected_seconds(self) -> float:
        """How long the plan takes when nothing is wrong."""
        return sum(stage.expected_seconds for stage in self.stages)

    def to_document(self) -> dict[str, Any]:
        """The plan as JSON values."""
        document: dict[str, Any] = to_document(self)
        return document

    @property
    def fingerprint(self) -> str:
        """Twelve hex digits of the SHA-256 of the document: `promote --plan-id` asks for them."""
        text = json.dumps(self.to_document(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]
