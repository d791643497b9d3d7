"""The line to the control server: rules come in, health and metrics go out."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from typing import TYPE_CHECKING, Any

from bluegreen.lab.balancer.pool import Health, Member
from bluegreen.lab.balancer.snapshot import Snapshot
from bluegreen.lab.http1.fetch import Answer, fetch
from bluegreen.lab.http1.message import json_body

if TYPE_CHECKING:
    from bluegreen.lab.balancer.plane import Plane

_LOG = logging.getLogger(__name__)
_POLL_SECONDS = 0.1
_TIMEOUT_SECONDS = 2.0
_WHOLE_REPORT_SECONDS = 2.0
"""The health of every target is told again so often: the control server may have been restarted."""
_KEPT_SECONDS = 300
"""Seconds of metrics kept while the control server is away."""
_JSON = ((b"content-type", b"application/json"),)


class Link:
    """Follows the control server at `address`. While it is away the last snapshot stays in force."""

    def __init__(self, plane: Plane, address: tuple[str, int]) -> None:
        self._plane = plane
        self._address = address
        self._changed: dict[tuple[str, str, int], Member] = {}
        self._metrics: deque[dict[str, Any]] = deque(maxlen=_KEPT_SECONDS)
        self._fresh = asyncio.Event()
        self._away = False

    def tell(self, member: Member) -> None:
        """Report the health of `member` with the next poll."""
        self._changed[member.name] = member

    async def run(self) -> None:
        """Poll, report and measure until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow())
            group.create_task(self._measure())
            group.create_task(self._deliver())

    async def _follow(self) -> None:
        loop = asyncio.get_running_loop()
        whole_at = loop.time()
        while True:
            begun = loop.time()
            if begun >= whole_at:
                whole_at = begun + _WHOLE_REPORT_SECONDS
                self._changed.update({one.name: one for one in self._plane.checked()})
            try:
                await self._poll()
                await self._report()
                self._back()
            except OSError as error:
                self._lost(error)
            await asyncio.sleep(max(0.0, begun + _POLL_SECONDS - loop.time()))

    async def _poll(self) -> None:
        known = self._plane.router.snapshot
        query = f"?version={known.version}" if known else ""
        answer = await self._ask("GET", f"/_lab/snapshot{query}")
        if answer.status == 304:
            return
        try:
            snapshot = Snapshot.parse(json.loads(answer.body))
        except (KeyError, TypeError, ValueError) as error:
            raise ConnectionError(f"not a snapshot (HTTP {answer.status}): {error!r}") from error
        self._plane.apply(snapshot)

    async def _report(self) -> None:
        if not self._changed:
            return
        told, self._changed = self._changed, {}
        document = {"targets": [_health(one) for one in told.values()]}
        try:
            await self._post("/_lab/health", document)
        except OSError:
            self._changed = told | self._changed
            raise

    async def _measure(self) -> None:
        second = int(self._plane.now())
        while True:
            await asyncio.sleep(second + 1 - self._plane.now())
            self._metrics.append(self._plane.metrics.take(second, self._plane.hosts()))
            # Sleep may end a moment early; no second is counted twice.
            second = max(second + 1, int(self._plane.now()))
            self._fresh.set()

    async def _deliver(self) -> None:
        while True:
            await self._fresh.wait()
            self._fresh.clear()
            while self._metrics:
                oldest = self._metrics[0]
                try:
                    await self._post("/_lab/metrics", oldest)
                except OSError as error:
                    self._lost(error)
                    break
                if self._metrics and self._metrics[0] is oldest:  # else the queue was full meanwhile
                    self._metrics.popleft()

    async def _post(self, path: str, document: dict[str, Any]) -> None:
        answer = await self._ask("POST", path, json_body(document))
        if answer.status >= 400:
            raise ConnectionError(f"{path} answered HTTP {answer.status}: {answer.body[:200]!r}")

    async def _ask(self, method: str, path: str, body: bytes = b"") -> Answer:
        return await fetch(
            self._address, path, timeout_seconds=_TIMEOUT_SECONDS, method=method, headers=_JSON, body=body
        )

    def _lost(self, error: OSError) -> None:
        if not self._away:
            _LOG.warning("control server: %s: %s; the last rules stay in force", type(error).__name__, error)
        self._away = True

    def _back(self) -> None:
        if self._away:
            _LOG.warning("control server: answers again")
        self._away = False


def _health(member: Member) -> dict[str, Any]:
    reason = member.reason if member.health is not Health.HEALTHY else ""
    return {
        "group": member.group,
        "id": member.id,
        "port": member.port,
        "state": member.health.value,
        "reason": reason,
    }
