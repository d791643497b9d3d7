"""What the usual traffic can detect at each ramp step: the smallest regression, and how fast."""

from __future__ import annotations

from math import isfinite
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from bluegreen.domain.forecast import MetricForecast, ReleaseForecast, StepForecast, TierForecast
from bluegreen.domain.measurement import Metric
from bluegreen.ui.format import duration, percent, rate
from bluegreen.ui.tables.grid import field, grid

_HEADING = "What the usual traffic can detect: regressions of at least this size, half of them sooner, within"
_COLUMNS = ("tier", "green", "requests/s", "errors", "latency", "accuracy", "within", "passes in")


def forecast_view(forecast: ReleaseForecast) -> RenderableType:
    """A row for each tier and step, and the warnings below it."""
    parts: list[RenderableType] = []
    if forecast.tiers:
        table = grid(*_COLUMNS, right=_COLUMNS[1:])
        for tier in forecast.tiers:
            for step in tier.steps:
                table.add_row(tier.traffic.tier, *_cells(step), style="yellow" if step.thin else "")
        parts += [Text(f"{_HEADING} the time shown (from blue's last hour)", style="dim"), table]
    parts += [field("warning", words, "yellow") for words in forecast.warnings]
    return Group(*parts)


def _cells(step: StepForecast) -> list[str]:
    smallest = [_smallest(step.of(metric)) for metric in (Metric.ERRORS, Metric.LATENCY, Metric.ACCURACY)]
    passes = duration(step.seconds_to_pass) if isfinite(step.seconds_to_pass) else "never"
    return [percent(step.percent), rate(step.requests_per_second), *smallest, duration(step.seconds), passes]


def _smallest(found: MetricForecast | None) -> str:
    if found is None:
        return "—"
    if found.smallest is None:
        return "none"
    if found.metric is Metric.ERRORS:
        return f"{100 * found.smallest:.1f} %"
    if found.metric is Metric.LATENCY:
        return f"+{100 * (found.smallest - 1):.0f} %"
    return f"-{100 * found.smallest:.0f} %"


def forecast_document(forecast: ReleaseForecast) -> dict[str, Any]:
    """The forecast for `--output json`; times that never come are null."""
    return {"forecast": [_tier(tier) for tier in forecast.tiers], "warnings": list(forecast.warnings)}


def _tier(tier: TierForecast) -> dict[str, Any]:
    traffic = tier.traffic
    return {
        "tier": str(traffic.tier),
        "requests_per_second": traffic.requests_per_second,
        "error_rate": traffic.error_rate,
        "labels_per_second": traffic.labels_per_second,
        "accuracy": traffic.accuracy if traffic.labels_per_second else None,
        "steps": [
            {
                "percent": step.percent,
                "green_requests_per_second": step.requests_per_second,
                "seconds": step.seconds,
                "too_little_traffic": step.thin,
                "metrics": {str(one.metric): _metric(one) for one in step.metrics},
            }
            for step in tier.steps
        ],
    }


def _metric(found: MetricForecast) -> dict[str, float | None]:
    """`smallest`: an error rate, a multiple of blue's latency, a relative fall of accuracy."""
    times = {"seconds_at_limit": found.seconds_at_limit, "seconds_to_pass": found.seconds_to_pass}
    return {
        "smallest": found.smallest,
        **{name: value if isfinite(value) else None for name, value in times.items()},
    }
