"""What is released, in which conditions, and what must come of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import inf

__all__ = ["CASES", "CONDITIONS", "Case", "Must"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Must:
    """How often a condition may end how, in percent."""

    promoted_at_least: float = 0.0
    promoted_at_most: float = 100.0
    rolled_back_at_least: float = 0.0
    rolled_back_at_most: float = 100.0
    seconds: float = inf
    """Median until it is rolled back, at most."""


GOOD = Must(promoted_at_least=99.0, rolled_back_at_most=0.5)
BAD = Must(rolled_back_at_least=99.0, promoted_at_most=0.5)
NOT_ROLLED_BACK = Must(rolled_back_at_most=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A kind of release in a kind of world; times are seconds since the first weight."""

    name: str
    bad: bool = False
    errors: float | None = None
    latency: float = 1.0
    accuracy: float = 1.0
    begins: float = 0.0
    ends: float = inf
    rate: float = 500.0
    cold: float = 0.0
    """How much slower green is at first, fading with `cold_seconds`."""
    cold_seconds: float = 20.0
    labelled: bool = True
    """Whether a fifth of the AI answers is labelled."""
    burst: bool = False
    shared: tuple[float | None, float, float] = (None, 1.0, 1.0)
    """(errors of both fleets, latency factor of both, green's part of it above blue's)."""
    trend: float = 0.0
    """By how much both fleets become slower every minute."""
    usual_errors: float = 0.0008
    """Of both fleets."""
    cluster: int = 1
    """Requests that fail together."""
    wrong: float = 0.10
    """Of both fleets' answers."""
    fleet_noise: float = 0.02
    unsteady: float = 0.0
    q: float = 1.0
    """Blue's p95 of the last hour as a multiple of the true one."""
    p95s: tuple[float, ...] = (200.0,)
    """Blue's true p95 in ms, one of these by chance."""
    bounds: tuple[float, ...] = ()
    """Of the source's histogram in ms; none: the source counts what it is asked for."""
    tail: float = 0.0
    """Exponent of a Pareto tail instead of the lognormal one."""
    slow_kind: float = 0.0
    """Share of both fleets' requests that are of a kind that takes eight times as long."""
    stragglers: float = 0.0
    """Share of green's requests that take ten times as long."""
    median: float = 1.0
    """Factor on green's median, the p95 staying where it is."""
    full_latency: float = 1.0
    """Factor on everybody's latency from the moment green has all the traffic."""
    busy: float = 1.0
    """How much slower a fleet is with all the traffic than with none of it."""
    full_errors: float = 0.0
    """Share of errors from then on, in addition."""
    tick: float = 15.0
    planned: float = 300.0
    feeds: tuple[str, ...] = ("15 s",)
    must: Must = field(default_factory=Must)


BOTH = ("CW", "15 s")
CASES = (
    Case(name="good", feeds=BOTH),
    Case(name="good, cold start +60 %", cold=0.6, feeds=BOTH),
    Case(name="good, one 15 s burst of 20 % 5xx", burst=True, feeds=BOTH),
    Case(name="latency +15 %", latency=1.15, feeds=BOTH),
    Case(name="accuracy -5 %", accuracy=0.95, feeds=BOTH),
    Case(name="shared errors 3 %", shared=(0.03, 1.0, 1.0), feeds=BOTH),
    Case(name="shared latency +60 %", shared=(None, 1.6, 1.0), feeds=BOTH),
    Case(name="shared, uneven (2 / 2.6 %, +60 / +72 %)", shared=(0.02, 1.6, 1.3), feeds=BOTH),
    Case(name="good at 5 req/s", rate=5.0, labelled=False, feeds=BOTH),
    Case(name="errors 1.2 %", bad=True, errors=0.012, feeds=BOTH),
    Case(name="errors 2 %", bad=True, errors=0.02, feeds=BOTH),
    Case(name="errors 5 %", bad=True, errors=0.05, feeds=BOTH),
    Case(name="errors 30 %", bad=True, errors=0.30, feeds=BOTH),
    Case(name="latency +35 %", bad=True, latency=1.35, feeds=BOTH),
    Case(name="latency +60 %", bad=True, latency=1.6, feeds=BOTH),
    Case(name="latency +200 %", bad=True, latency=3.0, feeds=BOTH),
    Case(name="accuracy -12 %", bad=True, accuracy=0.88, feeds=BOTH),
    Case(name="accuracy -25 %", bad=True, accuracy=0.75, feeds=BOTH),
    Case(name="errors 5 % from minute 8", bad=True, errors=0.05, begins=480.0, feeds=BOTH),
)
"""The benchmark of the first design, on both feeds and beside the peers."""

_OTEL = (
    5.0,
    10.0,
    25.0,
    50.0,
    75.0,
    100.0,
    250.0,
    500.0,
    750.0,
    1_000.0,
    2_500.0,
    5_000.0,
    7_500.0,
    10_000.0,
)
_GO = tuple(ms for ms in _OTEL if ms not in {75.0, 750.0, 7_500.0})
LAYOUTS = {
    "client default (Go)": _GO,
    "OTel default": _OTEL,
    "powers of two": tuple(float(2**power) for power in range(15)),
    "x1.25": tuple(round(1.25**power, 2) for power in range(1, 45)),
}
_P95S = (40.0, 60.0, 90.0, 130.0, 200.0, 280.0, 400.0)
_DEMO = Case(
    name="good, demo on a cold machine",
    tick=1.0,
    planned=10.0,
    rate=200.0,
    labelled=False,
    p95s=(8.0,),
    q=20.0,
    feeds=("1 s",),
    must=GOOD,
)

CONDITIONS = (
    *[Case(name=f"good, last hour's p95 x{q:g}", q=q, must=GOOD) for q in (0.3, 0.5, 2.0, 4.0, 10.0)],
    *[
        Case(name=f"latency +{by} %, last hour's p95 x{q:g}", bad=True, latency=1 + by / 100, q=q, must=BAD)
        for by in (35, 60)
        for q in (2.0, 4.0)
    ],
    _DEMO,
    replace(_DEMO, name="latency x12 in the demo", bad=True, latency=12.0, must=BAD),
    *[
        Case(name=f"good, {words}, p95 40-400 ms", bounds=bounds, p95s=_P95S, must=GOOD)
        for words, bounds in LAYOUTS.items()
    ],
    *[
        Case(
            name=f"latency +60 %, {words}, p95 40-400 ms",
            bad=True,
            latency=1.6,
            bounds=bounds,
            p95s=_P95S,
            must=BAD,
        )
        for words, bounds in LAYOUTS.items()
    ],
    Case(
        name="good at 20 req/s, both 0.4 % errors", rate=20.0, labelled=False, usual_errors=0.004, must=GOOD
    ),
    Case(name="good at 5 req/s", rate=5.0, labelled=False, must=GOOD),
    Case(
        name="good at 1 req/s",
        rate=1.0,
        labelled=False,
        must=Must(promoted_at_least=50.0, rolled_back_at_most=0.5),
    ),
    # A minute without a request has no datapoint: the arms meet in few of them.
    Case(
        name="good at 1 req/s by CloudWatch",
        rate=1.0,
        labelled=False,
        feeds=("CW",),
        must=Must(promoted_at_least=40.0, rolled_back_at_most=0.5),
    ),
    Case(
        name="errors 3 % at 1 req/s by CloudWatch",
        bad=True,
        rate=1.0,
        labelled=False,
        errors=0.03,
        feeds=("CW",),
        must=Must(promoted_at_most=2.0),
    ),
    Case(name="errors 1.2 % at 20 req/s", bad=True, rate=20.0, labelled=False, errors=0.012, must=BAD),
    Case(
        name="errors 1.2 % at 5 req/s",
        bad=True,
        rate=5.0,
        labelled=False,
        errors=0.012,
        must=Must(rolled_back_at_least=80.0, promoted_at_most=2.0),
    ),
    Case(
        name="errors 3 % at 1 req/s",
        bad=True,
        rate=1.0,
        labelled=False,
        errors=0.03,
        must=Must(promoted_at_most=2.0),
    ),
    Case(name="latency +60 % at 20 req/s", bad=True, rate=20.0, labelled=False, latency=1.6, must=BAD),
    Case(
        name="latency +60 % at 5 req/s",
        bad=True,
        rate=5.0,
        labelled=False,
        latency=1.6,
        must=Must(promoted_at_most=2.0),
    ),
    Case(name="cold caches +100 %, 120 s", cold=1.0, cold_seconds=120.0, must=Must(rolled_back_at_most=2.0)),
    Case(
        name="errors 0.4 % in clusters of 10",
        usual_errors=0.004,
        cluster=10,
        must=Must(rolled_back_at_most=4.0),
    ),
    Case(
        name="fleets differ by 5 %, latency +10 %",
        latency=1.1,
        fleet_noise=0.05,
        must=Must(rolled_back_at_most=2.0),
    ),
    Case(name="shared trend +2 %/min", trend=0.02, must=NOT_ROLLED_BACK),
    Case(name="shared trend -2 %/min", trend=-0.02, must=NOT_ROLLED_BACK),
    Case(name="latency +35 %, shared trend +2 %/min", bad=True, latency=1.35, trend=0.02, must=BAD),
    Case(name="1.5 % of requests ten times slower", bad=True, stragglers=0.015, must=BAD),
    Case(name="good, one request in twenty of a slow kind", slow_kind=0.05, must=GOOD),
    Case(
        name="latency +35 %, one in twenty of a slow kind", bad=True, slow_kind=0.05, latency=1.35, must=BAD
    ),
    Case(name="median +60 %, p95 the same", bad=True, median=1.6, must=BAD),
    Case(name="Pareto 1.5, good", tail=1.5, must=GOOD),
    Case(
        name="Pareto 1.5, latency +35 %",
        bad=True,
        tail=1.5,
        latency=1.35,
        must=Must(rolled_back_at_least=80.0, promoted_at_most=0.5),
    ),
    Case(name="good, a full fleet is half as slow again", busy=1.5, must=GOOD),
    Case(
        name="latency +35 %, a full fleet is half as slow again", bad=True, latency=1.35, busy=1.5, must=BAD
    ),
    Case(name="latency +35 %, shared trend -2 %/min", bad=True, latency=1.35, trend=-0.02, must=BAD),
    Case(name="at 100 %: everybody +40 %", full_latency=1.4, must=NOT_ROLLED_BACK),
    Case(name="at 100 %: errors 2 %", bad=True, full_errors=0.02, must=BAD),
    Case(name="at 100 %: latency x4", bad=True, full_latency=4.0, must=BAD),
    Case(name="at 100 %: latency x4, last hour's p95 x0.3", bad=True, full_latency=4.0, q=0.3, must=BAD),
    Case(
        name="both fleets at 50 % wrong answers",
        wrong=0.5,
        must=Must(promoted_at_most=0.5, rolled_back_at_most=0.5),
    ),
)
"""Conditions beyond it, each with what must come of it."""
