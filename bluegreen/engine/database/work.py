"""Long work on a database: under a lease, with AWS's silences waited out, and stopped on request."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from bluegreen.engine.deployment.take_over import acquire, give_back, take_over
from bluegreen.engine.heartbeat import Heartbeat
from bluegreen.errors import Halted
from bluegreen.policy import Policy
from bluegreen.ports import Ports
from bluegreen.ports.wait import again, steadily, unavailable

T = TypeVar("T")

_PAUSE, _LOOK = 3.0, 10.0
"""Seconds between calls while AWS does not answer, and between two looks at RDS."""
NO_DEPLOYMENT = 0
"""What a lease says that is held for no deployment."""


class Stop:
    """A request to stop, which may come before there is anything to stop."""

    def __init__(self) -> None:
        self.asked = False
        self._act: Callable[[], None] = lambda: None

    def __call__(self) -> None:
        """Stop at the next safe point; callable from a signal handler."""
        self.asked = True
        self._act()

    def leads_to(self, act: Callable[[], None]) -> None:
        """From now on a request calls `act`; one that has been made does at once."""
        self._act = act
        if self.asked:
            act()


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a long piece of work is done with."""

    ports: Ports
    policy: Policy
    heartbeat: Heartbeat
    note: Callable[[str], None]

    def ask(self, call: Callable[[], T]) -> T:
        """What `call` returns, which may be repeated while AWS does not answer."""
        pauses = steadily(_PAUSE, within=self.policy.lease.patience, now=self.ports.clock.now)
        return again(call, on=unavailable, pauses=pauses, sleep=self.heartbeat.wait)

    def until(self, look: Callable[[], T | None], *, seconds: float, late: str, then: str) -> T:
        """What `look` finds; raises Halted with `late` and the next step `then` after `seconds`."""
        end = self.ports.clock.monotonic() + seconds
        while (found := self.ask(look)) is None:
            if self.ports.clock.monotonic() >= end:
                raise Halted(f"{late} after {seconds:g} s", next_step=then)
            self.heartbeat.wait(min(_LOOK, seconds / 10))
        return found


@contextmanager
def held(
    ports: Ports, policy: Policy, *, owner: str, why: str, note: Callable[[str], None], stop: Stop
) -> Iterator[Work]:
    """The lease of `ports` for as long as the work takes; a dead process's is taken over.

    Raises Locked, Interrupted; within it LeaseLost. A crash leaves the lease to run out.
    """
    take = partial(acquire, ports, policy, owner=owner, why=why, deployment=NO_DEPLOYMENT)
    holder = take_over(lambda dead: take(dead=dead), ports=ports, note=note, interrupted=lambda: stop.asked)
    heartbeat = Heartbeat(ports, holder=holder, ttl=policy.lease.ttl)
    ports.fence.close(heartbeat.must_hold)
    stop.leads_to(heartbeat.interrupt)
    work = Work(ports=ports, policy=policy, heartbeat=heartbeat, note=note)
    try:
        yield work
    except Exception:
        give_back(ports, heartbeat.holder)
        raise
    give_back(ports, heartbeat.holder)
