"""The story as plain lines with the time of day, for pipes, log files and CI."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bluegreen.domain.journal import Entry, EntryKind, Header
from bluegreen.domain.measurement import Arm
from bluegreen.ui.figures import figures
from bluegreen.ui.screen import title
from bluegreen.ui.story import Story
from bluegreen.ui.telling import tell
from bluegreen.ui.words import clock, duration, ending_words, rate, share

__all__ = ["Lines", "traffic_lines"]

_QUIET_SECONDS = 15.0
"""A verdict that only repeats itself is printed this often."""


class Lines:
    """Turns entries into lines; remembers what was said so that nothing is said twice in a row."""

    def __init__(self) -> None:
        self.story: Story | None = None
        self._said: dict[str, str] = {}
        self._verdict: tuple[object, ...] = ()
        self._verdict_at = float("-inf")

    def of(self, header: Header, entry: Entry) -> list[str]:
        """The lines of one entry; none for what a person need not read."""
        before = self.story
        self.story = tell(before, header, entry)
        if before is not None and self.story is before:
            return []
        said = list(_TEXT.get(entry.kind, _nothing)(self, self.story, entry))
        if before is None or before.number != header.number:
            said = [_opening(self.story), *said]
        return [f"{clock(entry.at)} {line}" for line in said]

    def _step(self, _story: Story, entry: Entry) -> Iterable[str]:
        words = str(entry.data.get("words", ""))
        if not words or self._said.get(entry.step) == words:
            return
        self._said[entry.step] = words
        failed = "FAILED: " if entry.kind is EntryKind.STEP_FAILED else ""
        yield f"    {_tier(entry.data)}{failed}{words}"

    def _stage(self, story: Story, entry: Entry) -> Iterable[str]:
        stage = story.current
        if stage is not None:
            number, total = entry.data.get("index"), entry.data.get("count")
            place = f"[{number}/{total}] " if number and total else ""
            back = "back: " if stage.back else ""
            yield f"{place}{back}{stage.title} (about {duration(stage.expected_seconds)})"

    def _judged(self, story: Story, entry: Entry) -> Iterable[str]:
        verdict = story.verdict
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
        yield from (f"    {line}" for line in traffic_lines(story))


def _opening(story: Story) -> str:
    reason = f", because: {story.reason}" if story.reason else ""
    return f"{title(story)}, by {story.operator}, about {duration(story.expected_seconds)}{reason}"


def traffic_lines(story: Story) -> list[str]:
    """One line per tier with the recent traffic of both colors; empty where nothing was measured."""
    lines = []
    for tier in story.tiers:
        parts = []
        for arm in (Arm.BLUE, Arm.GREEN):
            found = figures(story.periods, tier.tier, arm)
            if found:
                p95 = "" if found.p95_ms is None else f", p95 {found.p95_ms:.0f} ms"
                parts.append(f"{arm} {rate(found.rate)} req/s, errors {share(found.error_rate)}{p95}")
        if parts:
            lines.append(f"{tier.tier}: {'; '.join(parts)}")
    return lines


def _tier(data: Mapping[str, Any]) -> str:
    return f"{data['tier']}: " if data.get("tier") else ""


def _nothing(_lines: Lines, _story: Story, _entry: Entry) -> Iterable[str]:
    return ()


def _ended(_lines: Lines, story: Story, _entry: Entry) -> Iterable[str]:
    yield ending_words(story.ending, story.words)
    yield from (f"    traffic: {line}" for line in story.traffic)
    if story.next_step:
        yield f"    next: {story.next_step}"


_TEXT: Mapping[EntryKind, Callable[[Lines, Story, Entry], Iterable[str]]] = {
    EntryKind.RUN_RESUMED: lambda _l, story, _e: [f"resumed by {story.operator}"],
    EntryKind.STAGE_STARTED: Lines._stage,  # noqa: SLF001  (the table of this class's own methods)
    EntryKind.STEP_PROGRESS: Lines._step,  # noqa: SLF001  (as above)
    EntryKind.STEP_DONE: Lines._step,  # noqa: SLF001  (as above)
    EntryKind.STEP_FAILED: Lines._step,  # noqa: SLF001  (as above)
    EntryKind.VERDICT: Lines._judged,  # noqa: SLF001  (as above)
    EntryKind.DECIDED: lambda _l, story, _e: [f"decided: {story.decision}"],
    EntryKind.WARNING: lambda _l, story, _e: [f"warning: {story.warnings[-1].words}"],
    EntryKind.INTERRUPTED: _ended,
    EntryKind.HALTED: _ended,
    EntryKind.RUN_ENDED: _ended,
}
