"""Writes the journal and tells everyone who listens.

An entry counts once it is durable; only then the subscribers hear of it. A subscriber that fails
never breaks a run.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from bluegreen.domain.journal import Entry, Event, Header
from bluegreen.ports import Clock, Journal
from bluegreen.ports.wait import patiently
from bluegreen.text import clean

Subscriber = Callable[[Header, Entry], None]
_LOG = logging.getLogger(__name__)


class Recorder:
    """The only writer of one deployment's journal; safe to call from the threads of a stage."""

    def __init__(
        self,
        *,
        journal: Journal,
        clock: Clock,
        header: Header,
        token: int,
        last_seq: int,
        patience: float,
        subscribers: Sequence[Subscriber],
    ) -> None:
        self.header = header
        self._journal, self._clock, self._token = journal, clock, token
        self._seq, self._patience, self._subscribers = last_seq, patience, tuple(subscribers)
        self._lock = threading.Lock()

    def write(self, *events: Event) -> float:
        """Append all events at once and return their time.

        Raises LeaseLost, or CloudUnavailable when patience is used up.
        """
        with self._lock:
            now = self._clock.now()
            entries = tuple(
                Entry(seq=self._seq + offset, at=now, event=clean(event))
                for offset, event in enumerate(events, start=1)
            )
            if not entries:
                return now
            self._patiently(lambda: self._journal.append(self.header.number, entries, token=self._token))
            self._seq += len(entries)
            for entry in entries:
                self._tell(entry)
            return now

    def close(self, header: Header) -> None:
        """Write the header's ending."""
        self.header = header = clean(header)
        self._patiently(lambda: self._journal.close(header, token=self._token))

    def _patiently(self, call: Callable[[], None]) -> None:
        # Without the journal nothing may be changed, so waiting here is the safe thing to do: traffic
        # stays as it is, and the watchdog puts it back if this lasts too long.
        patiently(call, clock=self._clock, patience=self._patience)

    def _tell(self, entry: Entry) -> None:
        for subscriber in self._subscribers:
            try:
                subscriber(self.header, entry)
            except Exception:  # noqa: BLE001  (whatever a listener does wrong, the run continues)
                _LOG.exception("a subscriber failed on %s; the run continues", entry.event.kind)
