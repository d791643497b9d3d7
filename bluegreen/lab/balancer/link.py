"""The line between the control server and Envoy: rules go in, health and counts come out."""

from __future__ import annotations

import json
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from bluegreen.lab.balancer.asking import ask
from bluegreen.lab.balancer.counts import Counts, Line
from bluegreen.lab.balancer.envoy import Envoy
from bluegreen.lab.balancer.health import Healths
from bluegreen.lab.balancer.snapshot import Snapshot, Target

_LOG = logging.getLogger(__name__)
_POLL_SECONDS = 0.1
_WHOLE_REPORT_SECONDS = 2.0
"""The health of every target is told again so often: the control server may have been restarted."""
_LOG_DELAY_SECONDS = 0.15
"""Envoy writes its log every 50 ms; what comes later than this is counted all the same, by its own second."""
_KEPT_SECONDS = 300
"""Seconds of counts kept while the control server is away."""


class Link:
    """Follows the control server at `address`. While it is away the last snapshot stays in force."""

    def __init__(self, envoy: Envoy, address: tuple[str, int], now: Callable[[], float] = time.time) -> None:
        self._envoy = envoy
        self._address = address
        self._now = now
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self.counts = Counts(int(now()))
        self.untold: deque[dict[str, Any]] = deque(maxlen=_KEPT_SECONDS)
        self.healths = Healths()
        self._whole_at = 0.0
        self._snapshot: Snapshot | None = None
        self._away = False

    def run(self, wanted: Callable[[], bool]) -> None:
        """Work until `wanted` says no or Envoy has ended."""
        self.read_in_background()
        while wanted() and self._envoy.alive:
            begun = time.monotonic()
            self.step()
            time.sleep(max(0.0, begun + _POLL_SECONDS - time.monotonic()))

    def step(self) -> None:
        """One round: hear Envoy, then tell and ask the control server."""
        while not self._lines.empty():
            self.hear(self._lines.get())
        try:
            self._follow()
            self._report()
            self._deliver()
            self._back()
        except OSError as error:
            if self._envoy.alive:
                self._lost(error)

    def read_in_background(self) -> None:
        """A control server that is slow must not stop Envoy's log."""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._envoy.output:
            self._lines.put(line)

    def hear(self, line: bytes) -> None:
        """Take one line of Envoy's output: an event of the health checks, or a request."""
        try:
            if line.startswith(b"{"):
                self.healths.hear(json.loads(line))
            else:
                self.counts.add(Line.parse(line.decode()))
        except (ValueError, KeyError):
            _LOG.warning("Envoy wrote %r", line[:200])

    def _follow(self) -> None:
        known = f"?version={self._snapshot.version}" if self._snapshot else ""
        status, body = ask(self._address, "GET", f"/_lab/snapshot{known}")
        if status == 304:
            return
        try:
            snapshot = Snapshot.model_validate_json(body)
        except ValueError as error:
            raise ConnectionError(f"not a snapshot (HTTP {status}): {error!r}") from error
        self.healths.follow(snapshot.in_use)
        if not self._envoy.apply(snapshot):
            _LOG.error("Envoy does not obey version %s: see its log", snapshot.version)
        for target in _drained(self._snapshot, snapshot):
            _cut(target)
        self._snapshot = snapshot

    def _report(self) -> None:
        changed = self.healths.changed()
        if time.monotonic() >= self._whole_at:
            changed = self.healths.whole()
        if changed:
            self._whole_at = 0.0  # tell everything again where this does not arrive
            self._post("/_lab/health", {"targets": changed})
            self._whole_at = time.monotonic() + _WHOLE_REPORT_SECONDS

    def _deliver(self) -> None:
        before = int(self._now() - _LOG_DELAY_SECONDS)
        self.untold.extend(self.counts.take(before, self.healths.hosts()))
        while self.untold:
            self._post("/_lab/metrics", self.untold[0])
            self.untold.popleft()

    def _post(self, path: str, document: dict[str, Any]) -> None:
        status, body = ask(self._address, "POST", path, document)
        if status >= 400:
            raise ConnectionError(f"{path} answered HTTP {status}: {body[:200]!r}")

    def _lost(self, error: OSError) -> None:
        if not self._away:
            _LOG.warning("control server: %s: %s; the last rules stay in force", type(error).__name__, error)
        self._away = True

    def _back(self) -> None:
        if self._away:
            _LOG.warning("control server: answers again")
        self._away = False


def _drained(before: Snapshot | None, now: Snapshot) -> list[Target]:
    """The targets whose deregistration delay has ended."""
    if before is None:
        return []
    return [
        target
        for arn, group in before.groups.items()
        for target in group.targets
        if target.draining and target.id not in {one.id for one in _targets(now, arn)}
    ]


def _targets(snapshot: Snapshot, arn: str) -> tuple[Target, ...]:
    group = snapshot.groups.get(arn)
    return group.targets if group else ()


def _cut(target: Target) -> None:
    """End what `target` still has under way: ELB closes these connections, and Envoy has no way to.

    So the instance does it, which the client cannot tell apart: 502, or an answer cut short.
    """
    if target.address is not None:
        try:
            ask(target.address, "POST", "/_ctl", {"cut": True})
        except OSError:
            _LOG.info("%s has ended before its connections were cut", target.id)
