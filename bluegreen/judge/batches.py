"""What is compared with what: green and blue periods of one source, tier and time, in order of arrival."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from math import ceil
from typing import NamedTuple

from bluegreen.contract import Tier
from bluegreen.domain.measurement import Period
from bluegreen.domain.release import FULL, Color
from bluegreen.judge.eprocess import Window
from bluegreen.judge.settings import StepMark
from bluegreen.judge.tail import HALF_LIFE
from bluegreen.policy import Judging

_EPSILON = 1e-6
_APART = 3
"""Periods of both arms that wait for each other in vain, before that is said."""


class Batch(NamedTuple):
    """One stretch of time, both arms where there is a control."""

    green: Period | None
    blue: Period | None
    window: Window
    inside: bool
    """Wholly inside one ramp step: such batches may count for a pass."""
    controlled: bool
    """Blue served part of the same traffic."""
    current: bool
    """Of the step that was judged when it arrived."""

    @property
    def period(self) -> Period:
        """The arm that is there, green first."""
        period = self.green or self.blue
        assert period is not None
        return period

    @property
    def tier(self) -> Tier:
        """The tier both arms belong to."""
        return self.period.tier

    @property
    def source(self) -> str:
        """Who counted."""
        return self.period.source

    @property
    def counting(self) -> bool:
        """Whether it may count for a pass of the current step."""
        return self.inside and self.current


class Calendar:
    """The ramp steps so far: which step and which burst window a period belongs to."""

    def __init__(self, limits: Judging, steps: Iterable[StepMark] = ()) -> None:
        self._limits = limits
        self.steps: list[StepMark] = []
        self._starts: list[float] = []
        self._lengths: list[float] = []
        for step in steps:
            self.begin(step)

    def begin(self, step: StepMark) -> None:
        """Another step begins."""
        # A deployer's clock may jump back between two steps: the later step begins no sooner.
        self._starts.append(max([step.started_at, *self._starts[-1:]]))
        self.steps.append(step)
        self._lengths.append(min(self._limits.burst, step.planned_seconds / 20))

    @property
    def current(self) -> int:
        """Index of the step that is judged now."""
        return len(self.steps) - 1

    @property
    def begun(self) -> float:
        """When it began, in epoch seconds."""
        return self._starts[-1]

    @property
    def percent(self) -> int:
        """Green's share in it."""
        return self.steps[-1].percent

    @property
    def half_life(self) -> float:
        """Seconds after which blue's counts weigh half as much for its usual latency."""
        return min(HALF_LIFE, 2 * self.steps[0].planned_seconds)

    @property
    def cold(self) -> float:
        """Seconds for which a new instance's latency is not judged: half a step at most."""
        return min(self._limits.cold_start, 0.5 * self.steps[-1].planned_seconds)

    @property
    def warm_from(self) -> float:
        """When the instances that served first have warmed up."""
        return self._starts[0] + min(self._limits.cold_start, 0.5 * self.steps[0].planned_seconds)

    def step_of(self, period: Period) -> int | None:
        """The step in which the period began; None for one that was over before the first step."""
        if period.end <= self._starts[0] + _EPSILON:
            return None
        return max(0, bisect_right(self._starts, period.start + _EPSILON) - 1)

    def inside(self, period: Period, step: int) -> bool:
        """Whether the weights did not change during the period."""
        after = self._starts[step + 1] if step + 1 < len(self._starts) else float("inf")
        return period.start >= self._starts[step] - _EPSILON and period.end <= after + _EPSILON

    def window(self, period: Period, step: int) -> Window:
        """The burst window of a period: itself, or several short periods together.

        A disturbance as long as `burst_seconds`, or as a twentieth of a shorter step's planned time, never
        decides alone, so evidence is capped per window of that length and not per period. Probes are not
        capped: each stands for itself.
        """
        length = self._lengths[step]
        if period.probes or period.seconds >= length * 0.999:
            return Window(step, round(period.start * 1_000), self._expected(period.seconds))
        number = int((period.start - self._starts[step] + _EPSILON) // length)
        return Window(step, number, self._expected(length))

    def _expected(self, length: float) -> int:
        # Twelve planned steps: four steps, each extended to three times its time.
        return max(8, ceil(12 * self.steps[0].planned_seconds / length))


class Pairing:
    """Joins the arms as they arrive; requests and labels wait for the other arm while blue has traffic."""

    def __init__(self, calendar: Calendar, *, has_blue: bool) -> None:
        self._calendar, self._has_blue = calendar, has_blue
        self._waiting: dict[tuple[str, Tier], dict[float, Period]] = {}

    def add(self, period: Period) -> Batch | None:
        """The batch that `period` completes, if it does; probes are batches of their own."""
        calendar = self._calendar
        step = calendar.step_of(period)
        if step is None:
            return None
        controlled = self._has_blue and calendar.steps[step].percent < FULL
        green, blue = (period, None) if period.arm is Color.GREEN else (None, period)
        if not period.probes and controlled:
            waiting = self._waiting.setdefault((period.source, period.tier), {})
            other = waiting.get(period.start)
            if other is None or other.arm is period.arm:
                waiting[period.start] = period
                return None
            del waiting[period.start]
            green, blue = (period, other) if green else (other, period)
            if abs(green.seconds - blue.seconds) > _EPSILON:
                return None
        if not (green or period.probes):
            return None
        inside, current = calendar.inside(period, step), step == calendar.current
        return Batch(green, blue, calendar.window(period, step), inside, controlled, current)

    def apart(self, source: str, tier: Tier) -> float | None:
        """Seconds between the arms where both are counted, but never from the same moment on."""
        waiting = [
            one
            for one in self._waiting.get((source, tier), {}).values()
            if one.requests and one.start >= self._calendar.begun
        ]
        arms = [sorted(one.start for one in waiting if one.arm is arm) for arm in Color]
        if min(map(len, arms)) < _APART:
            return None
        ours, theirs = arms
        return min(abs(one - ours[-1]) for one in theirs)


def pair(periods: Sequence[Period], calendar: Calendar, *, has_blue: bool) -> Iterator[Batch]:
    """Every batch, at the moment its last arm arrived."""
    pairing = Pairing(calendar, has_blue=has_blue)
    for period in periods:
        if batch := pairing.add(period):
            yield batch
