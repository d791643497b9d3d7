"""The timeline as plain lines with the time of day, for pipes, log files and CI."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bluegreen.domain.journal import Entry, EntryKind, Header
from bluegreen.domain.release import Color
from bluegreen.ui.figures import figures
from bluegreen.ui.format import clock, duration, ending_words, rate, share
from bluegreen.ui.screen import title
from bluegreen.ui.timeline import Timeline
from bluegreen.ui.timeline_fold import tell

_QUIET_SECONDS = 15.0
"""A verdict that only repeats itself is printed this often."""


class Lines:
    """Turns entries into lines; remembers what was said so that nothing is said twice in a row."""

    def __init__(self) -> None:
        self.timeline: Timeline | None = None
        self._said: dict[str, str] = {}
        self._verdict: tuple[object, ...] = ()
        self._verdict_at = float("-inf")

    def of(self, header: Header, entry: Entry) -> list[str]:
        """The lines of one entry; none for what a person need not read."""
        before = self.timeline
        self.timeline = tell(before, header, entry)
        if before is not None and self.timeline is before:
            return []
        said = list(_TEXT.get(entry.kind, _nothing)(self, self.timeline, entry))
        if before is None or before.number != header.number:
            said = [_opening(self.timeline), *said]
        return [f"{clock(entry.at)} {line}" for line in said]

    def _step(self, _story: Timeline, entry: Entry) -> Iterable[str]:
        words = str(entry.data.get("words", ""))
        if not words or self._said.get(entry.step) == words:
            return
        self._said[entry.step] = words
        failed = "FAILED: " if entry.kind is EntryKind.STEP_FAILED else ""
        yield f"    {_tier(entry.data)}{failed}{words}"

    def _stage(self, timeline: Timeline, entry: Entry) -> Iterable[str]:
        stage = timeline.current
        if stage is not None:
            number, total = entry.data.get("index"), entry.data.get("count")
            place = f"[{number}/{total}] " if number and total else ""
            back = "rollback: " if stage.back else ""
            yield f"{place}{back}{stage.title} (about {duration(stage.expected_seconds)})"

    def _judged(self, timeline: Timeline, entry: Entry) -> Iterable[str]:
        verdict = timeline.verdict
        if verdict is None:
            return
        key = (verdict.percent, verdict.outcome, verdict.hold, verdict.ask, verdict.next)
        if key == self._verdict and entry.at - self._verdict_at < _QUIET_SECONDS:
            return
        self._verdict, self._verdict_at = key, entry.at
        at = "" if verdict.percent is None else f" at {verdict.percent} %"
        hold = " (holding)" if verdict.hold else " (your decision is needed)" if verdict.ask else ""
        then = f"; next: {verdict.next}" if verdict.next else ""
        when = f" at {clock(verdict.next_at)}" if verdict.next_at and verdict.next_at > entry.at else ""
        yield f"    verdict{at}: {verdict.outcome}{hold}: {verdict.reason}{then}{when}"
        yield from (f"    {line}" for line in traffic_lines(timeline))


def _opening(timeline: Timeline) -> str:
    reason = f", because: {timeline.reason}" if timeline.reason else ""
    return f"{title(timeline)}, by {timeline.operator}, about {duration(timeline.expected_seconds)}{reason}"


def traffic_lines(timeline: Timeline) -> list[str]:
    """One line per tier with the recent traffic of both colors; empty where nothing was measured."""
    lines = []
    for tier in timeline.tiers:
        parts = []
        for arm in (Color.BLUE, Color.GREEN):
            found = figures(timeline.periods, tier.tier, arm)
            if found:
                p95 = "" if found.p95_ms is None else f", p95 {found.p95_ms:.0f} ms"
                parts.append(f"{arm} {rate(found.rate)} req/s, errors {share(found.error_rate)}{p95}")
        if parts:
            lines.append(f"{tier.tier}: {'; '.join(parts)}")
    return lines


def _tier(data: Mapping[str, Any]) -> str:
    return f"{data['tier']}: " if data.get("tier") else ""


def _nothing(_lines: Lines, _story: Timeline, _entry: Entry) -> Iterable[str]:
    return ()


def _ended(_lines: Lines, timeline: Timeline, _entry: Entry) -> Iterable[str]:
    yield ending_words(timeline.ending, timeline.words)
    yield from (f"    traffic: {line}" for line in timeline.traffic)
    if timeline.next_step:
        yield f"    next: {timeline.next_step}"


_TEXT: Mapping[EntryKind, Callable[[Lines, Timeline, Entry], Iterable[str]]] = {
    EntryKind.RUN_RESUMED: lambda _l, timeline, _e: [f"resumed by {timeline.operator}"],
    EntryKind.STAGE_STARTED: Lines._stage,  # noqa: SLF001  (the table of this class's own methods)
    EntryKind.STEP_PROGRESS: Lines._step,  # noqa: SLF001  (as above)
    EntryKind.STEP_DONE: Lines._step,  # noqa: SLF001  (as above)
    EntryKind.STEP_FAILED: Lines._step,  # noqa: SLF001  (as above)
    EntryKind.VERDICT: Lines._judged,  # noqa: SLF001  (as above)
    EntryKind.DECIDED: lambda _l, timeline, _e: [f"decided: {timeline.decision}"],
    EntryKind.WARNING: lambda _l, timeline, _e: [f"warning: {timeline.warnings[-1].words}"],
    EntryKind.INTERRUPTED: _ended,
    EntryKind.HALTED: _ended,
    EntryKind.RUN_ENDED: _ended,
}
