"""Takes over from a deployer that died: waits until its lease has run out, unless it is renewed."""

from __future__ import annotations

from collections.abc import Callable
from itertools import repeat

from bluegreen.domain.lease import Holder
from bluegreen.errors import DeployError, Interrupted, Locked
from bluegreen.ports import Ports
from bluegreen.ports.wait import again

_POLL = 1.0
"""Seconds; a living deployer renews its lease every few seconds, so it is soon recognised."""


def take_over(
    acquire: Callable[[], Holder],
    *,
    ports: Ports,
    note: Callable[[str], None],
    interrupted: Callable[[], bool],
) -> Holder:
    """The lease, at once where it is free, else when its holder has let it run out.

    Raises Locked as soon as the holder renews it: that deployer lives. Raises Interrupted.
    """
    first: Holder | None = None

    def may_be_dead(error: DeployError) -> bool:
        nonlocal first
        if not isinstance(error, Locked):
            return False
        holder = ports.lease.holder()
        if first is not None and holder is not None and _mark(holder) != _mark(first):
            return False
        if first is None and holder is not None:
            first = holder
            note(_words(holder, ports.clock.now()))
        if interrupted():
            raise Interrupted("stopped while waiting for the lease; nothing was changed")
        return True

    return again(acquire, on=may_be_dead, pauses=repeat(_POLL), sleep=ports.clock.sleep)


def _mark(holder: Holder) -> tuple[int, float]:
    """What changes when the holder renews its lease, or another takes it."""
    return holder.token, holder.expires


def _words(holder: Holder, now: float) -> str:
    return (
        f"{holder.owner} holds deployment {holder.deployment}; unless it renews its lease it is dead, "
        f"and this process takes over in {max(0.0, holder.expires - now):.0f} s"
    )
