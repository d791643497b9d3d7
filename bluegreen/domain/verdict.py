"""What the judge says about a release, and why, in words an operator can check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

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
class Row:
    """What an operator reads of one metric of one tier, in figures."""

    unit: Literal["ms", "share"]
    """Of `green` and `blue`: milliseconds, or a share of all requests (answers)."""
    green: float | None = None
    blue: float | None = None
    """None where it is not measured."""
    limit: float
    """What must not be promoted: a share, or, where `relative`, a change against blue."""
    relative: bool
    to_pass: float
    """How far the evidence for a pass has come, from 0 to 1."""
    to_fail: float
    """How far the evidence against green has come, from 0 to 1."""

    @property
    def difference(self) -> float | None:
        """Green's change against blue; None where it cannot be said."""
        if self.green is None or not self.blue:
            return None
        return self.green / self.blue - 1

    @property
    def over(self) -> bool:
        """Whether green's figure, as measured, is beyond the limit."""
        found = self.difference if self.relative else self.green
        return found is not None and (found < self.limit if self.limit < 0 else found > self.limit)


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
    row: Row | None = None
    """For people; None of probes and targets, which have no figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckFinding:
    """What an own check or a watched alarm says."""

    name: str
    """Of the check, or the entry of `[alarms]`."""
    outcome: Outcome
    """FAIL rolls back, INCONCLUSIVE holds."""
    words: str
    limit: str = ""
    """In words; empty of an alarm."""
    value: float | None = None
    """The newest, or green's; None without data."""
    blue: float | None = None
    breach: bool = False
    """Beyond the limit, or firing, whatever that does to the release."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What to do with the release now."""

    outcome: Outcome
    reason: str
    """One sentence, the first thing an operator reads."""
    findings: tuple[Finding, ...] = ()
    checks: tuple[CheckFinding, ...] = ()
    """Own checks and watched alarms."""
    hold: bool = False
    """Blue is unhealthy too, or the metrics are broken: neither advance nor roll back."""
    ask: bool = False
    """The deadline is reached and the evidence is undecided: the operator must choose."""
    at: float = 0.0
    """Epoch seconds of the look."""
    deadline: float = 0.0
    """Epoch seconds at which an undecided step asks the operator; 0 where no step was judged."""
