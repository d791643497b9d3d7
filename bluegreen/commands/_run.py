"""A long command: run it, show it, stop it at a safe point when asked, end with its exit code."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from bluegreen.commands import _connect, _terminal
from bluegreen.commands._keyboard import Requests, typing_into
from bluegreen.commands._options import Settings
from bluegreen.errors import CloudUnavailable, DeployError, ExitCode

if TYPE_CHECKING:
    from types import FrameType

    from bluegreen.commands._connect import Subscriber
    from bluegreen.domain.journal import Entry, Header
    from bluegreen.domain.reports import Result
    from bluegreen.engine.deployer import Deployer
    from bluegreen.ports import Journal
    from bluegreen.ui.timeline import Timeline

_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
_SIGNAL_SECONDS = 0.25
"""A signal is answered within this time."""
_PAGING_SECONDS = 10.0
"""A command waits this long for the pages of its end; what is late then is told, and not waited for."""


_EARLIER = 3
"""Deployments whose pace is looked up for the time left."""


class _Follower:
    """Knows at any time what the deployment does, for the answer to a second Ctrl-C."""

    def __init__(self) -> None:
        self.timeline: Timeline | None = None

    def __call__(self, header: Header, entry: Entry) -> None:
        from bluegreen.ui.timeline_fold import tell

        self.timeline = tell(self.timeline, header, entry)

    def number(self) -> int | None:
        """The deployment that runs; None before its first entry."""
        return self.timeline.number if self.timeline else None

    def words(self) -> str:
        """The stage that must be finished first."""
        stage = self.timeline.current if self.timeline else None
        return stage.title if stage else "the current step"


@contextlib.contextmanager
def stopping(
    interrupt: Callable[[], None],
    note: Callable[[str], None],
    doing: Callable[[], str],
    *,
    words: str = "stopping at the next safe point",
) -> Iterator[None]:
    """Within it the first signal calls `interrupt`, and every further one says what is being finished."""
    asked = 0

    def handle(number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked += 1
        name = signal.Signals(number).name
        if asked == 1:
            note(f"{name}: {words}")
            interrupt()
        else:
            note(f"{name}: still finishing: {doing()}; killing this process now would leave it half-finished")

    before = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def usual_seconds(journal: Journal) -> Mapping[str, float]:
    """Seconds that each stage took in the last promotions that went as planned."""
    from bluegreen.domain.journal import SCHEMA, Ending
    from bluegreen.ui.time_left import usual

    good = [
        one
        for one in journal.history()
        if one.ending is Ending.RELEASED and one.intent == "promotion" and one.schema == SCHEMA
    ]
    return usual((one, journal.entries(one.number)) for one in good[:_EARLIER])


class LongCommand:
    """An opened stack with a display: plan and ask first, then `go`."""

    def __init__(
        self,
        settings: Settings,
        *,
        listeners: Sequence[Subscriber] = (),
        reports: Sequence[Path] | None = None,
    ) -> None:
        self._reports = tuple(reports or ())
        self._view = _terminal.view_for(settings, acts=True)
        self._follower = _Follower()
        self.stack = _connect.open_stack(settings, (self._follower, self._view, *listeners))

    def note(self, words: str) -> None:
        """Say something beside the timeline."""
        self._view.note(words)

    def recall(self, header: Header) -> None:
        """Let the display know what a deployment did before this process took part.

        A journal that cannot be read is the engine's to report, a moment later.
        """
        from bluegreen.ui.timeline_fold import told

        with contextlib.suppress(DeployError):
            timeline = told(header, self.stack.ports.journal.entries(header.number))
            self._follower.timeline = timeline
            self._view.recall(timeline)

    def go(self, action: Callable[[Deployer], Result]) -> NoReturn:
        """Run `action`, show it, and end the process with the exit code of its result."""
        raise typer.Exit(int(self.complete(action).exit_code))

    def complete(self, action: Callable[[Deployer], Result]) -> Result:
        """Run `action` and show it.

        The action has a thread of its own: Python runs signal handlers in the main thread, which
        therefore never holds a lock that `interrupt` needs.
        """
        view, deployer = self._view, self.stack.deployer
        signalled = stopping(deployer.interrupt, view.note, self._follower.words)
        # Beside it: a rollback does not wait until the journals of earlier deployments are read.
        self.stack.ports.aside(lambda: view.usual(partial(usual_seconds, self.stack.ports.journal)))
        asked = Requests(self.stack.ports, number=self._follower.number, owner=_connect.operator(), view=view)
        with view, signalled, typing_into(view, asked), ThreadPoolExecutor(1) as pool:
            future = pool.submit(action, deployer)
            # A wait without end would not notice a signal that another thread received.
            while wait((future,), timeout=_SIGNAL_SECONDS).not_done:
                continue
            try:
                result = future.result()
                view.close(result)
            except CloudUnavailable as error:
                # Even where the last call was a read: what this command began to do is not finished.
                error.exit_code = ExitCode.HALTED
                raise
            finally:
                view.__exit__()  # what is said from here on must stay on the terminal
                self._report()
                for one in self.stack.ports.pager.flush(_PAGING_SECONDS):
                    view.note(f"not everybody was told: {one.channel}: {one.failure}")
        return result

    def _report(self) -> None:
        """Write the reports that were asked for; what cannot be written ends no run differently."""
        timeline = self._follower.timeline
        if timeline is None:
            return
        from bluegreen.commands._report import write_report

        for path in self._reports:
            try:
                write_report(self.stack.ports.journal, timeline.number, path)
            except DeployError as error:
                self._view.note(f"no report: {error.what}")
            else:
                _terminal.say(f"report: {path.absolute()}")
