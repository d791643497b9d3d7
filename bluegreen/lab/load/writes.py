"""Writes with an id of their own: afterwards the database shows which were lost or carried out twice."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bluegreen.lab.app.behaviour import Accumulator
from bluegreen.lab.load.sending import Sending

PATH = "/api/feedback"


@dataclass(frozen=True, slots=True, kw_only=True)
class WritesSeen:
    """The writes of one load, and what became of them."""

    sent: int
    acknowledged: int
    """Answered with success; of the others nobody knows whether they were carried out."""
    lost: int
    """Acknowledged, and not in the database."""
    doubled: int
    """In the database more than once, acknowledged or not."""

    @property
    def ok(self) -> bool:
        """Whether something was written, and every acknowledged write is there once."""
        return self.acknowledged > 0 and not self.lost and not self.doubled

    @property
    def words(self) -> str:
        return f"{self.lost} lost and {self.doubled} doubled of {self.acknowledged:,} acknowledged writes"


def seen_in(url: str, report: Mapping[str, Any]) -> WritesSeen | None:
    """What became of the writes of a load, by the rows of the database at `url`; None without a database.

    Raises OSError and asyncpg's errors where the database does not answer.
    """
    if not url:
        return None
    # Here, because the client library is missing where the database is.
    from bluegreen.lab.database.tables import compare  # noqa: PLC0415

    return compare(url, report["writes"])


class Writes:
    """Numbers the writes of a run and remembers which were acknowledged."""

    def __init__(self, share: float, host: str) -> None:
        """A write is every 1/`share`-th request (0: none), evenly spread."""
        self._share, self._due = share, Accumulator(0.0)
        self.run = secrets.token_hex(4)
        self._acknowledged = bytearray()
        body = self._body(0)
        head = f"POST {PATH} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n"
        self._head = f"{head}content-length: {len(body)}\r\n\r\n".encode()

    def next(self) -> Sending | None:
        """A new write, where the next request is to be one."""
        if not self._due.hit(self._share):
            return None
        number = len(self._acknowledged)
        self._acknowledged.append(0)
        return Sending(path=PATH, data=self._head + self._body(number), write=number)

    def _body(self, number: int) -> bytes:
        """Of one length, whatever the number."""
        return f'{{"id":"{self.run}-{number:09d}","user":{number % 90 + 10},"text":"a good run"}}'.encode()

    def acknowledge(self, number: int) -> None:
        """The write was answered with success."""
        self._acknowledged[number] = 1

    def document(self) -> dict[str, Any]:
        """What `database.tables.compare` needs: few are unacknowledged, so these are named."""
        return {
            "run": self.run,
            "sent": len(self._acknowledged),
            "unacknowledged": [number for number, done in enumerate(self._acknowledged) if not done],
        }
