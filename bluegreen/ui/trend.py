"""Errors and p95 of each fleet since the first weight, for lines of a few signs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil
from statistics import median

from bluegreen.contract import Tier
from bluegreen.domain.measurement import Period
from bluegreen.domain.release import Color

_MOST = 240
"""Points of a stream; more are merged in pairs, so that a day costs no more than an hour."""
_ERRORS_SCALE = 0.01
"""Errors are drawn against this share at least: noise is no mountain."""

Stream = tuple[str, Tier, Color]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What one fleet did in some seconds."""

    start: float
    end: float
    requests: int
    error_rate: float | None
    """The worst in these seconds; None where nobody asked for anything."""
    p95_ms: float | None
    """As well."""


Trend = Mapping[Stream, tuple[Point, ...]]


def grown(trend: Trend, fresh: Iterable[Period]) -> Trend:
    """`trend` with the requests of these periods; one that is counted again replaces what it was."""
    streams = {stream: {point.start: point for point in points} for stream, points in trend.items()}
    changed: set[Stream] = set()
    for period in fresh:
        if period.key or not period.counts_errors or period.faults():
            continue
        stream = (period.source, period.tier, period.arm)
        points = streams.setdefault(stream, {})
        if any(one.start < period.start < one.end for one in points.values()):
            continue  # a late revision of what was merged
        changed.add(stream)
        points[period.start] = Point(
            start=period.start,
            end=period.end,
            requests=period.requests,
            error_rate=period.errors / period.requests if period.requests else None,
            p95_ms=period.p95_ms,
        )
    return {**trend, **{stream: _merged(streams[stream].values()) for stream in changed}}


def _merged(found: Iterable[Point]) -> tuple[Point, ...]:
    points = sorted(found, key=lambda one: one.start)
    while len(points) > _MOST:
        pairs = [points[at : at + 2] for at in range(0, len(points) - 1, 2)]
        odd = points[-1:] if len(points) % 2 else []
        points = [*(_pair(*pair) for pair in pairs), *odd]
    return tuple(points)


def _pair(left: Point, right: Point) -> Point:
    return Point(
        start=left.start,
        end=right.end,
        requests=left.requests + right.requests,
        error_rate=_larger(left.error_rate, right.error_rate),
        p95_ms=_larger(left.p95_ms, right.p95_ms),
    )


def _larger(left: float | None, right: float | None) -> float | None:
    return max((one for one in (left, right) if one is not None), default=None)


def _finest(trend: Trend, tier: Tier, arm: Color) -> tuple[Point, ...]:
    """Of several sources that count the same requests, the one with the shortest periods, as `figures`."""
    found = [
        (points[-1].end - points[-1].start, stream[0], points)
        for stream, points in trend.items()
        if stream[1:] == (tier, arm) and points
    ]
    return min(found, default=(0.0, "", ()), key=lambda one: one[:2])[2]


def sparks(trend: Trend, tier: Tier, arm: Color, *, width: int, levels: str) -> tuple[str, str]:
    """The lines of errors and p95, `width` signs each, oldest first; empty where nothing was measured.

    Both fleets of a tier share a scale and a span of time, so that they can be compared by eye.
    """
    arms = {one: _finest(trend, tier, one) for one in Color}
    every = [point for points in arms.values() for point in points]
    if not arms[arm] or width < 1:
        return "", ""
    span = min(one.start for one in every), max(one.end for one in every)
    errors = [one.error_rate or 0.0 for one in every]
    # A steady p95 is half as high as one that has doubled.
    steady = median([one.p95_ms for one in arms[Color.BLUE] if one.p95_ms] or [0.5])
    slow = [2 * steady, *(one.p95_ms or 0.0 for one in every)]
    of_errors = _worst([(one, one.error_rate) for one in arms[arm]], span, width)
    of_p95 = _worst([(one, one.p95_ms) for one in arms[arm]], span, width)
    return _drawn(of_errors, max(_ERRORS_SCALE, *errors), levels), _drawn(of_p95, max(slow), levels)


def _worst(
    values: Iterable[tuple[Point, float | None]], span: tuple[float, float], width: int
) -> list[float | None]:
    """The worst value in each of `width` stretches of the span; None where there was none."""
    first, length = span[0], max(span[1] - span[0], 1e-9)
    cells: list[float | None] = [None] * width
    for point, value in values:
        begin = min(width - 1, int((point.start - first) / length * width))
        end = ceil((point.end - first) / length * width - 1e-6)
        for cell in range(begin, max(begin + 1, min(width, end))):
            if value is not None:
                cells[cell] = max(value, cells[cell] or 0.0)
    return cells


def _drawn(cells: Iterable[float | None], top: float, levels: str) -> str:
    steps = len(levels) - 1
    return "".join(" " if one is None else levels[min(steps, round(one / top * steps))] for one in cells)
