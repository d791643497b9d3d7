"""The report as one HTML file: no script, no network, light and dark, for a phone and for paper.

Jinja escapes all that is filled in. The policy in the file's head forbids the browser everything but its
own style.
"""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from bluegreen.domain.verdict import Finding
from bluegreen.ui.format import clock_utc, count, duration, ending_words, iso
from bluegreen.ui.report import plots as geometry
from bluegreen.ui.report.facts import Report
from bluegreen.ui.verdict_rows import cells, check_value


def html(report: Report) -> str:
    """The whole file."""
    return (
        _environment()
        .get_template("report.html")
        .render(report=report, plots=geometry.plots(report), good=report.good, slowest=_slowest(report))
    )


def _slowest(report: Report) -> float:
    """Seconds that fill the bars of the stages."""
    seconds = [value for stage in report.stages for value in (stage.seconds or 0.0, stage.planned_seconds)]
    return max([1.0, *seconds])


def _when(at: float) -> str:
    return iso(at).replace("T", " ")[:19]


def _rows(findings: tuple[Finding, ...]) -> list[Finding]:
    return [one for one in findings if one.row is not None]


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("bluegreen.ui.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "cells": cells,
        "check_value": check_value,
        "clock": clock_utc,
        "count": count,
        "duration": duration,
        "rows": _rows,
        "when": _when,
    }
    made.globals |= {
        "ending_words": ending_words,
        "left": geometry.LEFT,
        "right": geometry.WIDTH - geometry.RIGHT,
        "width": geometry.WIDTH,
    }
    return made
