"""Takes over from a deployer that died: its lease was seen unrenewed for its ttl, on this process's clock.

What the lease says of its end was written by another machine's clock, and a clock that is two minutes ahead
must not take a stack from a deployer that lives.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum

from bluegreen.domain.lease import Holder
from bluegreen.errors import CloudUnavailable, Interrupted, Locked
from bluegreen.policy import Policy
from bluegreen.ports import Ports
from bluegreen.ports.wait import patiently

_POLL = 1.0
"""Seconds; a living deployer renews its lease every few seconds, so it is soon recognised."""


class Seen(StrEnum):
    """What a look at the lease showed."""

    FREE = "free"
    WAITING = "waiting"  # not renewed since the first look; not for long enough yet
    RENEWED = "renewed"  # its holder lives, or another one has it
    DEAD = "dead"


class LeaseWatch:
    """Looks at the lease again and again; `holder` is what was seen last."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._since = 0.0
        self.holder: Holder | None = None

    def look(self) -> Seen:
        """The lease now, against the looks before."""
        clock, before, self.holder = self._ports.clock, self.holder, self._ports.lease.holder()
        if self.holder is None:
            return Seen.FREE
        if self.holder.long_gone(clock.now()):
            return Seen.DEAD
        if before is None or before.mark != self.holder.mark:
            self._since = clock.monotonic()
            return Seen.WAITING if before is None else Seen.RENEWED
        return Seen.DEAD if clock.monotonic() - self._since >= self.holder.ttl else Seen.WAITING


def acquire(
    ports: Ports, policy: Policy, *, owner: str, why: str, deployment: int, dead: Holder | None = None
) -> Holder:
    """The lease, asked for again while AWS does not answer; it runs from the attempt that succeeds.

    `dead` is a holder from whom it may be taken. Raises Locked, and CloudUnavailable after `lease.patience`.
    """

    def attempt() -> Holder:
        now = ports.clock.now()
        return ports.lease.acquire(
            owner=owner, why=why, deployment=deployment, ttl=policy.lease.ttl, now=now, dead=dead
        )

    return patiently(attempt, clock=ports.clock, patience=policy.lease.patience)


def give_back(ports: Ports, holder: Holder) -> None:
    """Release the lease; one that cannot be given back runs out by itself."""
    with suppress(CloudUnavailable):
        ports.lease.release(holder)


def take_over(
    acquire: Callable[[Holder | None], Holder],
    *,
    ports: Ports,
    note: Callable[[str], None],
    interrupted: Callable[[], bool],
) -> Holder:
    """The lease, at once where it is free, else when its holder was seen not to renew it for its ttl.

    `acquire` gets the lease of a dead holder. Raises Locked as soon as the holder renews it: that
    deployer lives. Raises Interrupted.
    """
    watch, dead, told = LeaseWatch(ports), None, False
    while True:
        try:
            return acquire(dead)
        except Locked:
            seen = watch.look()
            if seen is Seen.RENEWED:
                raise
        dead = watch.holder if seen is Seen.DEAD else None
        if seen is Seen.WAITING:
            if watch.holder and not told:
                note(_words(watch.holder))
                told = True
            if interrupted():
                raise Interrupted("stopped while waiting for the lease; nothing was changed")
            ports.clock.sleep(_POLL)


def _words(holder: Holder) -> str:
    return (
        f"{holder.owner} holds deployment {holder.deployment}; unless it renews its lease it is dead, "
        f"and this process takes over in {holder.ttl:.0f} s"
    )
