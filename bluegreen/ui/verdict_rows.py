"""The verdict in figures, a row per tier and metric: the same on the live screen and in plain lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bluegreen.domain.measurement import Metric
from bluegreen.domain.verdict import CheckFinding, Finding, Outcome, Row
from bluegreen.ui.format import share

_NAMES = {Metric.ERRORS: "errors", Metric.LATENCY: "p95", Metric.ACCURACY: "right"}
_WIDE = 100
"""Columns from which on the bars have ten signs; else they have four."""


def verdict_rows(findings: Sequence[Finding], width: int = _WIDE) -> Iterator[tuple[str, bool]]:
    """The text of each row, and whether it shows a breach; findings without figures have none."""
    for one in findings:
        row = one.row
        if row is not None:
            breach = (
                "  ROLLED BACK" if one.outcome is Outcome.FAIL else "  over the limit" if row.over else ""
            )
            bars = _bars(row, 10 if width >= _WIDE else 4)
            yield f"{one.tier:<4}{_NAMES[one.metric]:<7}{_figures(row)}{bars}{breach}", bool(breach)


def check_rows(checks: Sequence[CheckFinding]) -> Iterator[tuple[str, bool]]:
    """A row for each own check, and for each watched alarm that fires; and whether it shows a breach."""
    for one in checks:
        if not one.limit:
            if one.breach:
                yield f"{one.words}  {_does(one)}", True
            continue
        value = "no data" if one.value is None else f"{one.value:.4g}"
        blue = "" if one.blue is None else f" blue {one.blue:.4g}"
        does = f"  {_does(one)}" if one.breach or one.outcome is not Outcome.PASS else ""
        yield f"{one.name:<28} {value:>8}{blue} (limit {one.limit}){does}", one.breach


def _does(one: CheckFinding) -> str:
    words = {Outcome.FAIL: "ROLLED BACK", Outcome.INCONCLUSIVE: "ON HOLD"}
    return words.get(one.outcome, "over the limit")


def _figures(row: Row) -> str:
    green, blue, difference = _value(row.green, row.unit), _value(row.blue, row.unit), row.difference
    # Nobody needs to know that 0.1 % is twice 0.05 %: errors have an absolute limit.
    change = _change(difference) if row.relative and difference is not None else ""
    limit = _change(row.limit) if row.relative else share(row.limit)
    return f"green {green:>7} blue {blue:>7} {change:>6} {f'(limit {limit})':<15}"


def _value(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    return f"{value:.0f} ms" if unit == "ms" else share(value)


def _change(part: float) -> str:
    return f"{100 * part:+.0f} %"


def _bars(row: Row, width: int) -> str:
    return " ".join(
        f"{name} {'#' * round(part * width):-<{width}}"
        for name, part in (("pass", row.to_pass), ("fail", row.to_fail))
    )
