"""What people are told of a run while it happens (M10): a subscriber of its journal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import takewhile

from bluegreen.domain.journal import (
    Continued,
    Ending,
    Entry,
    Event,
    Header,
    Held,
    HoldOverdue,
    RunEnded,
    RunHalted,
    RunInterrupted,
    RunResumed,
    RunStarted,
    RunStopped,
    StepFailed,
    VerdictGiven,
    Warned,
)
from bluegreen.domain.page import Page
from bluegreen.errors import ExitCode
from bluegreen.ports import Pager

HOLD_NEXT = "`sc-deploy continue` lets it continue, `sc-deploy abort` rolls it back"


class Notices:
    """Sends a page for each event that people want to know of. One for the runs of one process."""

    def __init__(self, pager: Pager, earlier: Sequence[int] = ()) -> None:
        """`earlier`: the deployments of which something critical may be open until one ends well."""
        self._pager, self._earlier = pager, tuple(earlier)
        self._held: set[int] = set()
        """Green's shares at which the release was held: a hold that comes and goes is told once."""
        self._faults: dict[int, tuple[str, ...]] = {}
        """By deployment: all that the step which failed last has found wrong."""

    def __call__(self, header: Header, entry: Entry) -> None:
        event = entry.event
        if isinstance(event, VerdictGiven):
            if not event.verdict.hold or event.percent in self._held:
                return
            self._held.add(event.percent)
        if isinstance(event, StepFailed):
            self._faults[header.number] = event.faults
        page = page_of(header, event, self._earlier)
        if page is not None:
            self._pager.send(self._with_faults(page, event))

    def _with_faults(self, page: Page, event: Event) -> Page:
        """An ending names every fault that led to it: whoever is paged has no other place to read them."""
        faults = self._faults.get(page.deployment, ()) if isinstance(event, RunStopped) else ()
        if not faults:
            return page
        what, *rest = page.text.split("\n")
        return replace(page, text="\n".join([what, *(f"- {fault}" for fault in faults), *rest]))


def page_of(header: Header, event: Event, earlier: Sequence[int] = ()) -> Page | None:
    """What `event` tells people; None for what only the log is for."""
    page = _page_of(header, event)
    if page is None:
        return None
    over = tuple(sorted({*earlier, header.number})) if _good(event) else ()
    return replace(page, deployment=header.number, resolves=over)


def unresolved(history: Iterable[Header]) -> tuple[int, ...]:
    """The deployments since the last released one that may not have ended well; `history`: newest first."""
    since = takewhile(lambda one: one.ending is not Ending.RELEASED, history)
    harmless = (Ending.ABORTED, Ending.TORN_DOWN)
    return tuple(one.number for one in since if one.ending not in harmless)


def _good(event: Event) -> bool:
    """Whether all is well with the stack once this has happened."""
    good = (Ending.RELEASED, Ending.ROLLED_BACK)
    return isinstance(event, RunEnded) and event.ending in good and not _failed(event)


def _failed(event: RunEnded) -> bool:
    """A rollback that nobody asked for is something to look at; one that was is what they wanted."""
    return event.exit_code == ExitCode.ROLLED_BACK


def _page_of(header: Header, event: Event) -> Page | None:
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
        case Held() | HoldOverdue() | Continued():
            page = _hold_page(what, event)
        case RunHalted():
            page = _told(f"{what}: halted, a human is needed", event, critical=True)
        case RunInterrupted():
            page = _told(f"{what}: interrupted", event)
        case RunEnded():
            page = _told(f"{what}: {event.ending}", event, critical=_failed(event))
    return page


def _hold_page(what: str, event: Held | HoldOverdue | Continued) -> Page:
    match event:
        case Held():
            return Page(subject=f"{what}: put on hold", text=event.words, next_step=HOLD_NEXT)
        case HoldOverdue():
            subject = f"{what}: still on hold"
            return Page(subject=subject, text=event.words, critical=True, next_step=HOLD_NEXT)
        case Continued():
            return Page(subject=f"{what}: continued", text=event.words)


def _told(subject: str, event: RunStopped, *, critical: bool = False) -> Page:
    text = "\n".join([event.words, "Traffic now:", *event.traffic])
    return Page(subject=subject, text=text, next_step=event.next, critical=critical)
