"""What the judge is told besides the counts: the steps so far and the moment of the look."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from bluegreen.contract import Tier
from bluegreen.domain.measurement import Metric
from bluegreen.domain.stack import SickTargets
from bluegreen.domain.verdict import CheckFinding


@dataclass(frozen=True, slots=True, kw_only=True)
class StepMark:
    """A ramp step that has begun."""

    started_at: float
    """Epoch seconds at which the weights were in force."""
    percent: int
    """Green's share of the traffic."""
    planned_seconds: float = 300.0
    notice: float = 0.0
    """Seconds within which a host of green that dies is found to be lost."""
    blue_notice: float = 0.0
    """The same of blue."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.started_at) and 0 < self.planned_seconds < math.inf):
            raise ValueError(f"a step of {self.planned_seconds!r} s that began at {self.started_at!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The moment of a judgement; the current step is the last StepMark."""

    now: float
    tiers: tuple[Tier, ...]
    """The tiers of this release: each must be measured before a pass."""
    labelled: tuple[Tier, ...] = ()
    """Those whose AI answers a source labels: their accuracy too must be measured before the last pass."""
    required: tuple[str, ...] = ()
    """The sources that must have counted green of every tier in this step before a pass."""
    min_bake_seconds: float = 120.0
    planned_seconds: float = 300.0
    deadline_seconds: float = 1_200.0
    """After the step's begin, when an undecided step goes to the operator."""
    next_percent: int = 100
    """Green's share in the step after this one."""
    last_before_full: bool = False
    full: bool = False
    """Green has all the traffic: there is no control any more."""
    despite: bool = False
    """The operator knows that blue is unhealthy, and releases what replaces it (`promote --despite`): nothing
    is held for blue. Green's errors are limited absolutely as ever."""
    shorten: bool = False
    """A step may pass before its planned time (never before `min_bake_seconds`)."""
    sick: Mapping[Tier, SickTargets] = field(default_factory=dict)
    """Green's sick targets."""
    troubles: tuple[str, ...] = ()
    """What did not answer at this look, and what the metric sources object to."""
    checks: tuple[CheckFinding, ...] = ()
    """What own checks and watched alarms say."""
    accepted: Mapping[tuple[Tier, Metric], str] = field(default_factory=dict)
    """What a person has accepted although the counts do not decide it: by whom and why."""
