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
_BY_CHANCE = 10.0
"""Of more expected requests not one may stay away by chance (one time in 20,000)."""
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
    percent: int
    """Green's share of the traffic in its step."""

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

    def __init__(
        self, calendar: Calendar, *, has_blue: bool, without_blue: frozenset[Tier] = frozenset()
    ) -> None:
        self._calendar, self._has_blue, self._without = calendar, has_blue, without_blue
        self._waiting: dict[tuple[str, Tier], dict[float, Period]] = {}

    def add(self, period: Period) -> Iterator[Batch]:
        """The batches that `period` completes; probes are batches of their own.

        A source that has no datapoint where there was no request has few of blue's while blue has little
        traffic. Once a later one of blue's is there, green's periods before it are batches without blue,
        since green was counted. The other way round nothing is known of green, and the period is left out.
        """
        calendar = self._calendar
        step = calendar.step_of(period)
        if step is None:
            return
        green, blue = (period, None) if period.arm is Color.GREEN else (None, period)
        if not period.probes and self._controlled(step, period.tier):
            waiting = self._waiting.setdefault((period.source, period.tier), {})
            if blue is not None:
                yield from self._without_blue(waiting, blue)
            other = waiting.get(period.start)
            if other is None or other.arm is period.arm:
                waiting[period.start] = period
                return
            del waiting[period.start]
            green, blue = (period, other) if green else (other, period)
            if abs(green.seconds - blue.seconds) > _EPSILON:
                return
        if green or period.probes:
            yield self._batch(green, blue, step)

    def _controlled(self, step: int, tier: Tier) -> bool:
        return self._has_blue and tier not in self._without and self._calendar.steps[step].percent < FULL

    def _batch(self, green: Period | None, blue: Period | None, step: int) -> Batch:
        calendar, period = self._calendar, green or blue
        assert period is not None
        inside, current = calendar.inside(period, step), step == calendar.current
        return Batch(
            green, blue, calendar.window(period, step), inside, self._controlled(step, period.tier), current,
            calendar.steps[step].percent,
        )  # fmt: skip

    def _without_blue(self, waiting: dict[float, Period], blue: Period) -> Iterator[Batch]:
        """The batches of green's periods in which blue had no request."""
        alone = [
            one
            for start, one in waiting.items()
            if one.arm is Color.GREEN and start < blue.start - _EPSILON and _same_grid(one, blue)
        ]
        for green in sorted(alone, key=lambda one: one.start):
            del waiting[green.start]
            step = self._calendar.step_of(green)
            if step is not None and self._controlled(step, green.tier) and self._may_have_none(green, step):
                nothing = Period(
                    source=blue.source, tier=blue.tier, arm=Color.BLUE, start=green.start,
                    seconds=green.seconds, requests=0, errors=0, counts_errors=blue.counts_errors,
                )  # fmt: skip
                yield self._batch(green, nothing, step)

    def _may_have_none(self, green: Period, step: int) -> bool:
        """Whether blue had no request by chance, or its counts are lost."""
        percent = self._calendar.steps[step].percent
        return green.requests * (FULL - percent) / percent <= _BY_CHANCE

    def apart(self, source: str, tier: Tier) -> float | None:
        """Seconds between the arms where their periods never begin at the same moments.

        Periods of one grid that never meet are no fault of the source: there were few requests.
        """
        waiting = [
            one
            for one in self._waiting.get((source, tier), {}).values()
            if one.requests and one.start >= self._calendar.begun
        ]
        arms = [sorted((one for one in waiting if one.arm is arm), key=_start) for arm in Color]
        if min(map(len, arms)) < _APART:
            return None
        ours, theirs = arms
        last = ours[-1]
        if any(_same_grid(last, one) for one in theirs):
            return None
        return min(abs(one.start - last.start) for one in theirs)


def _start(period: Period) -> float:
    return period.start


def _same_grid(one: Period, other: Period) -> bool:
    """Whether their starts are a whole number of periods apart."""
    if abs(one.seconds - other.seconds) > _EPSILON:
        return False
    beyond = abs(one.start - other.start) % one.seconds
    return min(beyond, one.seconds - beyond) <= _EPSILON


def pair(periods: Sequence[Period], calendar: Calendar, *, has_blue: bool) -> Iterator[Batch]:
    """Every batch, at the moment its last arm arrived."""
    pairing = Pairing(calendar, has_blue=has_blue)
    for period in periods:
        yield from pairing.add(period)
