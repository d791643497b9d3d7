"""What a verb found or did: the engine makes these, the user interface shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bluegreen.contract import Tier
from bluegreen.domain.holding import Hold
from bluegreen.domain.journal import Ending, Header
from bluegreen.domain.lease import Holder
from bluegreen.domain.measurement import Metric
from bluegreen.domain.stack import Health, StackState
from bluegreen.errors import ExitCode

_FEW_PERIODS = 20
"""Fewer pairs say little about how the fleets differ over time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a deployment ended, for people and for the exit code."""

    ending: Ending
    exit_code: ExitCode
    header: Header
    words: str
    next_step: str
    traffic: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldAnswer:
    """What became of a request to hold a deployment, or to let it continue."""

    deployment: int
    hold: Hold
    obeyed: bool
    """Its deployer lives and knows; otherwise the request waits for whoever resumes it."""
    words: str
    next_step: str
    until: float | None = None
    """Epoch seconds; None where the deployer has not said yet."""
    rolls_back: bool = False
    """What happens then: a rollback, or it stays on hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The stack at one moment."""

    state: StackState
    health: Mapping[str, Health]
    """By target group ARN."""
    holder: Holder | None
    open: Header | None
    """The deployment that is not finished."""
    watchdogs: tuple[str, ...]
    """Names of the armed schedules."""
    traffic: tuple[str, ...]
    next_step: str
    hold: Hold | None = None
    """Why the open deployment begins no further step; None where nobody holds it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was checked; `ok` is None where it could not be."""

    name: str
    ok: bool | None
    words: str
    next_step: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """How one metric of one tier differs between two halves of the same fleet."""

    tier: Tier
    metric: Metric
    periods: int
    """Pairs of periods that were compared."""
    ratio: float
    """The larger half's share of bad events as a multiple of the smaller half's."""
    dispersion: float
    """Variance of the difference per period, as a multiple of pure counting noise; 1 is ideal."""
    evidence: float
    """The most that the judge would have held against the worse half."""
    needed: float
    """The evidence that fails a release."""
    quiet: bool
    """The thresholds are above this noise."""

    @property
    def words(self) -> str:
        """For the operator."""
        found = (
            f"{self.tier} {self.metric}: halves differ by a factor of {self.ratio:.2f}, "
            f"{self.dispersion:.1f} times counting noise, evidence {self.evidence:.1f} of {self.needed:.0f}"
        )
        if self.periods < _FEW_PERIODS:
            return f"{found}; only {self.periods} periods: measure longer"
        if self.quiet:
            return f"{found}; thresholds are above the noise"
        return f"{found}; raise the acceptable level, or make the halves alike before trusting a rollback"


@dataclass(frozen=True, slots=True, kw_only=True)
class AAComparison:
    """One comparison of a fleet with itself."""

    source: str
    words: str
    """What was compared, e.g. `ap-northeast-1a against ap-northeast-1c`."""
    noises: tuple[Noise, ...]
