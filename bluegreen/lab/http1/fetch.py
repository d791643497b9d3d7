"""One request on a connection of its own: health checks and the line to the control server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

import httptools

from bluegreen.lab.http1.message import Header

_READ_SIZE = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A response, read to its end."""

    status: int
    body: bytes


class _Reader:
    """Collects one response from httptools."""

    def __init__(self) -> None:
        self.body: list[bytes] = []
        self.done = False
        self.head = False
        self.framed = False
        """The response says where it ends; otherwise the end of the connection is its end."""

    def on_header(self, name: bytes, value: bytes) -> None:  # noqa: ARG002  # httptools' signature
        self.framed |= name.lower() in (b"content-length", b"transfer-encoding")

    def on_headers_complete(self) -> None:
        self.head = True

    def on_body(self, body: bytes) -> None:
        self.body.append(body)

    def on_message_complete(self) -> None:
        self.done = True


async def fetch(
    address: tuple[str, int],
    path: str,
    *,
    timeout_seconds: float,
    method: str = "GET",
    headers: Iterable[Header] = (),
    body: bytes = b"",
) -> Answer:
    """Ask `address` for `path`.

    Raises OSError (refused, reset, cut short, not HTTP) or TimeoutError, which is an OSError too.
    """
    async with asyncio.timeout(timeout_seconds):
        reader, writer = await asyncio.open_connection(*address)
        try:
            writer.write(_request(address, method, path, headers, body))
            return await _read(reader)
        finally:
            writer.close()


def _request(
    address: tuple[str, int], method: str, path: str, headers: Iterable[Header], body: bytes
) -> bytes:
    lines = [f"{method} {path} HTTP/1.1\r\nhost: {address[0]}:{address[1]}\r\nconnection: close\r\n".encode()]
    lines += [b"%b: %b\r\n" % header for header in headers]
    if body:
        lines.append(b"content-length: %d\r\n" % len(body))
    return b"".join(lines) + b"\r\n" + body


async def _read(reader: asyncio.StreamReader) -> Answer:
    collected = _Reader()
    parser = httptools.HttpResponseParser(collected)
    try:
        while not collected.done:
            data = await reader.read(_READ_SIZE)
            if not data:
                break
            parser.feed_data(data)
    except httptools.HttpParserError as error:
        raise ConnectionError(f"not an HTTP response: {error}") from error
    if not collected.head or (collected.framed and not collected.done):
        raise ConnectionResetError("the connection was closed before the answer was complete")
    return Answer(status=parser.get_status_code(), body=b"".join(collected.body))
