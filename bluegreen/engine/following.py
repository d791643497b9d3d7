"""Follows a deployment that another process drives, by its journal."""

from __future__ import annotations

from collections.abc import Sequence

from bluegreen.contract import Contract
from bluegreen.domain.journal import Ending, Entry, Header, RunHalted, RunState, fold, left_behind
from bluegreen.domain.reports import Result
from bluegreen.engine.observe import observe, traffic_words
from bluegreen.engine.recorder import Subscriber
from bluegreen.errors import ExitCode
from bluegreen.ports import Ports

_POLL = 1.0
_NEXT = {Ending.RELEASED: "it was released before it could stop; `sc-deploy rollback` goes back"}


def _code(ending: Ending) -> ExitCode:
    """Whoever follows has asked for an abort: a deployment that was too far has not complied."""
    return ExitCode.RELEASED if ending in {Ending.ROLLED_BACK, Ending.ABORTED} else ExitCode.REFUSED


def follow(
    header: Header, contract: Contract, ports: Ports, subscribers: Sequence[Subscriber]
) -> Result | None:
    """Tell the subscribers what the other process journals until its deployment has ended or halted.

    None when that process stops renewing its lease: it died before it could comply.
    """
    state, next_step = RunState(), ""
    told: list[Entry] = []
    while True:
        fresh = ports.journal.entries(header.number, after=state.last_seq)
        state = fold(fresh, state)
        told += fresh
        for entry in fresh:
            next_step = entry.event.next if isinstance(entry.event, RunHalted) else next_step
            for subscriber in subscribers:
                subscriber(header, entry)
        current = ports.journal.header(header.number) or header
        if not current.ending.open or state.ending is Ending.HALTED:
            break
        holder = ports.lease.holder()
        if holder is None or holder.expires < ports.clock.now():
            return None
        ports.clock.sleep(_POLL)
    halted = current.ending.open
    return Result(
        ending=Ending.HALTED if halted else current.ending,
        exit_code=ExitCode.HALTED if halted else _code(current.ending),
        header=current,
        words=current.reason,
        next_step=next_step if halted else _NEXT.get(current.ending, ""),
        traffic=traffic_words(observe(contract, ports), left_behind(told) if halted else None),
    )
