"""Recent traffic of both colors from measured periods: what a person watches during a shift."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bluegreen.contract import Tier
from bluegreen.domain.measurement import Period
from bluegreen.domain.release import Color

_WINDOW_SECONDS = 30.0
_WINDOW_PERIODS = 3
"""Figures cover 30 s, or three periods where periods are longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Traffic of one fleet over the last periods."""

    seconds: float
    requests: int
    errors: int
    p95_ms: float | None
    """See `mean_p95`."""

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds if self.seconds else 0.0

    @property
    def error_rate(self) -> float:
        """Errors as a fraction of the requests."""
        return self.errors / self.requests if self.requests else 0.0


def recent(known: Iterable[Period], fresh: Iterable[Period]) -> tuple[Period, ...]:
    """The periods that `figures` still looks at after `fresh` have arrived; each once.

    Sources are late by seconds or by minutes: each has a window of its own. Probes are no traffic.
    """
    periods = {(p.stream, p.start): p for p in (*known, *fresh) if not p.key and not p.faults()}
    ends: dict[tuple[str, Tier], float] = {}
    for period in periods.values():
        feed = (period.source, period.tier)
        ends[feed] = max(period.end, ends.get(feed, 0.0))
    return tuple(p for p in periods.values() if p.end > ends[p.source, p.tier] - _window(p.seconds))


def finest(periods: Sequence[Period]) -> list[Period]:
    """Those of one source: of several that count the same requests, the one with the shortest periods."""
    source = min(((p.seconds, p.source) for p in periods), default=(0.0, ""))[1]
    return [p for p in periods if p.source == source]


def mean_p95(periods: Iterable[Period]) -> float | None:
    """In ms, weighted by requests: a figure to watch, not to judge by. None where none was measured."""
    timed = [(p.requests, p.p95_ms) for p in periods if p.p95_ms is not None and p.requests]
    weight = sum(requests for requests, _ in timed)
    return sum(requests * ms for requests, ms in timed) / weight if weight else None


def figures(periods: Iterable[Period], tier: Tier, arm: Color) -> Figures | None:
    """The traffic of one fleet; None where nothing was measured.

    Several sources may count the same requests: the one with the shortest periods is shown.
    """
    mine = finest([p for p in periods if p.tier == tier and p.arm == arm and p.counts_errors])
    if not mine:
        return None
    return Figures(
        seconds=max(p.end for p in mine) - min(p.start for p in mine),
        requests=sum(p.requests for p in mine),
        errors=sum(p.errors for p in mine),
        p95_ms=mean_p95(mine),
    )


def _window(period_seconds: float) -> float:
    return max(_WINDOW_SECONDS, _WINDOW_PERIODS * period_seconds)
