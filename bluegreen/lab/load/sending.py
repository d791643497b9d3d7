"""One request as it is sent."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """A request: its bytes, and what the load remembers of it."""

    path: str
    data: bytes
    write: int | None = None
    """The number of a write; None: it changes nothing."""


NOTHING = Sending(path="", data=b"")
