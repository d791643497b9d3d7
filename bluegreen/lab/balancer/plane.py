"""The balancer as a whole."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self

from bluegreen.lab.balancer.exchange import Exchange
from bluegreen.lab.balancer.front import Front
from bluegreen.lab.balancer.health import HealthChecks
from bluegreen.lab.balancer.link import Link
from bluegreen.lab.balancer.metrics import Metrics
from bluegreen.lab.balancer.pool import Member
from bluegreen.lab.balancer.routing import Router
from bluegreen.lab.balancer.snapshot import Snapshot
from bluegreen.lab.http1.server import ServerProtocol

_SWEEP_SECONDS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """ELB's times in seconds; `time_scale` says how many times faster than on AWS they pass."""

    time_scale: float = 1.0
    connect: float = 10.0
    idle: float = 60.0
    """A target that sends nothing for so long is given up (504)."""
    client_idle: float = 60.0
    """A client connection without a request is closed after so long; clients do not know the scale."""

    @classmethod
    def scaled(cls, time_scale: float) -> Self:
        return cls(time_scale=time_scale, connect=10.0 / time_scale, idle=60.0 / time_scale)


class Plane:
    """Rules, targets, metrics and connections; everything runs in one event loop."""

    def __init__(self, timing: Timing, now: Callable[[], float] = time.time) -> None:
        self.timing = timing
        self.now = now
        self.port = 0
        self.router = Router(now)
        self.metrics = Metrics()
        self.connections: set[ServerProtocol] = set()
        self.underway: set[Exchange] = set()
        self.on_health: Callable[[Member], None] = lambda _: None
        self._checks = HealthChecks(time_scale=timing.time_scale, changed=self._health_changed)

    def apply(self, snapshot: Snapshot) -> None:
        """Obey `snapshot` and check the targets that it has in use."""
        self.router.apply(snapshot)
        self._checks.follow(self.router.pools)

    def _health_changed(self, member: Member) -> None:
        self.on_health(member)

    def checked(self) -> list[Member]:
        """The targets whose health is known or being found out."""
        return [
            member
            for pool in self.router.pools.values()
            if pool.group.in_use
            for member in pool.members.values()
            if not member.draining
        ]

    def hosts(self) -> dict[str, tuple[int, int]]:
        """Healthy and unhealthy targets of each group in use."""
        return {arn: pool.counted() for arn, pool in self.router.pools.items() if pool.group.in_use}

    async def sweep(self) -> None:
        """Give up on targets that are too slow and on clients that have gone silent, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            late = loop.time() - self.timing.idle
            for exchange in [one for one in self.underway if one.active_at < late]:
                exchange.time_out()
            silent = loop.time() - self.timing.client_idle
            for front in [one for one in self.connections if one.active_at < silent and one.current is None]:
                front.stop()

    def close(self) -> None:
        self._checks.stop()
        for connection in list(self.connections):
            connection.stop()
        for pool in self.router.pools.values():
            pool.retire()


@asynccontextmanager
async def balancing(
    control: tuple[str, int] | None, timing: Timing, *, port: int = 0
) -> AsyncIterator[Plane]:
    """Run a balancer on 127.0.0.1:`port` (0: any free one) until the context is left.

    It follows the control server at `control`; None leaves it to the caller to `apply` snapshots.
    """
    plane = Plane(timing)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Front(plane), "127.0.0.1", port, backlog=4096)
    plane.port = server.sockets[0].getsockname()[1]
    tasks = [asyncio.create_task(plane.sweep())]
    if control is not None:
        link = Link(plane, control)
        plane.on_health = link.tell
        tasks.append(asyncio.create_task(link.run()))
    try:
        yield plane
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        plane.close()
