"""The verdict in figures, a row per tier and metric: on the live screen, in plain lines and in reports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bluegreen.domain.measurement import Metric
from bluegreen.domain.verdict import CheckFinding, Finding, Outcome, Row
from bluegreen.ui.format import share

_NAMES = {Metric.ERRORS: "errors", Metric.LATENCY: "p95", Metric.ACCURACY: "right"}
_FULL, _WIDE = 120, 100
"""Columns from which on bars have ten signs with a breach beside them, and without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """One finding's figures in words."""

    name: str
    green: str
    blue: str
    change: str
    """Empty where it would say nothing: an absolute limit needs none."""
    limit: str
    breach: str
    """What a breach does; empty where there is none. Color alone never says it."""


def cells(one: Finding) -> Cells:
    """The figures of a finding that has some."""
    row = one.row
    if row is None:
        raise ValueError(f"{one.metric} of {one.tier} has no figures")
    over = "over the limit" if row.over else ""
    difference = row.difference
    return Cells(
        name=_NAMES[one.metric],
        green=_value(row.green, row.unit),
        blue=_value(row.blue, row.unit),
        # Nobody needs to know that 0.1 % is twice 0.05 %: errors have an absolute limit.
        change=_change(difference) if row.relative and difference is not None else "",
        limit=_change(row.limit) if row.relative else share(row.limit),
        breach="ROLLED BACK" if one.outcome is Outcome.FAIL else over,
    )


def verdict_rows(findings: Sequence[Finding], width: int = _FULL) -> Iterator[tuple[str, bool]]:
    """The text of each row, and whether it shows a breach; findings without figures have none.

    A breach stands before the bars: what a narrow terminal cuts are these.
    """
    for one in findings:
        if one.row is not None:
            found = cells(one)
            breach = f"{found.breach}  " if found.breach else ""
            bars = _bars(one.row, _signs(width, breach=bool(breach)))
            yield f"{one.tier:<4}{found.name:<7}{_figures(found)}{breach}{bars}".rstrip(), bool(breach)


def _signs(width: int, *, breach: bool) -> int:
    """Of a bar; none where there is room for the breach alone."""
    if width >= _FULL:
        return 10
    if breach:
        return 4 if width >= _WIDE else 0
    return 10 if width >= _WIDE else 4


def row_words(one: Finding) -> str:
    """`errors green 2.11 % blue 0.02 % (limit 1.00 %)`: a row in running text."""
    found = cells(one)
    return " ".join(f"{found.name} {_figures(found)}".split())


def check_rows(checks: Sequence[CheckFinding]) -> Iterator[tuple[str, bool]]:
    """A row for each own check, and for each watched alarm that fires; and whether it shows a breach."""
    for one in checks:
        if not one.limit:
            if one.breach:
                yield f"{one.words}  {_does(one)}", True
            continue
        blue = "" if one.blue is None else f" blue {one.blue:.4g}"
        does = f"  {_does(one)}" if one.breach or one.outcome is not Outcome.PASS else ""
        yield f"{one.name:<28} {check_value(one):>8}{blue} (limit {one.limit}){does}", one.breach


def check_value(one: CheckFinding) -> str:
    """What an own check shows; an alarm has no value."""
    if one.value is None:
        return "no data" if one.limit else ""
    return f"{one.value:.4g}"


def _does(one: CheckFinding) -> str:
    words = {Outcome.FAIL: "ROLLED BACK", Outcome.INCONCLUSIVE: "ON HOLD"}
    return words.get(one.outcome, "over the limit")


def _figures(found: Cells) -> str:
    return f"green {found.green:>7} blue {found.blue:>7} {found.change:>6} {f'(limit {found.limit})':<15}"


def _value(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    return f"{value:.0f} ms" if unit == "ms" else share(value)


def _change(part: float) -> str:
    return f"{100 * part:+.0f} %"


def _bars(row: Row, width: int) -> str:
    if not width:
        return ""
    return " ".join(
        f"{name} {'#' * round(part * width):-<{width}}"
        for name, part in (("pass", row.to_pass), ("fail", row.to_fail))
    )
