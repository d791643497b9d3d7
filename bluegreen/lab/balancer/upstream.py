"""One kept-alive connection to a target; it carries one exchange at a time."""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

import httptools

from bluegreen.lab.http1.message import Header


class Sink(Protocol):
    """Who receives the response."""

    def on_head(self, status: int, headers: list[Header], *, http11: bool) -> None: ...

    def on_data(self, data: bytes) -> None: ...

    def on_end(self) -> None: ...

    def on_flush(self) -> None:
        """All that arrived together has been told."""

    def on_lost(self) -> None:
        """The connection ended before the response did."""


class Upstream(asyncio.Protocol):
    """Reads responses with httptools and tells the sink of the exchange under way."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)  # set by connection_made
        self._parser = httptools.HttpResponseParser(self)
        self._sink: Sink | None = None
        self._bodiless = False
        self._idle_in: list[Upstream] | None = None
        self._reusable = True
        self._until_close = False
        self.used = False
        """It has carried an exchange before; the target may have closed it meanwhile."""

    def send(self, data: bytes, sink: Sink, *, bodiless: bool) -> None:
        """Begin an exchange; `bodiless`: the response has no body whatever it declares (HEAD)."""
        self._idle_in = None
        self._sink = sink
        self._bodiless = bodiless
        self._transport.write(data)

    def rest(self, idle: list[Upstream]) -> None:
        """Wait in `idle` for the next exchange, or close where the target wants that."""
        self.used = True
        if not self._reusable or self._transport.is_closing():
            self._transport.close()
            return
        self._transport.resume_reading()  # a slow client may have stopped it
        self._idle_in = idle
        idle.append(self)

    def close(self) -> None:
        self._sink = None
        self._transport.abort()

    def pause(self) -> None:
        self._transport.pause_reading()

    def resume(self) -> None:
        self._transport.resume_reading()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        sink = self._sink
        if sink is None:  # bytes that nobody asked for: the framing is lost
            self._transport.abort()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._lose()
            self._transport.abort()
            return
        sink.on_flush()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        if self._idle_in is not None and self in self._idle_in:
            self._idle_in.remove(self)
        self._reusable = False
        if self._sink is not None and self._until_close:
            self._end()
        self._lose()

    def _lose(self) -> None:
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.on_lost()

    # What httptools calls while it parses.

    def on_message_begin(self) -> None:
        self._headers: list[Header] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200 or self._sink is None:
            return
        names = {name for name, _ in self._headers}
        http11 = self._parser.get_http_version() == "1.1"
        framed = not names.isdisjoint((b"content-length", b"transfer-encoding"))
        self._until_close = not framed and not self._bodiless and status not in (204, 304)
        closes = any(name == b"connection" and value.lower() == b"close" for name, value in self._headers)
        self._reusable = http11 and not closes and not self._until_close
        self._sink.on_head(status, self._headers, http11=http11)
        if self._bodiless:
            # httptools would wait for the body that Content-Length announces and HEAD never sends.
            self._parser = httptools.HttpResponseParser(self)
            self._end()

    def on_body(self, data: bytes) -> None:
        if self._sink is not None:
            self._sink.on_data(data)

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() >= 200:
            self._end()

    def _end(self) -> None:
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.on_flush()
            sink.on_end()
