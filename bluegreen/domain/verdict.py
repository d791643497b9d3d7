"""What the judge says about a release, and why, in words an operator can check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bluegreen.contract import Tier
from bluegreen.domain.measurement import Metric


class Outcome(StrEnum):
    """What is decided about a ramp step.

    Only FAIL rolls back, and only PASS advances. ERROR means that the measurement itself is broken.
    """

    PASS = "pass"  # noqa: S105  (an outcome, not a password)
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One metric of one tier: what was counted, what it shows, in words and numbers."""

    metric: Metric
    tier: Tier
    outcome: Outcome
    words: str
    evidence: float = 0.0
    """How many times better `worse than acceptable` explains the counts than `acceptable` does."""
    needed: float = 0.0
    """The evidence at which the release fails."""
    numbers: Mapping[str, float] = field(default_factory=dict)
    """Details for reports and JSON: counts of both arms, evidence for a pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What to do with the release now."""

    outcome: Outcome
    reason: str
    """One sentence, the first thing an operator reads."""
    findings: tuple[Finding, ...] = ()
    hold: bool = False
    """Blue is unhealthy too, or the metrics are broken: neither advance nor roll back."""
    ask: bool = False
    """The deadline is reached and the evidence is undecided: the operator must choose."""
    at: float = 0.0
    """Epoch seconds of the look."""
