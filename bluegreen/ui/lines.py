"""The timeline as plain lines with the time of day, for pipes, log files and CI."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bluegreen.domain import journal
from bluegreen.domain.journal import Entry, Header
from bluegreen.domain.plan import Step
from bluegreen.domain.release import Color
from bluegreen.text import folded
from bluegreen.ui.figures import figures
from bluegreen.ui.format import clock, duration, ending_label, ending_words, rate, share
from bluegreen.ui.screen import title
from bluegreen.ui.timeline import Timeline
from bluegreen.ui.timeline_fold import tell
from bluegreen.ui.verdict_rows import check_rows, verdict_rows

QUIET_SECONDS = 15.0
"""A verdict that only repeats itself is printed this often."""


class Lines:
    """Turns entries into lines; remembers what was said so that nothing is said twice in a row."""

    def __init__(self, *, at: Callable[[float], str] = clock, quiet: float = QUIET_SECONDS) -> None:
        """`at` writes the time of day; a verdict that only repeats itself is told every `quiet` seconds."""
        self._at, self._quiet = at, quiet
        self.timeline: Timeline | None = None
        self._said: dict[Step, str] = {}
        self._verdict: tuple[object, ...] = ()
        self._verdict_at = float("-inf")

    def of(self, header: Header, entry: Entry) -> list[str]:
        """The lines of one entry; none for what a person need not read."""
        before = self.timeline
        self.timeline = tell(before, header, entry)
        if before is not None and self.timeline is before:
            return []
        said = list(self._told(self.timeline, entry))
        if before is None or before.number != header.number:
            said = [_opening(self.timeline), *said]
        return [f"{self._at(entry.at)} {line}" for words in said for line in folded(words).split("\n")]

    def _told(self, timeline: Timeline, entry: Entry) -> Iterable[str]:
        match entry.event:
            case journal.RunResumed():
                said: Iterable[str] = [f"resumed by {timeline.operator}"]
            case journal.StageStarted() as event:
                said = _stage(timeline, event)
            case journal.StepEvent() as event:
                said = self._step(event)
            case journal.VerdictGiven():
                said = self._judged(timeline, entry.at)
            case journal.Decided():
                said = [f"decided: {timeline.decision}"]
            case (
                journal.Accepted()
                | journal.CheckAccepted()
                | journal.Attested()
                | journal.Continued() as event
            ):
                said = [event.words]
            case journal.Held() as event:
                said = [self._held(event)]
            case journal.HoldOverdue(words=words) | journal.Warned(words=words):
                said = [f"warning: {words}"]
            case journal.RunStopped():
                said = _ended(timeline)
            case _:
                said = ()
        return said

    def _held(self, event: journal.Held) -> str:
        then = "it is rolled back" if event.rolls_back else "people are paged"
        return f"{event.words}; no further step begins; at {self._at(event.until)} {then}"

    def _step(self, event: journal.StepEvent) -> Iterable[str]:
        if (
            isinstance(event, journal.StepStarted)
            or not event.words
            or self._said.get(event.step) == event.words
        ):
            return
        self._said[event.step] = event.words
        tier = f"{event.step.tier}: " if event.step.tier else ""
        failed = "FAILED: " if isinstance(event, journal.StepFailed) else ""
        yield f"    {tier}{failed}{event.words}"
        if isinstance(event, journal.StepFailed):
            yield from (f"      - {fault}" for fault in event.faults)

    def _judged(self, timeline: Timeline, now: float) -> Iterable[str]:
        verdict = timeline.verdict
        if verdict is None:
            return
        key = (verdict.percent, verdict.outcome, verdict.hold, verdict.ask, verdict.next)
        if key == self._verdict and now - self._verdict_at < self._quiet:
            return
        self._verdict, self._verdict_at = key, now
        at = "" if verdict.percent is None else f" at {verdict.percent} %"
        hold = " (holding)" if verdict.hold else " (your decision is needed)" if verdict.ask else ""
        then = f"; next: {verdict.next}" if verdict.next else ""
        when = f" at {self._at(verdict.next_at)}" if verdict.next_at and verdict.next_at > now else ""
        yield f"    verdict{at}: {verdict.outcome}{hold}: {verdict.reason}{then}{when}"
        yield from (f"    {line}" for line in traffic_lines(timeline))
        yield from (f"    {row}" for row, _ in verdict_rows(verdict.findings))
        yield from (f"    {row}" for row, _ in check_rows(verdict.checks))


def _stage(timeline: Timeline, event: journal.StageStarted) -> Iterable[str]:
    stage = timeline.current
    if stage is not None:
        back = "rollback: " if stage.back else ""
        yield f"[{event.index}/{event.count}] {back}{stage.title} (about {duration(stage.expected_seconds)})"


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


def _ended(timeline: Timeline) -> Iterable[str]:
    yield ending_words(ending_label(timeline.intent, timeline.ending), timeline.words)
    yield from (f"    traffic: {line}" for line in timeline.traffic)
    if timeline.next_step:
        yield f"    next: {timeline.next_step}"
