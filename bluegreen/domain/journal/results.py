"""What steps leave behind for later steps, for `resume` and for programs: a class per kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from bluegreen.domain.verdict import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetGroupMade:
    """Green's target group exists."""

    kind: Literal["target-group-made"] = "target-group-made"
    arn: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewMade:
    """A header rule leads to green."""

    kind: Literal["preview-made"] = "preview-made"
    arn: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetMade:
    """Green's Auto Scaling Group exists."""

    kind: Literal["fleet-made"] = "fleet-made"
    group: str
    desired: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeHeld:
    """A fleet cannot shrink below this size."""

    kind: Literal["size-held"] = "size-held"
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotTaken:
    """The pre-release database snapshot is available."""

    kind: Literal["snapshot-taken"] = "snapshot-taken"
    snapshot: str
    """Its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetsHealthy:
    """So many targets of a fleet are healthy."""

    kind: Literal["targets-healthy"] = "targets-healthy"
    healthy: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetsSeen:
    """These instances answered with the right version."""

    kind: Literal["targets-seen"] = "targets-seen"
    instances: tuple[str, ...]
    cdn: bool = False
    """The answers came through CloudFront, by their Via header."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenCompared:
    """Accuracy on the golden set, as fractions; blue's is None where there is no blue."""

    kind: Literal["golden-compared"] = "golden-compared"
    green: float
    blue: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchdogArmed:
    """AWS puts blue back at `at` (epoch seconds) unless that moment is pushed away."""

    kind: Literal["watchdog-armed"] = "watchdog-armed"
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsSet:
    """The live rule gives green this share, read back."""

    kind: Literal["weights-set"] = "weights-set"
    rule_arn: str
    green_percent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What the judge let pass."""

    kind: Literal["judged"] = "judged"
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelNamed:
    """The model parameter names this version."""

    kind: Literal["model-named"] = "model-named"
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationRehearsed:
    """What is known of the migration from its rehearsal."""

    kind: Literal["migration-rehearsed"] = "migration-rehearsed"
    words: str


StepResult = Annotated[
    TargetGroupMade
    | PreviewMade
    | FleetMade
    | SizeHeld
    | SnapshotTaken
    | TargetsHealthy
    | TargetsSeen
    | GoldenCompared
    | WatchdogArmed
    | WeightsSet
    | Judged
    | ModelNamed
    | MigrationRehearsed,
    Field(discriminator="kind"),
]
