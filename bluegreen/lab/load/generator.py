"""Open-loop load: requests leave when they are due, however slow the answers are.

Latency runs from the moment a request was due, so a stalled server shows in every request that
it delayed (no coordinated omission). Every load ends: by time and by number of requests.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from bluegreen.lab.load.connection import Connection
from bluegreen.lab.load.sending import Sending
from bluegreen.lab.load.settings import Settings
from bluegreen.lab.load.tally import Outcome, Report, Second, Tally
from bluegreen.lab.load.writes import Writes
from bluegreen.lab.round_robin import WeightedRoundRobin

_TICK_SECONDS = 0.005
_CONNECTS_AT_ONCE = 64


class Load:
    """One run of `settings`; `run` may be called once.

    `on_second` hears each finished second, `on_outcome` each request; both must return quickly.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        on_second: Callable[[Second], None] | None = None,
        on_outcome: Callable[[Outcome], None] | None = None,
    ) -> None:
        self._settings = settings
        self._on_second = on_second
        self._on_outcome = on_outcome
        self._tally = Tally()
        self._stopped = asyncio.Event()
        self._free: deque[Connection] = deque()
        self._busy: dict[Connection, None] = {}
        """In the order of sending."""
        self._waiting: deque[tuple[float, Sending]] = deque()
        """Due requests without a connection, and when they were due."""
        self._opening: set[asyncio.Task[None]] = set()
        self._gate = asyncio.Semaphore(_CONNECTS_AT_ONCE)
        self._mix = WeightedRoundRobin(
            tuple((number, one.weight) for number, one in enumerate(settings.traffic))
        )
        host = "{}:{}".format(*settings.address)
        self._kinds = [Sending(path=one.path, data=one.encoded(host)) for one in settings.traffic]
        self._writes = Writes(settings.writes, host)

    def stop(self) -> None:
        """End the load early; what is under way is still waited for."""
        self._stopped.set()

    async def run(self) -> Report:
        """Send everything and return what was seen."""
        loop = asyncio.get_running_loop()
        for _ in range(self._settings.connections):
            self._open()
        await asyncio.wait(self._opening, timeout=self._settings.timeout)
        begun = loop.time()
        await self._send_all(begun)
        await self._settle()
        self._tell(time.time() + 1)
        report = self._tally.report(loop.time() - begun, self._writes.document())
        await self._close()
        return report

    async def _send_all(self, begun: float) -> None:
        loop = asyncio.get_running_loop()
        settings, sent = self._settings, 0
        while sent < settings.requests and not self._stopped.is_set():
            now = loop.time()
            elapsed = min(now - begun, settings.seconds)
            due = min(settings.requests, int(elapsed * settings.rate) + 1)
            for number in range(sent, due):
                self._begin(begun + number / settings.rate, self._next(), now)
            sent = max(sent, due)
            self._sweep(now)
            self._tell(time.time())
            if elapsed >= settings.seconds:
                return
            await asyncio.sleep(_TICK_SECONDS)

    async def _settle(self) -> None:
        """Wait for what is under way; the time-out of each request bounds this."""
        loop = asyncio.get_running_loop()
        while self._busy or self._waiting:
            self._sweep(loop.time())
            self._tell(time.time())
            await asyncio.sleep(_TICK_SECONDS)

    async def _close(self) -> None:
        for task in self._opening:
            task.cancel()
        await asyncio.gather(*self._opening, return_exceptions=True)
        for connection in self._free:
            connection.abort()

    def _next(self) -> Sending:
        return self._writes.next() or self._kinds[self._mix.next() or 0]

    def _begin(self, due_at: float, sending: Sending, now: float) -> None:
        connection = self._idle()
        if connection is None:
            self._tally.late += 1
            self._waiting.append((due_at, sending))
        else:
            self._send(connection, due_at, sending, now)

    def _send(self, connection: Connection, due_at: float, sending: Sending, now: float) -> None:
        self._busy[connection] = None
        connection.send(sending, due_at=due_at, sent_at=now)

    def _idle(self) -> Connection | None:
        """The connection that has rested longest, so that all of them are used."""
        while self._free:
            connection = self._free.popleft()
            if connection.open:
                return connection
            self._open()  # closed by the other side between two requests: nothing is lost
        return None

    def _sweep(self, now: float) -> None:
        """Fail what is older than the time-out."""
        late = now - self._settings.timeout
        while self._waiting and self._waiting[0][0] < late:
            due_at, sending = self._waiting.popleft()
            self._record(sending.path, 0, now - due_at, "", "connect")
        while self._busy and (oldest := next(iter(self._busy))).sent_at < late:
            oldest.abort()
            self._over(oldest, 0, "", "timeout")
            self._open()

    def _answered(self, connection: Connection, status: int, version: str) -> None:
        cause = str(status) if status >= 400 else ""
        if not cause and connection.sending.write is not None:
            self._writes.acknowledge(connection.sending.write)
        self._over(connection, status, version, cause)
        self._rest(connection)

    def _lost(self, connection: Connection, cause: str) -> None:
        self._over(connection, 0, "", cause)
        self._open()

    def _over(self, connection: Connection, status: int, version: str, cause: str) -> None:
        self._busy.pop(connection, None)
        now = asyncio.get_running_loop().time()
        self._record(connection.sending.path, status, now - connection.due_at, version, cause)

    def _record(self, path: str, status: int, latency: float, version: str, cause: str) -> None:
        outcome = Outcome(path=path, status=status, latency=latency, version=version, cause=cause)
        self._tally.add(outcome, time.time())
        if self._on_outcome is not None:
            self._on_outcome(outcome)

    def _rest(self, connection: Connection) -> None:
        if not connection.open:
            self._open()
        elif self._waiting:
            self._send(connection, *self._waiting.popleft(), asyncio.get_running_loop().time())
        else:
            self._free.append(connection)

    def _open(self) -> None:
        task = asyncio.get_running_loop().create_task(self._connect())
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _connect(self) -> None:
        """Open one connection; while the server refuses, the requests wait and at last fail."""
        loop = asyncio.get_running_loop()
        while True:
            async with self._gate:
                try:
                    _, connection = await loop.create_connection(
                        lambda: Connection(self._answered, self._lost), *self._settings.address
                    )
                except OSError:
                    connection = None
            if connection is not None:
                self._rest(connection)
                return
            await asyncio.sleep(0.1)

    def _tell(self, before: float) -> None:
        for second in self._tally.take_seconds(before):
            if self._on_second is not None:
                self._on_second(second)
