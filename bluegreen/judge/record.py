"""What a deployment has measured, as its journal tells it: with plan and policy all that makes a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bluegreen.contract import Tier
from bluegreen.domain.journal import BaselineMeasured, Event, Measured, ShareWatched
from bluegreen.domain.measurement import BlueBaseline, Period
from bluegreen.domain.stack import SickTargets


@dataclass(slots=True, kw_only=True)
class Record:
    """The fold of a journal's events, in order; a running deployment adds each as it writes it."""

    periods: list[Period] = field(default_factory=list)
    """Everything measured in this deployment, in order of arrival."""
    marks: list[tuple[float, int]] = field(default_factory=list)
    """(time at which the weights were in force, green's share in percent) of each step that was begun."""
    baseline: BlueBaseline | None = None
    """None until blue's figures are measured."""
    sick: Mapping[Tier, SickTargets] = field(default_factory=dict)
    """Green's sick targets at the last look."""
    troubles: tuple[str, ...] = ()
    """What did not answer at the last look, and what the metric sources object to."""

    def add(self, event: Event) -> None:
        """Take in one event; most kinds measure nothing."""
        match event:
            case Measured(periods=periods, sick=sick, troubles=troubles):
                self.periods.extend(periods)
                self.sick = self.sick if sick is None else sick
                self.troubles = self.troubles if troubles is None else troubles
            case ShareWatched(since=since, percent=percent):
                self.marks.append((since, percent))
            case BaselineMeasured(baseline=baseline):
                self.baseline = baseline
            case _:
                pass

    @property
    def p95_ms(self) -> Mapping[Tier, float]:
        """Blue's latency p95 before the release, of the tiers where it is known."""
        return self.baseline.p95_ms if self.baseline else {}
