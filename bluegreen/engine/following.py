"""Follows a deployment that another process drives, by its journal."""

from __future__ import annotations

from collections.abc import Sequence

from bluegreen.contract import Contract
from bluegreen.domain.journal import Header
from bluegreen.engine.conductor import Result
from bluegreen.engine.observe import observe, traffic_words
from bluegreen.engine.recorder import Subscriber
from bluegreen.errors import ExitCode
from bluegreen.ports import Ports

__all__ = ["follow"]

_POLL = 1.0


def follow(
    header: Header, contract: Contract, ports: Ports, subscribers: Sequence[Subscriber]
) -> Result | None:
    """Tell the subscribers what the other process journals until its deployment has ended.

    None when that process stops renewing its lease: it died before it could comply.
    """
    seen = 0
    while True:
        for entry in ports.journal.entries(header.number, after=seen):
            seen = max(seen, entry.seq)
            for subscriber in subscribers:
                subscriber(header, entry)
        current = ports.journal.header(header.number) or header
        if not current.ending.open:
            break
        holder = ports.lease.holder()
        if holder is None or holder.expires < ports.clock.now():
            return None
        ports.clock.sleep(_POLL)
    return Result(
        ending=current.ending,
        exit_code=ExitCode.RELEASED,
        header=current,
        words=current.reason,
        next_step="",
        traffic=traffic_words(observe(contract, ports)),
    )
