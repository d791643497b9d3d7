"""Keeps a running deployment ours and safe: the lease, the watchdog, and requests to stop.

There is no background thread. Every wait in the engine calls `beat`, so a deployer that hangs or
dies stops renewing, and AWS puts the traffic back by itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from bluegreen.errors import CloudUnavailable, DeployError, Interrupted
from bluegreen.ports import Holder, Ports

__all__ = ["Keeper", "StopRequested"]

_MOST_BETWEEN_BEATS = 5.0
"""Seconds; how late a stop request from another process may be noticed."""


class StopRequested(DeployError):
    """`sc-deploy abort` in another process asked for this deployment to be taken back."""

    def __init__(self, what: str, *, down: bool = False) -> None:
        super().__init__(what)
        self.down = down
        """With its down migration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Guard:
    rule_arn: str
    weights: Mapping[str, int]


class Keeper:
    """Renews the lease and pushes the watchdog forward; thread-safe."""

    def __init__(self, ports: Ports, *, holder: Holder, ttl: float) -> None:
        self.holder = holder
        self.heed_stops = True
        """False while traffic is on its way back: that is finished first."""
        self._ports, self._clock, self._ttl = ports, ports.clock, ttl
        self._going_back = False
        self._guards: dict[str, _Guard] = {}
        self._beaten = self._pushed = ports.clock.now()
        self._interrupted = threading.Event()
        self._lock = threading.Lock()

    @property
    def horizon(self) -> float:
        """Seconds after the last renewal at which AWS puts the safe weights back."""
        return 2 * self._ttl

    @property
    def guards(self) -> tuple[str, ...]:
        """Names of the armed schedules."""
        return tuple(self._guards)

    def interrupt(self) -> None:
        """Stop at the next safe point; callable from a signal handler."""
        self._interrupted.set()

    def going_back(self) -> None:
        """The deployment is being taken back: requests to do so are answered."""
        self._going_back = True

    def guard(self, name: str, rule_arn: str, weights: Mapping[str, int]) -> float:
        """Arm the watchdog `name`; returns when it would act."""
        at = self._clock.now() + self.horizon
        self._ports.watchdog.arm(rule_arn, weights, name=name, at=at)
        with self._lock:
            self._guards[name] = _Guard(rule_arn=rule_arn, weights=weights)
        return at

    def stand_down(self, name: str) -> None:
        """Disarm the watchdog `name`."""
        with self._lock:
            self._guards.pop(name, None)
        self._ports.watchdog.disarm(name)

    def beat(self) -> None:
        """Call this often: raises Interrupted, StopRequested or LeaseLost when the run must stop."""
        if self._interrupted.is_set() and self.heed_stops:
            raise Interrupted("interrupted")
        with self._lock:
            now = self._clock.now()
            if now - self._beaten >= min(self._ttl / 3, _MOST_BETWEEN_BEATS):
                self._renew(now)
        if self.holder.stop and self.heed_stops and not self._going_back:
            raise StopRequested(self.holder.stop, down=self.holder.stop_down)

    def _renew(self, now: float) -> None:
        try:
            calls: list[Callable[[], Any]] = [
                partial(self._ports.lease.renew, self.holder, ttl=self._ttl, now=now)
            ]
            if now - self._pushed >= self._ttl / 3:
                calls += [partial(self._push, name, guard, now) for name, guard in self._guards.items()]
                self._pushed = now
            self.holder, *_ = self._ports.parallel(calls)
            self._beaten = now
        except CloudUnavailable:
            # Nobody else can take the lease either while AWS is away; should someone have taken it
            # meanwhile, the next renewal or journal write says so.
            self._pushed = min(self._pushed, now - self._ttl / 3)
            self._beaten = now - min(self._ttl / 3, _MOST_BETWEEN_BEATS) + 1.0

    def _push(self, name: str, guard: _Guard, now: float) -> None:
        self._ports.watchdog.arm(guard.rule_arn, guard.weights, name=name, at=now + self.horizon)

    def wait(self, seconds: float) -> None:
        """Sleep while staying alive."""
        end = self._clock.now() + seconds
        while True:
            self.beat()
            left = end - self._clock.now()
            if left <= 0:
                return
            self._clock.sleep(min(left, 1.0, self._ttl / 6))
