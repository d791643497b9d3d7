"""Keeps a running deployment ours and safe: the lease, the watchdog, and requests to stop.

There is no background thread. Every wait in the engine calls `beat`, so a deployer that hangs or
dies stops renewing, and AWS puts the traffic back by itself.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from math import inf

from bluegreen.domain.lease import Holder
from bluegreen.errors import CloudUnavailable, DeployError, Interrupted, LoggedOut, StepFailed
from bluegreen.ports import Ports

_MOST_BETWEEN_BEATS = 5.0
"""Seconds; how late a stop request from another process may be noticed."""


class StopRequested(DeployError):
    """`sc-deploy abort` in another process asked for this deployment to be rolled back."""

    def __init__(self, what: str, *, down: bool = False) -> None:
        super().__init__(what)
        self.down = down
        """With its down migration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Guard:
    rule_arn: str
    weights: Mapping[str, int]
    at: float
    """Epoch seconds; when AWS acts unless it is pushed forward again."""


class Heartbeat:
    """Renews the lease and pushes the watchdog forward; thread-safe.

    Ages are measured on the monotonic clock: neither a suspended laptop nor a wall clock that is set
    makes an old renewal look fresh.
    """

    def __init__(self, ports: Ports, *, holder: Holder, ttl: float) -> None:
        self.holder = holder
        self.heed_stops = True
        """False while traffic returns to blue: that is finished first."""
        self._ports, self._clock, self._ttl = ports, ports.clock, ttl
        self._rolling_back = False
        self._guards: dict[str, _Guard] = {}
        self._renewed = -inf
        """When the last renewal that succeeded was sent. None yet: the acquisition may be long ago."""
        self._beaten = self._pushed = ports.clock.monotonic()
        self._interrupted = threading.Event()
        self._lock = threading.Lock()

    @property
    def horizon(self) -> float:
        """Seconds after the last renewal at which AWS puts the safe weights back."""
        return 2 * self._ttl

    def acts_at(self, name: str) -> float | None:
        """When the watchdog `name` acts unless this deployment continues (epoch seconds); None: not armed."""
        guard = self._guards.get(name)
        return guard.at if guard else None

    def interrupt(self) -> None:
        """Stop at the next safe point; callable from a signal handler."""
        self._interrupted.set()

    def rolling_back(self) -> None:
        """The deployment is being rolled back: requests to do so are answered."""
        self._rolling_back = True

    @property
    def returns_traffic(self) -> bool:
        """Whether the deployment is being rolled back."""
        return self._rolling_back

    def must_hold(self) -> None:
        """Return when this process may change the stack: it renewed the lease less than its ttl ago.

        An older renewal is repeated now. Raises LeaseLost when the lease is not ours any more.

        While DynamoDB does not answer, a renewal younger than the ttl still counts: nobody else could
        have taken the lease meanwhile. With an older one CloudUnavailable is raised, also for an urgent
        change: another deployer may have been let in by the time it arrives, and traffic that has to return
        is put back by the watchdog, which needs neither this process nor the lease.
        """
        if self._fresh():
            return
        with self._lock:
            if not self._fresh():
                self._renew()

    def _fresh(self) -> bool:
        return self._clock.monotonic() - self._renewed < self._ttl

    def guard(self, name: str, rule_arn: str, weights: Mapping[str, int]) -> float:
        """Arm the watchdog `name`; returns when it would act."""
        at = self._clock.now() + self.horizon
        self._ports.watchdog.arm(rule_arn, weights, name=name, at=at)
        with self._lock:
            self._guards[name] = _Guard(rule_arn=rule_arn, weights=weights, at=at)
        return at

    def stand_down(self, name: str) -> None:
        """Disarm the watchdog `name`."""
        with self._lock:
            self._guards.pop(name, None)
        self._ports.watchdog.disarm(name)

    def beat(self) -> None:
        """Call this often: raises Interrupted, StopRequested or LeaseLost when the run must stop.

        Raises StepFailed where a watchdog that this process armed is not there any more.
        """
        if self._interrupted.is_set() and self.heed_stops:
            raise Interrupted("interrupted")
        self._push(self._due())
        if self.holder.stop and self.heed_stops and not self._rolling_back:
            raise StopRequested(self.holder.stop, down=self.holder.stop_down)

    def _due(self) -> Mapping[str, _Guard]:
        """Renew the lease if it is time; the watchdogs to push forward: none unless that succeeded."""
        pause = min(self._ttl / 3, _MOST_BETWEEN_BEATS)
        with self._lock:
            now = self._clock.monotonic()
            if now - self._beaten < pause:
                return {}
            try:
                self._renew()
            except LoggedOut:
                raise
            except CloudUnavailable:
                # Nothing moves users without a fresh renewal; until the ttl is over nobody else could
                # have taken the lease, and should someone do so then, the next renewal says so.
                self._beaten = now - pause + 1.0
                return {}
            if now - self._pushed < self._ttl / 3:
                return {}
            self._pushed = now
            return dict(self._guards)

    def _renew(self) -> None:
        sent = self._clock.monotonic()
        self.holder = self._ports.lease.renew(self.holder, ttl=self._ttl, now=self._clock.now())
        # From when it was sent: its answer may have taken long.
        self._renewed = self._beaten = sent

    def _push(self, guards: Mapping[str, _Guard]) -> None:
        """Outside the lock: the calls pass the fence, which takes it."""
        if not guards:
            return
        at = self._clock.now() + self.horizon
        calls = [
            partial(self._ports.watchdog.push, guard.rule_arn, guard.weights, name=name, at=at)
            for name, guard in guards.items()
        ]
        try:
            there: list[bool] = self._ports.parallel(calls)
        except LoggedOut:
            raise
        except CloudUnavailable:
            self._pushed = self._clock.monotonic() - self._ttl / 3
            return
        missing: list[str] = []
        with self._lock:
            # What another thread has stood down meanwhile is missing on purpose.
            for (name, guard), found in zip(guards.items(), there, strict=True):
                if name in self._guards and found:
                    self._guards[name] = replace(guard, at=at)
                elif self._guards.pop(name, None):
                    missing.append(name)
        if missing and not self._rolling_back:
            raise StepFailed(
                f"the watchdog {', '.join(missing)} is gone: it has put all traffic back, or was deleted",
                next_step="`sc-deploy status` shows where the traffic is",
            )

    def wait(self, seconds: float) -> None:
        """Sleep while staying alive."""
        end = self._clock.monotonic() + seconds
        while True:
            self.beat()
            left = end - self._clock.monotonic()
            if left <= 0:
                return
            self._clock.sleep(min(left, 1.0, self._ttl / 6))
