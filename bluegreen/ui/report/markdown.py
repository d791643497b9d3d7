"""The report for a pull request or the summary of a CI job: what matters on one page.

Everything that comes from outside is escaped: a reason must not become a heading, a link or a mention.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from bluegreen.domain.checklist import ItemOutcome
from bluegreen.text import one_line
from bluegreen.ui.format import clock_utc, count, duration, ending_words
from bluegreen.ui.report.facts import Report, VerdictFacts
from bluegreen.ui.verdict_rows import cells, check_value

_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+!|~$&-])")
_SIGNS = {True: "✅", False: "❌", None: "⏳"}


def markdown(report: Report) -> str:
    """The whole text."""
    return "\n".join(_lines(report)).rstrip() + "\n"


def escaped(words: object) -> str:
    """`words` as plain text on one line: no markup, no HTML, no mention of a person or an issue."""
    line = _SPECIAL.sub(r"\\\1", one_line(str(words)))
    return line.replace("@", "@&#8203;").replace("://", ":&#8203;//")


def _lines(report: Report) -> Iterator[str]:
    versions = " → ".join(filter(None, (", ".join(report.from_versions), report.version)))
    what = f"{report.stack} \\#{report.deployment}: {report.intent}"
    yield f"## {_SIGNS[report.good]} {what} {escaped(versions)}, {report.ending}"
    yield ""
    yield escaped(ending_words(report.ending, report.words))
    yield ""
    yield "| | |"
    yield "| --- | --- |"
    took = duration(report.seconds) + ("" if report.ended else " so far")
    for name, words in (
        ("By", ", then ".join(report.operators)),
        ("Because", report.reason or "no reason was given"),
        ("Took", f"{took}, from {clock_utc(report.began)} UTC"),
        *(("Traffic", words) for words in report.traffic),
        ("Next", report.next_step),
    ):
        if words:
            yield f"| {name} | {escaped(words)} |"
    yield ""
    yield "### What to look at"
    yield ""
    yield from [f"* {escaped(words)}" for words in report.look_at] or ["Nothing: it went as planned."]
    yield ""
    yield from _verdicts(report.verdicts)
    yield from _checklist(report)
    yield from _versions(report)
    yield from _durations(report)


def _verdicts(verdicts: Sequence[VerdictFacts]) -> Iterator[str]:
    """The last verdict of each share: the others are in the HTML."""
    last = {verdict.stage: verdict for verdict in verdicts}
    if not last:
        return
    yield "### Verdicts"
    yield ""
    yield from _table("share", "check", "green", "blue", "diff", "limit", "verdict")
    for verdict in last.values():
        at, said = f"{verdict.percent} %", escaped(verdict.words)
        rows = [one for one in verdict.findings if one.row is not None]
        if not rows and not verdict.checks:
            yield _row(at, escaped(verdict.reason), "", "", "", "", said)
        for one in rows:
            found = cells(one)
            figures = (found.green, found.blue, found.change, found.limit)
            result = f"**{found.breach}**" if found.breach else str(one.outcome)
            yield _row(at, f"{one.tier} {found.name}", *map(escaped, figures), result)
        for check in verdict.checks:
            blue = "" if check.blue is None else f"{check.blue:.4g}"
            result = "**breach**" if check.breach else str(check.outcome)
            figures = (check_value(check), blue, "", check.limit)
            yield _row(at, escaped(check.name), *map(escaped, figures), result)
    yield ""


def _checklist(report: Report) -> Iterator[str]:
    """Each phase's items that need somebody, and how many hold."""
    if not report.checklist:
        return
    holding = sum(one.outcome is ItemOutcome.HOLDS for one in report.checklist)
    yield f"<details><summary>Checklists: {holding} of {len(report.checklist)} items hold</summary>"
    yield ""
    yield from _table("phase", "item", "state", "evidence")
    for one in report.checklist:
        told = ": ".join(filter(None, (one.by, one.evidence)))
        yield _row(str(one.phase), *map(escaped, (one.item, one.outcome, told)))
    yield ""
    yield "</details>"
    yield ""


def _versions(report: Report) -> Iterator[str]:
    if not report.tiers:
        return
    yield "<details><summary>Versions</summary>"
    yield ""
    yield from _table("tier", "from", "to", "digest", "model")
    for tier in report.tiers:
        new = tier.green
        digest = new.image.digest[:19] if new and new.image else ""
        model = new.model.version if new and new.model else ""
        ends = (tier.blue.version if tier.blue else "nothing", new.version if new else "nothing")
        yield _row(str(tier.tier), *map(escaped, (*ends, digest, model)))
    yield ""
    yield "</details>"
    yield ""


def _durations(report: Report) -> Iterator[str]:
    if not report.stages:
        return
    yield f"<details><summary>{count(len(report.stages))} stages</summary>"
    yield ""
    yield from _table("stage", "took", "planned")
    for stage in report.stages:
        took = (
            "not begun"
            if stage.seconds is None
            else duration(stage.seconds) + (" (late)" if stage.late else "")
        )
        title = f"{'rollback: ' if stage.rollback else ''}{stage.title}"
        yield _row(escaped(title), took, duration(stage.planned_seconds))
    yield ""
    yield "</details>"


def _table(*names: str) -> Iterable[str]:
    return _row(*names), _row(*("---" for _ in names))


def _row(*cells_of: str) -> str:
    return f"| {' | '.join(cells_of)} |"
