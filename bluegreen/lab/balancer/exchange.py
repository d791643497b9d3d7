"""One request on its way to a target, and the response back to the client."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from bluegreen.lab.balancer.pool import Member
from bluegreen.lab.balancer.upstream import Upstream
from bluegreen.lab.http1.message import HOP_BY_HOP, Header, Request, response_head

if TYPE_CHECKING:
    from bluegreen.lab.balancer.front import Front

_REPEATABLE = (b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"TRACE")
"""Idempotent methods (RFC 9110, section 9.2.2): they may be sent again."""
_REPLACED = HOP_BY_HOP | {
    b"content-length",
    b"expect",
    b"x-forwarded-for",
    b"x-forwarded-proto",
    b"x-forwarded-port",
    b"x-amzn-trace-id",
}


def forwarded_request(request: Request, *, client: str, port: int, now: float) -> bytes:
    """The bytes a target receives: hop-by-hop headers taken away, the load balancer's own added.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/x-forwarded-headers.html
    """
    named = (request.header(b"connection") or b"").lower().replace(b" ", b"").split(b",")
    dropped = _REPLACED.union(named)
    lines = [b"%b %b HTTP/1.1\r\n" % (request.method, request.target)]
    lines += [b"%b: %b\r\n" % header for header in request.headers if header[0] not in dropped]
    before = request.header(b"x-forwarded-for")
    via = client.encode() if before is None else before + b", " + client.encode()
    mark = f"1-{int(now):08x}-{random.getrandbits(96):024x}".encode()
    trace = request.header(b"x-amzn-trace-id")
    traced = b"Root=" + mark if trace is None else b"Self=%b;%b" % (mark, trace)
    lines.append(
        b"x-forwarded-for: %b\r\nx-forwarded-proto: http\r\nx-forwarded-port: %d\r\nx-amzn-trace-id: %b\r\n"
        % (via, port, traced)
    )
    if request.body or request.method in (b"POST", b"PUT", b"PATCH"):
        lines.append(b"content-length: %d\r\n" % len(request.body))
    lines.append(b"\r\n")
    lines.append(request.body)
    return b"".join(lines)


class Exchange:
    """Carries `request` to `member` and the response back to `front` (a Sink of the upstream)."""

    def __init__(self, front: Front, request: Request, member: Member, cookie: Header | None) -> None:
        self._front = front
        self._plane = front.plane
        self._request = request
        self._member = member
        self._cookie = cookie
        self._upstream: Upstream | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._bytes = b""
        self._out: list[bytes] = []
        self._answered = False
        self._chunked = False
        self._retried = False
        self._over = False
        self._loop = asyncio.get_running_loop()
        self._sent_at = self.active_at = self._loop.time()
        """Monotonic time of the last progress; the plane gives up on what is too old."""

    def start(self) -> None:
        self._plane.underway.add(self)
        self._member.outstanding += 1
        self._bytes = forwarded_request(
            self._request, client=self._front.client, port=self._plane.port, now=self._plane.now()
        )
        if self._member.idle:
            self._send(self._member.idle.pop())
        else:
            self._connect()

    def abandon(self) -> None:
        """The client is gone: nobody waits for the response."""
        if not self._over:
            self._close()

    def time_out(self) -> None:
        """The target took too long."""
        self._fail(504, connection_error=self._upstream is None)

    def pause(self) -> None:
        if self._upstream is not None:
            self._upstream.pause()

    def resume(self) -> None:
        if self._upstream is not None:
            self._upstream.resume()

    def _connect(self) -> None:
        self._connecting = self._loop.create_task(self._open())

    async def _open(self) -> None:
        if self._member.address is None:
            self._fail(502, connection_error=True)
            return
        try:
            async with asyncio.timeout(self._plane.timing.connect):
                _, upstream = await self._loop.create_connection(Upstream, *self._member.address)
        except TimeoutError:
            self._fail(504, connection_error=True)
        except OSError:
            self._fail(502, connection_error=True)
        else:
            self._send(upstream)

    def _send(self, upstream: Upstream) -> None:
        self._connecting = None
        self._upstream = upstream
        self._sent_at = self.active_at = self._loop.time()
        upstream.send(self._bytes, self, bodiless=self._request.method == b"HEAD")

    # What the upstream tells.

    def on_head(self, status: int, headers: list[Header], *, http11: bool) -> None:  # noqa: ARG002
        self.active_at = self._loop.time()
        self._answered = True
        self._plane.metrics.answered(self._member.group, status, self.active_at - self._sent_at)
        fields = [header for header in headers if header[0] not in HOP_BY_HOP]
        if self._cookie is not None:
            fields.append(self._cookie)
        bodiless = self._request.method == b"HEAD" or status in (204, 304)
        if not bodiless and all(name != b"content-length" for name, _ in fields):
            if self._request.http10:
                self._front.close_after = True
            else:
                self._chunked = True
                fields.append((b"transfer-encoding", b"chunked"))
        if self._front.close_after or not self._request.keep_alive:
            fields.append((b"connection", b"close"))
        elif self._request.http10:
            fields.append((b"connection", b"keep-alive"))
        self._out.append(response_head(status, fields))

    def on_data(self, data: bytes) -> None:
        self.active_at = self._loop.time()
        self._out.append(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    def on_flush(self) -> None:
        if self._out:
            self._front.transport.write(b"".join(self._out))
            self._out.clear()

    def on_end(self) -> None:
        if self._chunked:
            self._front.transport.write(b"0\r\n\r\n")
        upstream, self._upstream = self._upstream, None
        if upstream is not None and not self._member.draining:
            upstream.rest(self._member.idle)
        elif upstream is not None:
            upstream.close()
        self._settle()
        self._front.done()

    def on_lost(self) -> None:
        stale = self._upstream is not None and self._upstream.used
        self._upstream = None
        if not self._answered and stale and not self._retried and self._request.method in _REPEATABLE:
            self._retried = True
            self._connect()
            return
        self._fail(502, connection_error=False)

    def _fail(self, status: int, *, connection_error: bool) -> None:
        if self._over:
            return
        answered = self._answered
        self._close()
        if answered:
            # The head is on its way already: only a broken connection tells the client the truth.
            self._front.transport.abort()
            return
        self._plane.metrics.unanswered(self._member.group, connection_error=connection_error)
        self._front.refuse(status)

    def _close(self) -> None:
        if self._upstream is not None:
            self._upstream.close()
        if self._connecting is not None and self._connecting is not asyncio.current_task():
            self._connecting.cancel()
        self._settle()

    def _settle(self) -> None:
        if not self._over:
            self._over = True
            self._member.outstanding -= 1
            self._plane.underway.discard(self)
