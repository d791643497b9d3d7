"""The one gate between a metric source and the judge.

What is broken is named and kept out, what is repeated is counted once, what was revised later is reported
but not replayed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bluegreen.contract import Tier
from bluegreen.domain.measurement import Period
from bluegreen.domain.release import Color
from bluegreen.errors import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A period that was not used, and why."""

    period: Period
    faults: tuple[Fault, ...]
    position: int
    """How many periods had been accepted when it arrived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What a sequence of arrivals comes to."""

    periods: tuple[Period, ...]
    """Usable periods, each once, in order of arrival."""
    broken: tuple[Rejected, ...]
    """Periods that cannot be true: no evidence for a pass may reach across one."""
    notes: tuple[Rejected, ...]
    """Repeated, revised or reordered periods: harmless, for the log."""


class Arrival(NamedTuple):
    """What one period is good for."""

    usable: bool
    broken: Rejected | None = None
    note: Rejected | None = None


_CLOCK_SKEW = 5.0
"""Seconds by which a source's clock may be ahead of ours."""


class Settling:
    """Takes periods in order of arrival and tells what may be judged by.

    The first report of a period counts. A later one with other counts is a revision: it is reported, not
    replayed, so the same journal gives the same verdict at any time. A revision that shrinks, a period
    that overlaps another of its stream (a clock jumped, or the period length changed), one that ends
    after its arrival and counts that cannot be true are broken.
    """

    def __init__(self) -> None:
        self._streams: dict[tuple[str, Tier, Color, str], _Stream] = {}
        self._accepted = 0

    def take(self, period: Period, *, now: float = math.inf) -> Arrival:
        """What the period that arrives at `now` is good for."""
        faults = period.faults()
        if not faults and period.end > now + _CLOCK_SKEW:
            ahead = period.end - now
            faults = [Fault(period.name, f"ends {ahead:.0f} s in the future: clock or unit changed")]
        if faults:
            return Arrival(usable=False, broken=self._rejected(period, faults))
        stream = self._streams.setdefault(period.stream, _Stream({}))
        problem, usable, harmful = stream.place(period)
        rejected = self._rejected(period, [Fault(period.name, problem)]) if problem else None
        self._accepted += usable
        if harmful:
            return Arrival(usable=usable, broken=rejected)
        return Arrival(usable=usable, note=rejected)

    def _rejected(self, period: Period, faults: Sequence[Fault]) -> Rejected:
        return Rejected(period=period, faults=tuple(faults), position=self._accepted)


def settle(periods: Iterable[Period], *, now: float = math.inf) -> Settled:
    """Separate what may be judged from what may not, all of it having arrived by `now`."""
    gate = Settling()
    arrivals = [(period, gate.take(period, now=now)) for period in periods]
    return Settled(
        periods=tuple(period for period, one in arrivals if one.usable),
        broken=tuple(one.broken for _, one in arrivals if one.broken),
        notes=tuple(one.note for _, one in arrivals if one.note),
    )


@dataclass(slots=True)
class _Stream:
    """The periods of one stream by start, in the order of arrival."""

    seen: dict[float, Period]
    newest: Period | None = None

    def place(self, period: Period) -> tuple[str, bool, bool]:
        """(what is odd about the period, may it be used, does it break the evidence)."""
        known = self.seen.get(period.start)
        if known is not None and known.seconds == period.seconds:
            return _revision(known, period)
        if self.newest is None or period.start >= self.newest.end - 1e-6:
            self.seen[period.start] = self.newest = period
            return "", True, False
        if any(one.start < period.end - 1e-6 and period.start < one.end - 1e-6 for one in self.seen.values()):
            return f"overlaps another period of {period.seconds:g} s: clock or period changed", False, True
        self.seen[period.start] = period
        return f"arrived after a later one (at {self.newest.start:.10g})", True, False


def _over(period: Period, like: Period) -> tuple[int, ...]:
    """Requests over each threshold; none where the thresholds are not those of `like`."""
    same = [limit for limit, _ in period.slow] == [limit for limit, _ in like.slow]
    return tuple(count for _, count in period.slow) if same else ()


def _revision(known: Period, again: Period) -> tuple[str, bool, bool]:
    if known == again:
        return "repeated", False, False
    before, after = (
        (one.requests, one.errors, one.labels, one.wrong, one.probes, one.probes_failed, *_over(one, known))
        for one in (known, again)
    )
    shrinks = any(new < old for old, new in zip(before, after, strict=False))
    verb = "shrank" if shrinks else "was revised"
    text = f"{verb} from {known.errors} of {known.requests} to {again.errors} of {again.requests} requests"
    return text, False, shrinks
