"""The server side of one HTTP/1.x connection: whole requests, one at a time, in order."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable
from typing import cast

import httptools

from bluegreen.lab.http1.message import Header, Request, response

BODY_LIMIT = 16 * 1024 * 1024
"""Bytes of a request body; requests are held whole in memory."""
_PIPELINE_LIMIT = 16


class ServerProtocol(asyncio.Protocol, ABC):
    """Parses requests and hands them to `handle`; a subclass answers and calls `finish`.

    Pipelined requests wait for the answer to the one before. What cannot be parsed is answered
    400 (413 where the body is too large) after every request that came before it.
    """

    def __init__(self, connections: set[ServerProtocol]) -> None:
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[Request | int] = deque()
        self._serving = False
        self._last = False
        self.transport: asyncio.Transport = cast("asyncio.Transport", None)  # set by connection_made
        self.current: Request | None = None
        self.active_at = self._loop.time()
        """Monotonic time of the last byte read or answer finished."""
        self.on_message_begin()

    @abstractmethod
    def handle(self, request: Request) -> None:
        """Answer `request` on `self.transport`, now or later, then call `finish`."""

    def finish(self, *, close: bool = False) -> None:
        """The answer to the current request is written; `close` ends the connection."""
        request, self.current = self.current, None
        self.active_at = self._loop.time()
        over = close or request is None or not request.keep_alive
        if over or (self._last and not self._waiting):
            self._last = True
            self.transport.close()
            return
        self._serve()

    def answer(self, status: int, content_type: bytes, body: bytes, headers: Iterable[Header] = ()) -> None:
        """Answer the current request with a whole response, and `finish` it."""
        ending = self._last and not self._waiting
        self.transport.write(
            response(status, content_type, body, request=self.current, headers=headers, close=ending)
        )
        self.finish(close=ending)

    def stop(self) -> None:
        """End the connection as soon as no answer is owed."""
        self._last = True
        if self.current is None and not self._waiting:
            self.transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        self._connections.discard(self)
        self._waiting.clear()
        self._last = True

    def data_received(self, data: bytes) -> None:
        self.active_at = self._loop.time()
        try:
            self._feed(data)
        except httptools.HttpParserError:
            self._refuse(413 if self._size > BODY_LIMIT else 400)

    def _feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # Upgrades are not offered: the request is served as it stands (RFC 9110, section 7.8).
            self._parser = httptools.HttpRequestParser(self)
            rest = data[upgrade.args[0] :]
            if rest:
                self._feed(rest)

    def _refuse(self, status: int) -> None:
        self.transport.pause_reading()
        self._waiting.append(status)
        self._serve()

    # What httptools calls while it parses.

    def on_message_begin(self) -> None:
        self._target = b""
        self._headers: list[Header] = []
        self._body: list[bytes] = []
        self._size = 0

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        expects = any(name == b"expect" and value.lower() == b"100-continue" for name, value in self._headers)
        if expects and self.current is None and not self._waiting:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > BODY_LIMIT:
            raise httptools.HttpParserError("the request body is too large")
        self._body.append(body)

    def on_message_complete(self) -> None:
        request = Request(
            method=self._parser.get_method(),
            target=self._target,
            headers=tuple(self._headers),
            body=b"".join(self._body),
            keep_alive=self._parser.should_keep_alive(),
            http10=self._parser.get_http_version() == "1.0",
        )
        self._waiting.append(request)
        if len(self._waiting) > _PIPELINE_LIMIT:
            self.transport.pause_reading()
        self._serve()

    def _serve(self) -> None:
        if self._serving:  # `handle` answered at once: the loop below goes on
            return
        self._serving = True
        try:
            while self._waiting and self.current is None and not self.transport.is_closing():
                self._take(self._waiting.popleft())
        finally:
            self._serving = False

    def _take(self, next_one: Request | int) -> None:
        if isinstance(next_one, int):
            self.transport.write(response(next_one, b"text/plain", b"", request=None))
            self.transport.close()
            return
        if len(self._waiting) == _PIPELINE_LIMIT // 2:
            self.transport.resume_reading()
        self.current = next_one
        self.handle(next_one)
