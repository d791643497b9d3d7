"""Measured periods as curves of few points: an hour of seconds becomes a few hundred stretches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from bluegreen.contract import Tier
from bluegreen.domain import journal
from bluegreen.domain.journal import Entry
from bluegreen.domain.measurement import Metric, Period
from bluegreen.domain.plan import Step
from bluegreen.domain.release import Color
from bluegreen.ui.figures import finest, mean_p95
from bluegreen.ui.report.facts import Curve, Limit, Point, Share

_POINTS = 240
"""As many a curve: more than one a pixel of a phone shows nothing new."""


def curves(entries: Iterable[Entry]) -> tuple[Curve, ...]:
    """The traffic of each fleet, of the source that counts it in the shortest periods."""
    periods = {
        (p.stream, p.start): p
        for entry in entries
        if isinstance(entry.event, journal.Measured)
        for p in entry.event.periods
        if not p.key and p.counts_errors and not p.faults()
    }
    fleets: defaultdict[tuple[Tier, Color], list[Period]] = defaultdict(list)
    for period in periods.values():
        fleets[period.tier, period.arm].append(period)
    if not fleets:
        return ()
    began = min(p.start for found in fleets.values() for p in found)
    ended = max(p.end for found in fleets.values() for p in found)
    width = max(1.0, (ended - began) / _POINTS)
    ordered = sorted(fleets.items(), key=lambda item: (list(Tier).index(item[0][0]), item[0][1]))
    return tuple(
        Curve(tier=tier, fleet=arm, points=_points(finest(found), began, width))
        for (tier, arm), found in ordered
    )


def _points(periods: Iterable[Period], began: float, width: float) -> tuple[Point, ...]:
    stretches: defaultdict[int, list[Period]] = defaultdict(list)
    for period in periods:
        stretches[int((period.start - began) / width)].append(period)
    return tuple(_point(stretches[index]) for index in sorted(stretches))


def _point(periods: Sequence[Period]) -> Point:
    p95_ms = mean_p95(periods)
    began, ended = min(p.start for p in periods), max(p.end for p in periods)
    return Point(
        at=(began + ended) / 2,
        seconds=sum(p.seconds for p in periods),
        requests=sum(p.requests for p in periods),
        errors=sum(p.errors for p in periods),
        p95_ms=None if p95_ms is None else round(p95_ms, 2),
    )


def shares(entries: Iterable[Entry]) -> tuple[Share, ...]:
    """Each change of green's share, by sc-deploy or by the watchdog."""
    found: list[Share] = []
    for entry in entries:
        match entry.event:
            case journal.StepDone(step=Step(tier=Tier() as tier), result=journal.WeightsSet() as result):
                changed = {tier: result.green_percent}
            case journal.RunResumed(shares=seen):
                changed = dict(seen)
            case journal.Warned(returned=returned):
                changed = dict.fromkeys(returned, 0)
            case _:
                continue
        found += [Share(tier=tier, at=entry.at, percent=percent) for tier, percent in changed.items()]
    return tuple(found)


def limits(entries: Iterable[Entry]) -> tuple[Limit, ...]:
    """What green was held against at each verdict; a limit that stays is said once."""
    last: dict[tuple[Tier, Metric], float] = {}
    found: list[Limit] = []
    for entry in entries:
        if not isinstance(entry.event, journal.VerdictGiven):
            continue
        for one in entry.event.verdict.findings:
            row, key = one.row, (one.tier, one.metric)
            if row is None or one.metric not in (Metric.ERRORS, Metric.LATENCY):
                continue
            if row.relative and not row.blue:
                continue
            value = round(row.blue * (1 + row.limit) if row.relative and row.blue else row.limit, 4)
            if last.get(key) != value:
                last[key] = value
                found.append(Limit(tier=one.tier, metric=one.metric, at=entry.at, value=value))
    return tuple(found)
