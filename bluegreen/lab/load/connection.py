"""One keep-alive connection of the load generator, with at most one request under way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import httptools

from bluegreen.lab.load.sending import NOTHING, Sending

Answered = Callable[["Connection", int, str], None]
Lost = Callable[["Connection", str], None]


class Connection(asyncio.Protocol):
    """Tells `answered` (status, version) or, when a request is under way, `lost` (cause)."""

    __slots__ = (
        "_answered",
        "_lost",
        "_parser",
        "_transport",
        "_version",
        "busy",
        "due_at",
        "sending",
        "sent_at",
    )

    def __init__(self, answered: Answered, lost: Lost) -> None:
        self._answered = answered
        self._lost = lost
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)  # set by connection_made
        self._version = ""
        self.busy = False
        self.due_at = self.sent_at = 0.0
        """Monotonic times: when the request should have begun, and when it did."""
        self.sending = NOTHING

    @property
    def open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def send(self, sending: Sending, *, due_at: float, sent_at: float) -> None:
        self.busy = True
        self.sending, self.due_at, self.sent_at = sending, due_at, sent_at
        self._version = ""
        self._transport.write(sending.data)

    def abort(self) -> None:
        """Close the connection; nothing is reported after that."""
        self.busy = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._fail("not-http")
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        self._fail("closed")

    def _fail(self, cause: str) -> None:
        if self.busy:
            self.busy = False
            self._lost(self, cause)

    # What httptools calls while it parses.

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"x-sc-version":
            self._version = value.decode("latin-1")

    def on_message_complete(self) -> None:
        if not self.busy:
            return
        self.busy = False
        if not self._parser.should_keep_alive():
            self._transport.close()
        self._answered(self, self._parser.get_status_code(), self._version)
