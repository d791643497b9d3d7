"""What somebody should look at the morning after, in the order of how much it matters."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from bluegreen.domain.journal import Ending
from bluegreen.domain.verdict import Outcome
from bluegreen.ui.format import clock_utc, duration
from bluegreen.ui.report.facts import Report
from bluegreen.ui.verdict_rows import row_words

_MOST, _LONGEST = 20, 240


def look_at(report: Report) -> tuple[str, ...]:
    """One sentence a thing, each once; empty where all went as planned."""
    found = tuple(dict.fromkeys(_all(report)))
    more = len(found) - _MOST
    return (*found[:_MOST], f"and {more} more: the log below has them") if more > 0 else found


def _all(report: Report) -> Iterator[str]:
    if report.ending in (Ending.RUNNING, Ending.INTERRUPTED, Ending.HALTED):
        yield f"It is not over: {_short(report.words or report.ending)}"
    for check in report.checks:
        # A failed look of the judge is told by its verdict, which has the figures.
        if not check.ok and not any(check.words == verdict.reason for verdict in report.verdicts):
            yield _short(f"{_on(check.tier)}{check.check} failed: {check.words}")
            yield from check.faults
    for command in report.commands:
        if command.ok is False:
            yield _short(f"{_on(command.tier)}the {command.command} failed: {' '.join(command.output[-3:])}")
    yield from _of_verdicts(report)
    yield from report.warnings
    if len(report.operators) > 1:
        yield f"It changed hands: {', '.join(report.operators)}"
    for stage in report.stages:
        if stage.late and stage.seconds is not None:
            took, planned = duration(stage.seconds), duration(stage.planned_seconds)
            yield f"{stage.title} took {took}, planned were {planned}"


def _of_verdicts(report: Report) -> Iterator[str]:
    failed = {verdict.stage for verdict in report.verdicts if verdict.outcome is Outcome.FAIL}
    for verdict in report.verdicts:
        at = f"at {verdict.percent} %"
        if verdict.outcome is Outcome.FAIL:
            yield _short(f"{clock_utc(verdict.since)} failed {at}: {verdict.reason}")
        elif verdict.hold or verdict.ask or verdict.outcome is Outcome.ERROR:
            lasted = duration(verdict.until - verdict.since)
            yield _short(f"{clock_utc(verdict.since)} {verdict.words} {at} for {lasted}: {verdict.reason}")
        for finding in verdict.findings if verdict.stage not in failed else ():
            if finding.row is not None and finding.row.over:
                yield f"{at} {finding.tier} {row_words(finding)}, over the limit, without enough evidence"
        for check in verdict.checks:
            if check.breach:
                yield f"{at} {check.words}"


def _short(words: str) -> str:
    """A reason can be long; the verdicts and the log have all of it."""
    return textwrap.shorten(words, _LONGEST, placeholder=" ...")


def _on(tier: str | None) -> str:
    return f"{tier}: " if tier else ""
