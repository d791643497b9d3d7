"""The server side of one HTTP/1.1 connection: whole requests, one at a time."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import cast

import httptools

from bluegreen.lab.http1.message import Header, Request, response


class ServerProtocol(asyncio.Protocol, ABC):
    """Parses requests and hands them to `handle`; a subclass answers and calls `finish`.

    Made for what stands behind a load balancer. A client that sends a second request before the answer to
    the first gets no answer to the second; what cannot be parsed is answered 400.
    """

    def __init__(self, connections: set[ServerProtocol]) -> None:
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._last = False
        self.transport: asyncio.Transport = cast("asyncio.Transport", None)  # set by connection_made
        self.current: Request | None = None
        self.upgraded: Callable[[bytes], None] | None = None
        """Set by `handle` where the connection leaves HTTP: takes every byte from then on."""
        self.on_message_begin()

    @abstractmethod
    def handle(self, request: Request) -> None:
        """Answer `request` on `self.transport`, now or later, then call `finish`."""

    def finish(self) -> None:
        """The answer to the current request is written."""
        request, self.current = self.current, None
        if self._last or request is None or not request.keep_alive:
            self.transport.close()

    def answer(self, status: int, content_type: bytes, body: bytes, headers: Iterable[Header] = ()) -> None:
        """Answer the current request with a whole response, and `finish` it."""
        self.transport.write(
            response(status, content_type, body, request=self.current, headers=headers, close=self._last)
        )
        self.finish()

    def stop(self) -> None:
        """End the connection as soon as no answer is owed."""
        self._last = True
        if self.current is None:
            self.transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        self._connections.discard(self)

    def data_received(self, data: bytes) -> None:
        if self.upgraded is not None:
            self.upgraded(data)
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self.upgraded is not None:
                self.upgraded(data[upgrade.args[0] :])
            self._last = self.upgraded is None
        except httptools.HttpParserError:
            if self.current is None:
                self.transport.write(response(400, b"text/plain", b"", request=None))
                self.transport.close()
            self._last = True

    # What httptools calls while it parses.

    def on_message_begin(self) -> None:
        self._target = b""
        self._headers: list[Header] = []
        self._body: list[bytes] = []

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        if self.current is not None:
            self._last = True
            return
        self.current = Request(
            method=self._parser.get_method(),
            target=self._target,
            headers=tuple(self._headers),
            body=b"".join(self._body),
            keep_alive=self._parser.should_keep_alive(),
        )
        self.handle(self.current)
