"""What is compared with what: green and blue periods of one source, tier and time, in order of arrival."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from math import ceil
from typing import NamedTuple

from bluegreen.contract import Tier
from bluegreen.domain.measurement import Period
from bluegreen.domain.release import Color
from bluegreen.judge.eprocess import Window
from bluegreen.judge.settings import StepMark
from bluegreen.judge.tail import HALF_LIFE
from bluegreen.policy import Judging

_EPSILON = 1e-6


class Batch(NamedTuple):
    """One stretch of time, both arms where there is a control."""

    position: int
    """How many periods had arrived when the batch was complete."""
    green: Period | None
    blue: Period | None
    window: Window
    inside: bool
    """Wholly inside one ramp step: such batches may count for a pass."""
    controlled: bool
    """Blue served part of the same traffic."""

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


class Calendar:
    """The ramp steps so far: which step and which burst window a period belongs to."""

    def __init__(self, steps: Sequence[StepMark], limits: Judging) -> None:
        self.steps = tuple(steps)
        # A deployer's clock may jump back between two steps: the later step begins no sooner.
        self._starts = list(accumulate((step.started_at for step in steps), max))
        self.current, self.begun = len(self.steps) - 1, self._starts[-1]
        """Index of the step that is judged now, and when it began (epoch seconds)."""
        self._lengths = [min(limits.burst, step.planned_seconds / 20) for step in steps]
        planned = steps[0].planned_seconds
        self._longest = 12 * planned
        # 45 s of a five-minute step; a laboratory's steps of seconds warm up in proportion.
        self.half_life = min(HALF_LIFE, 2 * planned)
        """Seconds after which blue's counts weigh half as much for its usual latency."""
        self.warm_from = self._starts[0] + min(limits.cold_start, 0.15 * planned)

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
        return max(8, ceil(self._longest / length))


def pair(periods: Sequence[Period], calendar: Calendar, *, has_blue: bool) -> Iterator[Batch]:
    """Every batch, at the moment its last arm arrived.

    Requests and labels wait for the other arm while blue has traffic; probes are batches of their own.
    """
    waiting: dict[tuple[str, Tier, float], Period] = {}
    for position, period in enumerate(periods, start=1):
        step = calendar.step_of(period)
        if step is None:
            continue
        controlled = has_blue and calendar.steps[step].percent < 100
        green, blue = (period, None) if period.arm is Color.GREEN else (None, period)
        if not period.probes and controlled:
            place = (period.source, period.tier, period.start)
            other = waiting.get(place)
            if other is None or other.arm is period.arm:
                waiting[place] = period
                continue
            del waiting[place]
            green, blue = (period, other) if green else (other, period)
            if abs(green.seconds - blue.seconds) > _EPSILON:
                continue
        if green or period.probes:
            window = calendar.window(period, step)
            yield Batch(position, green, blue, window, calendar.inside(period, step), controlled)
