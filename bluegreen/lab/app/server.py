"""Serves one release on one port of the loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from bluegreen.lab.app import echo
from bluegreen.lab.app.behaviour import Behaviour, Release
from bluegreen.lab.app.exposition import Exposition
from bluegreen.lab.app.routes import Advisor, Answer, Reply, Routes, RowStore
from bluegreen.lab.http1.message import Header, Request, json_body
from bluegreen.lab.http1.server import ServerProtocol

GRACE_SECONDS = 30.0
"""How long a stopping instance waits for the requests it has begun."""


class _Connection(ServerProtocol):
    def __init__(self, connections: set[ServerProtocol], app: App) -> None:
        super().__init__(connections)
        self._app = app
        self._peer = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._peer = str(transport.get_extra_info("peername")[0])

    def handle(self, request: Request) -> None:
        if echo.accepts(request):
            self.upgraded = echo.Echo(self.transport, request).take
            return
        reply = self._app.routes.reply(request, self._peer)
        if reply is None:
            return
        if reply.work is not None:
            self._app.run(self._work(reply, reply.work))
        elif reply.after:
            self._loop.call_later(reply.after, self._send, reply)
        else:
            self._send(reply)

    async def _work(self, reply: Reply, work: Callable[[], Awaitable[Answer]]) -> None:
        """Answer once the work is done, and not before the service time has passed."""
        began = self._loop.time()
        status, document = await work()
        await asyncio.sleep(reply.after - (self._loop.time() - began))
        took = self._loop.time() - began
        self._send(replace(reply, status=status, body=json_body(document), after=took))

    def _send(self, reply: Reply) -> None:
        if reply.business:
            self._app.exposition.observe(reply.status, reply.after)
        if not self.transport.is_closing():
            self.answer(reply.status, reply.content_type, reply.body, self._app.identity)


class App:
    """One running instance of a release."""

    def __init__(
        self, release: Release, rows: RowStore | None = None, advisor: Advisor | None = None
    ) -> None:
        self.behaviour = Behaviour(release)
        self.exposition = Exposition(release)
        self.routes = Routes(
            release, self.behaviour, self.exposition, cut=self.cut, rows=rows, advisor=advisor
        )
        self.identity: tuple[Header, ...] = (
            (b"x-sc-version", release.version.encode()),
            (b"x-sc-instance", release.instance.encode()),
        )
        self.connections: set[ServerProtocol] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Carry `work` out beside the other requests."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def cut(self) -> None:
        """End what came through the load balancer and is not answered, as ELB does when a drain is over."""
        for connection in list(self.connections):
            request = connection.current
            if request is not None and request.header(b"x-forwarded-for") is not None:
                connection.transport.abort()

    async def drained(self) -> None:
        """Return when every connection has given the answer it owed, or after GRACE_SECONDS."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + GRACE_SECONDS
        for connection in list(self.connections):
            connection.stop()
        while self.connections and loop.time() < deadline:  # noqa: ASYNC110  # a set has no event
            await asyncio.sleep(0.02)


@asynccontextmanager
async def serving(
    release: Release, *, port: int = 0, rows: RowStore | None = None, advisor: Advisor | None = None
) -> AsyncIterator[tuple[App, int]]:
    """Serve `release` on 127.0.0.1:`port` (0: any free one); yields the app and its port.

    On leaving, no connection is taken any more and what was begun is finished.
    """
    app = App(release, rows, advisor)
    server = await asyncio.get_running_loop().create_server(
        lambda: _Connection(app.connections, app), "127.0.0.1", port, backlog=2048
    )
    try:
        yield app, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await app.drained()
