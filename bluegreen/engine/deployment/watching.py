"""Shows a deployment that another process drives, from its journal alone; reads, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Literal

from bluegreen.domain.journal import Ending, Entry, Header, RunEnded, RunResumed, RunStopped, left_behind
from bluegreen.domain.reports import Result
from bluegreen.engine.deployment.take_over import LeaseWatch, Seen
from bluegreen.engine.recorder import Subscriber
from bluegreen.errors import CloudUnavailable, ExitCode, LoggedOut
from bluegreen.ports import Ports
from bluegreen.ports.wait import until

_POLL = 1.0
_NEXT = "`sc-deploy resume` continues it, `sc-deploy abort` rolls it back"
_UNKNOWN = "the journal does not know; `sc-deploy status` shows it"
_CODES = {Ending.HALTED: ExitCode.HALTED, Ending.INTERRUPTED: ExitCode.INTERRUPTED}


class Watcher:
    """Tells `subscribers` every entry of one deployment, those before it began to watch too."""

    def __init__(self, header: Header, ports: Ports, subscribers: Sequence[Subscriber]) -> None:
        self._header, self._ports, self._subscribers = header, ports, tuple(subscribers)
        self._lease = LeaseWatch(ports)
        self._entries: list[Entry] = []

    def until_over(self, *, stopped: Callable[[], bool], note: Callable[[str], None]) -> Result | None:
        """How the deployment ended, or stopped, with the exit code of its own deployer.

        None where `stopped` says that nobody watches any more. While AWS does not answer it is asked again,
        and `note` is told once.
        """
        told = False

        def look() -> Result | Literal[False] | None:
            nonlocal told
            if stopped():
                return False
            try:
                found, told = self._look(), False
            except LoggedOut:
                raise
            except CloudUnavailable as error:
                if not told:
                    note(f"AWS does not answer, asking again: {error.what}")
                told = True
                return None
            return found

        found: Result | Literal[False] | None = until(look, repeat(_POLL), self._ports.clock.sleep)
        return found or None

    def _look(self) -> Result | None:
        # Before the entries: a deployer that ends gives its lease back after its last entry.
        seen = self._lease.look()
        last = self._entries[-1].seq if self._entries else 0
        for entry in self._ports.journal.entries(self._header.number, after=last):
            self._entries.append(entry)
            for subscriber in self._subscribers:
                subscriber(self._header, entry)
        turns = (entry.event for entry in reversed(self._entries))
        newest = next((one for one in turns if isinstance(one, RunStopped | RunResumed)), None)
        if isinstance(newest, RunStopped):
            return self._stopped(newest)
        return self._abandoned() if seen in (Seen.FREE, Seen.DEAD) else None

    def _stopped(self, event: RunStopped) -> Result:
        code = ExitCode(event.exit_code) if isinstance(event, RunEnded) else _CODES[event.ending]
        return self._result(event.ending, code, event.words, event.traffic, event.next)

    def _abandoned(self) -> Result | None:
        """Its deployer died: nobody renews the lease, and no entry says how it ended."""
        header = self._ports.journal.header(self._header.number) or self._header
        if not header.ending.open:  # it ended between the two looks
            return None
        now = self._ports.clock.now()
        known = left_behind(self._entries).items()
        traffic = tuple(f"{tier}: green had weight{one.words(now=now)}" for tier, one in known)
        words = "its deployer is gone: nobody renews its lease, and it has not said how it ended"
        return self._result(Ending.RUNNING, ExitCode.HALTED, words, traffic or (_UNKNOWN,), _NEXT)

    def _result(
        self, ending: Ending, code: ExitCode, words: str, traffic: tuple[str, ...], next_step: str
    ) -> Result:
        return Result(
            ending=ending,
            exit_code=code,
            header=self._header,
            words=words,
            next_step=next_step,
            traffic=traffic,
        )
