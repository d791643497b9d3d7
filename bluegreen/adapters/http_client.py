"""The HTTP client of probes, pages and metric sources: bounded in time and bytes, and nothing compressed."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, partial
from typing import Any

import httpcore
import httpx

from bluegreen.adapters.loopback import is_loopback
from bluegreen.adapters.threads import aside

_ends: ContextVar[float] = ContextVar("ends", default=float("inf"))
"""When this thread's exchange ends at the latest, in monotonic seconds."""
_AT_ONCE = 65_536
"""Bytes of a request that are sent within one look at the deadline."""


@cache
def trusted() -> ssl.SSLContext:
    """The context httpx makes by default (SSL_CERT_FILE and SSL_CERT_DIR count), for the whole process.

    Made once: reading the certificates takes 30 ms of a processor.
    """
    return httpx.create_ssl_context()


def client(
    url: str, *, headers: Mapping[str, str], transport: httpx.BaseTransport | None = None, **more: Any
) -> httpx.Client:
    """A client for `url` that follows no redirect and asks for plain answers; use it within `exchange`."""
    made = httpx.Client(
        follow_redirects=False,
        # Proxy settings of the environment are for the outside, never for a lab on this machine.
        trust_env=not is_loopback(url),
        verify=trusted(),
        transport=transport,
        headers={**headers, "accept-encoding": "identity"},
        **more,
    )
    # httpx has no way to give its pools a network of ours, and times each read by itself.
    for one in (made._transport, *made._mounts.values()):  # noqa: SLF001
        if isinstance(one, httpx.HTTPTransport):
            one._pool._network_backend = _Network(one._pool._network_backend)  # noqa: SLF001
    return made


@contextmanager
def exchange(seconds: float) -> Iterator[None]:
    """What this thread asks within it is over after `seconds`: names, connections, headers and body together.

    Raises httpx.TimeoutException for an answer that is not whole by then, however it drips.
    """
    before = _ends.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _ends.reset(before)


def read_body(response: httpx.Response, *, limit: int) -> bytes:
    """The answer's body; one longer than `limit` bytes is read only a little beyond.

    Raises httpx.DecodingError for a compressed one: nobody asked for it, and what it unpacks to has no bound.
    """
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("", "identity"):
        raise httpx.DecodingError(f"the answer is compressed ({coding[:40]}); plain ones are read only")
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > limit:
            break
    return bytes(body)


def _left(timeout: float | None, late: type[Exception]) -> float | None:
    left = _ends.get() - time.monotonic()
    if left <= 0:
        raise late("the exchange has used up its time")
    return timeout if left == float("inf") else min(left, left if timeout is None else timeout)


class _Network(httpcore.NetworkBackend):
    """A network whose every wait ends with the exchange."""

    def __init__(self, inner: httpcore.NetworkBackend) -> None:
        self._inner = inner

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Each address of the name gets its part of the time: one that is silent keeps none of the others."""
        found = self._addresses(host, port, timeout)
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for number, address in enumerate(found):
            left = _left(timeout, httpcore.ConnectTimeout)
            share = left if left is None else left / (len(found) - number)
            try:
                stream = self._inner.connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _Stream(stream)
        raise failure

    @staticmethod
    def _addresses(host: str, port: int, timeout: float | None) -> list[str]:
        # The resolver of the system takes no timeout.
        asked = aside(partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM))
        try:
            found = asked(_left(timeout, httpcore.ConnectTimeout) or 60.0)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"the name {host} was not resolved in time") from error
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(str(error)) from error
        return list(dict.fromkeys(str(address[0]) for *_, address in found))

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


class _Stream(httpcore.NetworkStream):
    """A connection whose every wait ends with the exchange that uses it."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _AT_ONCE):
            self._inner.write(buffer[start : start + _AT_ONCE], _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
