"""What people are told of a run while it happens (M10): a subscriber of its journal."""

from __future__ import annotations

from bluegreen.domain.journal import (
    Ending,
    Entry,
    Event,
    Header,
    RunEnded,
    RunHalted,
    RunInterrupted,
    RunResumed,
    RunStarted,
    RunStopped,
    VerdictGiven,
    Warned,
)
from bluegreen.domain.page import Page
from bluegreen.errors import ExitCode
from bluegreen.ports import Pager


class Notices:
    """Sends a page for each event that people want to know of. One for the runs of one process."""

    def __init__(self, pager: Pager) -> None:
        self._pager = pager
        self._held = False

    def __call__(self, header: Header, entry: Entry) -> None:
        event = entry.event
        if isinstance(event, VerdictGiven):
            held, self._held = self._held, event.verdict.hold
            if held or not event.verdict.hold:
                return  # it is told once, when it begins
        page = page_of(header, event)
        if page is not None:
            self._pager.send(page)


def page_of(header: Header, event: Event) -> Page | None:
    """What `event` tells people; None for what only the log is for."""
    what = f"[{header.stack} #{header.number}] {header.version or header.intent}"
    page: Page | None = None
    match event:
        case RunStarted():
            why = f": {event.plan.reason}" if event.plan.reason else ""
            page = Page(subject=f"{what}: started", text=f"{header.intent} by {event.operator}{why}")
        case RunResumed():
            page = Page(subject=f"{what}: resumed", text=f"{header.intent} resumed by {event.operator}")
        case VerdictGiven():
            page = Page(subject=f"{what}: held at {event.percent} %", text=event.verdict.reason)
        case Warned() if event.returned:
            fell_back = f"{what}: fell back to the previous release"
            page = Page(subject=fell_back, text=event.words, critical=True)
        case RunHalted():
            page = Page(subject=f"{what}: halted, a human is needed", text=_told(event), critical=True)
        case RunInterrupted():
            page = Page(subject=f"{what}: interrupted", text=_told(event))
        case RunEnded():
            # A rollback that nobody asked for is something to look at; one that was is what they wanted.
            failed = event.exit_code == ExitCode.ROLLED_BACK
            good = event.ending in (Ending.RELEASED, Ending.ROLLED_BACK) and not failed
            ended = f"{what}: {event.ending}"
            page = Page(subject=ended, text=_told(event), critical=failed, resolves=good)
    return page


def _told(event: RunStopped) -> str:
    lines = [event.words, "Traffic now:", *event.traffic]
    return "\n".join([*lines, f"Next: {event.next}"] if event.next else lines)
