"""The one gate between a metric source and the judge.

What is broken is named and kept out, what is repeated is counted once, what was revised later is reported
but not replayed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

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


_CLOCK_SKEW = 5.0
"""Seconds by which a source's clock may be ahead of ours."""


def settle(periods: Sequence[Period], *, now: float = math.inf) -> Settled:
    """Separate what may be judged from what may not.

    The first report of a period counts. A later one with other counts is a revision: it is reported, not
    replayed, so the same journal gives the same verdict at any time. A revision that shrinks, a period
    that overlaps another of its stream (a clock jumped, or the period length changed), one that ends
    after `now` and counts that cannot be true are broken.
    """
    accepted: list[Period] = []
    broken: list[Rejected] = []
    notes: list[Rejected] = []
    streams: dict[tuple[str, Tier, Color, str], _Stream] = {}
    for period in periods:
        faults = period.faults()
        if not faults and period.end > now + _CLOCK_SKEW:
            ahead = period.end - now
            faults = [Fault(period.name, f"ends {ahead:.0f} s in the future: clock or unit changed")]
        if faults:
            broken.append(Rejected(period=period, faults=tuple(faults), position=len(accepted)))
            continue
        stream = streams.setdefault(period.stream, _Stream({}))
        problem, usable, harmful = stream.place(period)
        if problem:
            entry = Rejected(period=period, faults=(Fault(period.name, problem),), position=len(accepted))
            (broken if harmful else notes).append(entry)
        if usable:
            accepted.append(period)
    return Settled(periods=tuple(accepted), broken=tuple(broken), notes=tuple(notes))


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
