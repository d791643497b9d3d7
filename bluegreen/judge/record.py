"""What a deployment has measured, as its journal tells it: with plan and policy all that makes a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bluegreen.contract import Tier
from bluegreen.domain.journal import Entry, EntryKind
from bluegreen.domain.measurement import Period, periods_from_json


@dataclass(slots=True, kw_only=True)
class Record:
    """The fold of a journal's entries, in order; a running deployment adds each as it writes it."""

    periods: list[Period] = field(default_factory=list)
    """Everything measured in this deployment, in order of arrival."""
    marks: list[tuple[float, int]] = field(default_factory=list)
    """(time at which the weights were in force, green's share in percent) of each step that was begun."""
    baseline: dict[str, Any] = field(default_factory=dict)
    """Blue's figures before the release; empty until they are measured."""
    sick: dict[Tier, tuple[str, ...]] = field(default_factory=dict)
    """Green's sick targets at the last look."""
    troubles: tuple[str, ...] = ()
    """What did not answer at the last look, and what the metric sources object to."""

    def add(self, entry: Entry) -> None:
        """Take in one entry; most kinds measure nothing."""
        if entry.kind is EntryKind.MEASURED:
            self._measured(entry.data)
        elif entry.kind is EntryKind.STEP_PROGRESS and "mark" in entry.data:
            self.marks.append((float(entry.data["mark"]), int(entry.data["percent"])))
        elif entry.kind is EntryKind.STEP_PROGRESS and "baseline" in entry.data:
            self.baseline.update(entry.data["baseline"])

    def _measured(self, data: Mapping[str, Any]) -> None:
        self.periods.extend(periods_from_json(data.get("periods", ())))
        if "sick" in data:
            self.sick = {Tier(tier): tuple(names) for tier, names in data["sick"].items()}
        if "troubles" in data:
            self.troubles = tuple(data["troubles"])
