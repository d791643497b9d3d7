"""What the usual traffic can detect at each ramp step: the smallest regression, and how fast."""

from __future__ import annotations

from math import isfinite
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from bluegreen.domain.forecast import Forecast, MetricPower, Outlook, StepPower
from bluegreen.domain.measurement import Metric
from bluegreen.ui.format import duration, percent, rate
from bluegreen.ui.tables.grid import field, grid

_HEADING = "What the usual traffic can detect: regressions of at least this size, half of them sooner, within"
_COLUMNS = ("tier", "green", "requests/s", "errors", "latency", "accuracy", "within", "passes in")


def outlook_view(outlook: Outlook) -> RenderableType:
    """A row for each tier and step, and the warnings below it."""
    parts: list[RenderableType] = []
    if outlook.forecasts:
        table = grid(*_COLUMNS, right=_COLUMNS[1:])
        for forecast in outlook.forecasts:
            for step in forecast.steps:
                table.add_row(forecast.usual.tier, *_cells(step), style="yellow" if step.thin else "")
        parts += [Text(f"{_HEADING} the time shown (from blue's last hour)", style="dim"), table]
    parts += [field("warning", words, "yellow") for words in outlook.warnings]
    return Group(*parts)


def _cells(step: StepPower) -> list[str]:
    smallest = [_smallest(step.of(metric)) for metric in (Metric.ERRORS, Metric.LATENCY, Metric.ACCURACY)]
    passes = duration(step.seconds_to_pass) if isfinite(step.seconds_to_pass) else "never"
    return [percent(step.percent), rate(step.requests_per_second), *smallest, duration(step.seconds), passes]


def _smallest(power: MetricPower | None) -> str:
    if power is None:
        return "—"
    if power.smallest is None:
        return "none"
    if power.metric is Metric.ERRORS:
        return f"{100 * power.smallest:.1f} %"
    if power.metric is Metric.LATENCY:
        return f"+{100 * (power.smallest - 1):.0f} %"
    return f"-{100 * power.smallest:.0f} %"


def outlook_document(outlook: Outlook) -> dict[str, Any]:
    """The outlook for `--output json`; times that never come are null."""
    return {
        "power": [_tier(forecast) for forecast in outlook.forecasts],
        "warnings": list(outlook.warnings),
    }


def _tier(forecast: Forecast) -> dict[str, Any]:
    usual = forecast.usual
    return {
        "tier": str(usual.tier),
        "requests_per_second": usual.requests_per_second,
        "error_rate": usual.error_rate,
        "labels_per_second": usual.labels_per_second,
        "accuracy": usual.accuracy if usual.labels_per_second else None,
        "steps": [
            {
                "percent": step.percent,
                "green_requests_per_second": step.requests_per_second,
                "seconds": step.seconds,
                "too_little_traffic": step.thin,
                "metrics": {str(power.metric): _metric(power) for power in step.metrics},
            }
            for step in forecast.steps
        ],
    }


def _metric(power: MetricPower) -> dict[str, float | None]:
    """`smallest`: an error rate, a multiple of blue's latency, a relative fall of accuracy."""
    times = {"seconds_at_limit": power.seconds_at_limit, "seconds_to_pass": power.seconds_to_pass}
    return {
        "smallest": power.smallest,
        **{name: value if isfinite(value) else None for name, value in times.items()},
    }
