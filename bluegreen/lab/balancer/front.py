"""The side of the balancer that clients see."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bluegreen.lab.balancer.exchange import Exchange
from bluegreen.lab.balancer.snapshot import FixedResponse
from bluegreen.lab.http1.message import Request
from bluegreen.lab.http1.server import ServerProtocol

if TYPE_CHECKING:
    from bluegreen.lab.balancer.plane import Plane

_SERVER = ((b"server", b"awselb/2.0"),)
_TITLES = {502: b"502 Bad Gateway", 503: b"503 Service Temporarily Unavailable", 504: b"504 Gateway Time-out"}


class Front(ServerProtocol):
    """One client connection."""

    def __init__(self, plane: Plane) -> None:
        super().__init__(plane.connections)
        self.plane = plane
        self.client = ""
        self.close_after = False
        """The response under way can only end with the connection."""
        self._exchange: Exchange | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.client = str(transport.get_extra_info("peername")[0])
        if not self.plane.router.listening:  # without a listener ELB does not accept connections
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.abandon()

    def pause_writing(self) -> None:
        if self._exchange is not None:
            self._exchange.pause()

    def resume_writing(self) -> None:
        if self._exchange is not None:
            self._exchange.resume()

    def handle(self, request: Request) -> None:
        route = self.plane.router.route(request)
        if isinstance(route, FixedResponse):
            self.plane.metrics.own_answer(route.status)
            self.answer(route.status, route.content_type.encode(), route.body.encode(), _SERVER)
        elif route is None or route.member is None:
            self.refuse(503)
        else:
            self._exchange = Exchange(self, request, route.member, route.cookie)
            self._exchange.start()

    def refuse(self, status: int) -> None:
        """Answer with the load balancer's own error."""
        self._exchange = None
        self.plane.metrics.own_answer(status)
        title = _TITLES[status]
        page = (
            b"<html>\r\n<head><title>%b</title></head>\r\n<body>\r\n<center><h1>%b</h1></center>\r\n"
            b"</body>\r\n</html>\r\n"
        )
        self.answer(status, b"text/html", page % (title, title), _SERVER)

    def done(self) -> None:
        """The exchange has written its response."""
        self._exchange = None
        self.finish(close=self.close_after)
