"""Finds out which rate this machine carries: a few clients that ask again as soon as they are answered."""

from __future__ import annotations

import asyncio
from itertools import cycle

from bluegreen.lab.load.connection import Connection
from bluegreen.lab.load.sending import Sending
from bluegreen.lab.load.settings import Settings

CONNECTIONS = 24
"""Enough to keep two cores busy at the lab's service times, few enough not to starve its health checks."""
SECONDS = 2.0
_WARM_UP = 0.25
"""Share of the time whose answers do not count: processes that have just begun are slow."""


class _Clients:
    def __init__(self, settings: Settings) -> None:
        host = "{}:{}".format(*settings.address)
        self._requests = cycle([Sending(path=one.path, data=one.encoded(host)) for one in settings.traffic])
        self.answered = 0
        self.asking = True

    def ask(self, connection: Connection) -> None:
        if self.asking and connection.open:
            connection.send(next(self._requests), due_at=0.0, sent_at=0.0)

    def take(self, connection: Connection, status: int, _version: str) -> None:
        self.answered += status < 400
        self.ask(connection)


async def carried(settings: Settings) -> float:
    """Requests per second that were answered well; raises OSError where nobody listens."""
    clients, loop = _Clients(settings), asyncio.get_running_loop()
    connections = [
        (await loop.create_connection(lambda: Connection(clients.take, lambda *_: None), *settings.address))[
            1
        ]
        for _ in range(settings.connections)
    ]
    for connection in connections:
        clients.ask(connection)
    await asyncio.sleep(settings.seconds * _WARM_UP)
    began, before = loop.time(), clients.answered
    await asyncio.sleep(settings.seconds * (1 - _WARM_UP))
    rate = (clients.answered - before) / (loop.time() - began)
    clients.asking = False
    await _settled(connections, settings.timeout)
    return rate


async def _settled(connections: list[Connection], seconds: float) -> None:
    """Let the last answers come, so that the load balancer sees no client that went away."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while any(one.busy for one in connections) and loop.time() < deadline:  # noqa: ASYNC110  # has no event
        await asyncio.sleep(0.01)
    for connection in connections:
        connection.abort()
