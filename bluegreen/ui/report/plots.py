"""The curves of one tier as SVG geometry; `templates/report.html` draws it.

Four panels over one time axis: green's share, requests a second, errors and p95. What a color says, a
dash or a word says too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from bluegreen.contract import Tier
from bluegreen.domain.measurement import Metric
from bluegreen.ui.format import clock_utc
from bluegreen.ui.report.facts import Curve, Point, Report

WIDTH, LEFT, RIGHT = 760, 58, 14
_TOP, _GAP, _SHARE, _PANEL, _AXIS = 18, 26, 40, 78, 20
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400)
_TICKS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A place on an axis and its words."""

    at: float
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One drawn line, and the tip that a browser shows over it."""

    kind: str
    path: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One figure over time; y in pixels from the top."""

    title: str
    top: float
    height: float
    ticks: tuple[Mark, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """All panels of a tier."""

    tier: Tier
    height: float
    times: tuple[Mark, ...]
    events: tuple[Mark, ...]
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """A tier and the time that is drawn of it."""

    tier: Tier
    began: float
    ended: float

    def x(self, at: float) -> float:
        """Pixels from the left."""
        scale = (WIDTH - LEFT - RIGHT) / (self.ended - self.began)
        return LEFT + (min(max(at, self.began), self.ended) - self.began) * scale


@dataclass(frozen=True, slots=True, kw_only=True)
class _Figure:
    """What one panel shows of each point."""

    title: str
    value: Callable[[Point], float | None]
    metric: Metric | None = None
    """Whose limit is drawn into it."""
    factor: float = 1.0
    """From a limit as it is judged to the unit of the axis."""


_FIGURES = (
    _Figure(title="requests a second", value=lambda point: point.rate),
    _Figure(
        title="errors, %",
        value=lambda point: None if point.error_rate is None else 100 * point.error_rate,
        metric=Metric.ERRORS,
        factor=100.0,
    ),
    _Figure(title="p95, ms", value=lambda point: point.p95_ms, metric=Metric.LATENCY),
)


def plots(report: Report) -> tuple[Plot, ...]:
    """One for each tier whose share was changed or that was measured."""
    known = {one.tier for one in report.curves} | {one.tier for one in report.shares}
    return tuple(_plot(report, tier) for tier in Tier if tier in known)


def _plot(report: Report, tier: Tier) -> Plot:
    began, ended = _span(report, [curve for curve in report.curves if curve.tier is tier])
    frame = _Frame(tier=tier, began=began, ended=ended)
    tops = [_TOP + _SHARE + _GAP + n * (_PANEL + _GAP) for n in range(len(_FIGURES))]
    panels = [_panel(report, figure, frame, top) for figure, top in zip(_FIGURES, tops, strict=True)]
    decided = (Mark(at=frame.x(report.decided), words="rollback decided"),) if report.decided else ()
    return Plot(
        tier=tier,
        height=tops[-1] + _PANEL + _AXIS,
        times=_times(frame),
        events=decided,
        panels=(_share_panel(report, frame), *panels),
    )


def _span(report: Report, curves: Iterable[Curve]) -> tuple[float, float]:
    """From the first to the last of what is drawn, with some time before the first share."""
    times = [p.at for curve in curves for p in curve.points]
    times += [share.at for share in report.shares]
    ended = max([*times, report.ended or 0.0])
    began = min(times) if times else ended
    return began - 0.03 * max(10.0, ended - began), max(ended, began + 10.0)


def _share_panel(report: Report, frame: _Frame) -> Panel:
    changes = [(share.at, float(share.percent)) for share in report.shares if share.tier is frame.tier]

    def y(percent: float) -> float:
        return round(_TOP + _SHARE * (1 - percent / 100), 1)

    path = _steps(changes, frame, y)
    words = ", ".join(f"{clock_utc(at)} {percent:.0f} %" for at, percent in changes)
    return Panel(
        title="green's share, %",
        top=_TOP,
        height=_SHARE,
        ticks=(Mark(at=y(0), words="0"), Mark(at=y(100), words="100")),
        lines=(Line(kind="green", path=path, words=f"green's share: {words}"),) if path else (),
    )


def _panel(report: Report, figure: _Figure, frame: _Frame, top: float) -> Panel:
    curves = {
        curve.fleet: [(p.at, found) for p in curve.points if (found := figure.value(p)) is not None]
        for curve in report.curves
        if curve.tier is frame.tier
    }
    limits = [
        (one.at, one.value * figure.factor)
        for one in report.limits
        if (one.tier, one.metric) == (frame.tier, figure.metric)
    ]
    values = [value for points in (*curves.values(), limits) for _, value in points]
    highest, step = _nice(max([*values, 0.0]))

    def y(value: float) -> float:
        return round(top + _PANEL * (1 - value / highest), 1)

    lines = [
        Line(
            kind=fleet,
            path=_joined([(frame.x(at), y(value)) for at, value in points]),
            words=f"{fleet}: {figure.title}",
        )
        for fleet, points in curves.items()
    ]
    if limits:
        words = f"limit for green: {limits[-1][1]:.4g}"
        lines.append(Line(kind="limit", path=_steps(limits, frame, y), words=words))
    ticks = [step * n for n in range(round(highest / step) + 1)]
    return Panel(
        title=figure.title,
        top=top,
        height=_PANEL,
        ticks=tuple(Mark(at=y(tick), words=f"{tick:g}") for tick in ticks),
        lines=tuple(line for line in lines if line.path),
    )


def _joined(points: Sequence[tuple[float, float]]) -> str:
    """One point is a short stroke: a path without length would be invisible."""
    if len(points) == 1:
        (x, y), *_ = points
        return f"M{x - 2:.1f},{y:g}h4"
    return "".join(f"{'L' if index else 'M'}{x:.1f},{y:g}" for index, (x, y) in enumerate(points))


def _steps(changes: Sequence[tuple[float, float]], frame: _Frame, y: Callable[[float], float]) -> str:
    """A line that stays until it changes."""
    if not changes:
        return ""
    (first, value), *rest = changes
    parts = [f"M{frame.x(first):.1f},{y(value):g}"]
    parts += [f"H{frame.x(at):.1f}V{y(value):g}" for at, value in rest]
    return "".join([*parts, f"H{frame.x(frame.ended):.1f}"])


def _nice(highest: float) -> tuple[float, float]:
    """The end of an axis that holds `highest`, and the step between its two to five ticks."""
    if highest <= 0:
        return 1.0, 0.5
    size = 10 ** floor(log10(highest))
    step = next(part * size for part in (0.2, 0.5, 1, 2, 5) if highest / (part * size) <= 4)
    return ceil(highest / step - 1e-9) * step, step


def _times(frame: _Frame) -> tuple[Mark, ...]:
    seconds = frame.ended - frame.began
    step = next((one for one in _STEPS if seconds / one <= _TICKS), _STEPS[-1])
    first = ceil(frame.began / step) * step
    moments = [first + n * step for n in range(int((frame.ended - first) // step) + 1)]
    return tuple(Mark(at=frame.x(at), words=_clock(at, step)) for at in moments)


def _clock(at: float, step: float) -> str:
    """Without seconds where the ticks are whole minutes apart."""
    return clock_utc(at).rpartition(":")[0] if step >= 60 else clock_utc(at)
