"""Requests, and the bytes of a response."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

Header = tuple[bytes, bytes]

_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One whole request; header names are in lower case."""

    method: bytes
    target: bytes
    """The request target as sent: path and query."""
    headers: tuple[Header, ...]
    body: bytes
    keep_alive: bool
    """The client will send another request on this connection."""

    @property
    def path(self) -> str:
        """The path without the query, percent-encoding left as it is."""
        return self.target.partition(b"?")[0].decode("latin-1")

    def query(self, name: str) -> str | None:
        values = parse_qs(urlsplit(self.target.decode("latin-1")).query).get(name)
        return values[0] if values else None

    def header(self, name: bytes) -> bytes | None:
        """The first value of the header `name` (lower case)."""
        return next((value for key, value in self.headers if key == name), None)


def response(
    status: int,
    content_type: bytes,
    body: bytes,
    *,
    request: Request | None,
    headers: Iterable[Header] = (),
    close: bool = False,
) -> bytes:
    """A whole response to `request`; without its body where the request was HEAD.

    It says that the connection ends where `close` is asked, where the client wants it, or where
    `request` is None (it could not be parsed).
    """
    close = close or request is None or not request.keep_alive
    fields: list[Header] = [(b"content-type", content_type), (b"content-length", b"%d" % len(body)), *headers]
    if close:
        fields.append((b"connection", b"close"))
    lines = [b"HTTP/1.1 %d %b\r\n" % (status, _REASONS.get(status, b"Unknown"))]
    lines += [b"%b: %b\r\n" % header for header in fields]
    bodiless = request is not None and request.method == b"HEAD"
    return b"".join((*lines, b"\r\n", b"" if bodiless else body))


def json_body(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
