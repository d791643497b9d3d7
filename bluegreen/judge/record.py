"""What a deployment has measured, as its journal tells it: with plan and policy all that makes a verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import inf

from bluegreen.contract import Tier
from bluegreen.domain.journal import Accepted, BaselineMeasured, CheckAccepted, Event, Measured, ShareWatched
from bluegreen.domain.measurement import BlueBaseline, Metric, Period
from bluegreen.domain.readings import Readings
from bluegreen.domain.release import FULL, Color
from bluegreen.domain.stack import BlueShort, SickTargets
from bluegreen.judge.judge import Judge
from bluegreen.judge.settings import StepMark
from bluegreen.policy import Policy, Rollout


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
    short: Mapping[Tier, BlueShort] = field(default_factory=dict)
    """The tiers whose blue has too few hosts for its share."""
    troubles: tuple[str, ...] = ()
    """What did not answer at the last look, and what the metric sources object to."""
    readings: Readings = field(default_factory=Readings)
    """What own checks and watched alarms showed at the last look."""
    accepted: dict[tuple[Tier, Metric], str] = field(default_factory=dict)
    """What a person has accepted although the counts do not decide it: by whom and why."""
    accepted_checks: dict[str, CheckAccepted] = field(default_factory=dict)
    """Own checks and alarms that hold, and a person says that they need not."""
    serving: dict[Tier, set[str]] = field(default_factory=dict)
    """Green's instances that this deployer has seen in service; what became of it is in the journal."""
    well: dict[tuple[Tier, Color], dict[str, float]] = field(default_factory=dict)
    """When each healthy target was last seen so; by the journal, when its fleet last changed."""
    _judge: Judge | None = None
    _unfolded: list[tuple[float, Event]] = field(default_factory=list)
    """What the judge has not been given yet."""

    def add(self, event: Event, at: float = inf) -> None:
        """Take in one event that was journalled `at` that time; most kinds measure nothing."""
        match event:
            case Measured(periods=periods, sick=sick, troubles=troubles, readings=readings, short=short):
                self.periods.extend(periods)
                self.short = self.short if short is None else short
                self._see(event.well or {}, at)
                self.sick = self.sick if sick is None else sick
                self.troubles = self.troubles if troubles is None else troubles
                self.readings = self.readings if readings is None else readings
            case ShareWatched(since=since, percent=percent):
                self.marks.append((since, percent))
            case BaselineMeasured(baseline=baseline):
                self.baseline = baseline
            case Accepted(tier=tier, metric=metric, operator=operator, reason=reason):
                self.accepted[tier, metric] = f"accepted by {operator}: {reason}"
                return
            case CheckAccepted(check=check):
                self.accepted_checks[check] = event
                return
            case _:
                return
        self._unfolded.append((at, event))

    def _see(self, well: Mapping[Tier, Mapping[Color, Iterable[str]]], at: float) -> None:
        for tier, arms in well.items():
            for arm, targets in arms.items():
                self.well[tier, arm] = dict.fromkeys(targets, at)

    @property
    def p95_ms(self) -> Mapping[Tier, float]:
        """Blue's latency p95 before the release, of the tiers where it is known."""
        return self.baseline.p95_ms if self.baseline else {}

    def judge(self, policy: Policy, *, without_blue: frozenset[Tier] = frozenset()) -> Judge:
        """The judge that has been given everything up to now; always with the same arguments.

        `without_blue` are the tiers in which nothing serves beside the release.
        """
        if self._judge is None:
            self._judge = Judge(policy.judge, BlueBaseline(p95_ms={}), without_blue=without_blue)
        for at, event in self._unfolded:
            self._judge.settle(at)
            match event:
                case Measured(periods=periods, joined=joined, lost=lost, short=short):
                    self._judge.joined(joined, at)
                    self._judge.lost(lost)
                    if short is not None:
                        self._judge.short(short, at)
                    for period in periods:
                        self._judge.take(period, at)
                case ShareWatched(since=since, percent=percent):
                    mark = step_mark(policy.rollout, since, percent)
                    self._judge.begin(replace(mark, notice=event.notice, blue_notice=event.blue_notice))
                case BaselineMeasured(baseline=baseline):
                    self._judge.know(baseline)
                case _:
                    pass
        self._unfolded.clear()
        return self._judge


def step_mark(rollout: Rollout, since: float, percent: int) -> StepMark:
    """A step with its own planned length."""
    planned = planned_seconds(rollout, percent)
    return StepMark(started_at=since, percent=percent, planned_seconds=planned)


def planned_seconds(rollout: Rollout, percent: int) -> float:
    """How long the step at `percent` is to be watched."""
    return rollout.final_bake if percent == FULL else rollout.bake
