"""Follows a deployment that another process drives, by its journal."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from typing import Literal

from bluegreen.contract import Contract
from bluegreen.domain.journal import Ending, Entry, Header, RunHalted, RunState, fold, left_behind
from bluegreen.domain.reports import Result
from bluegreen.engine.deployment.take_over import LeaseWatch, Seen
from bluegreen.engine.recorder import Subscriber
from bluegreen.engine.status import observe, traffic_words
from bluegreen.errors import ExitCode
from bluegreen.ports import Ports
from bluegreen.ports.wait import until

_POLL = 1.0
_NEXT = {Ending.RELEASED: "it was released before it could stop; `sc-deploy rollback` rolls it back"}


def _code(ending: Ending) -> ExitCode:
    """Whoever follows has asked for an abort: a release that went live has not complied."""
    return ExitCode.RELEASED if ending in {Ending.ROLLED_BACK, Ending.ABORTED} else ExitCode.REFUSED


def follow(
    header: Header, contract: Contract, ports: Ports, subscribers: Sequence[Subscriber], watch: LeaseWatch
) -> Result | None:
    """Tell the subscribers what the other process journals until its deployment has ended or halted.

    None when that process has stopped renewing its lease, as `watch` shows: it died before it could comply.
    """
    state, told = RunState(), list[Entry]()

    def ended() -> Header | Literal[False] | None:
        """The header once the deployment has ended or halted; False where nobody runs it any more."""
        nonlocal state
        fresh = ports.journal.entries(header.number, after=state.last_seq)
        state = fold(fresh, state)
        told.extend(fresh)
        for entry in fresh:
            for subscriber in subscribers:
                subscriber(header, entry)
        current = ports.journal.header(header.number) or header
        if not current.ending.open or state.ending is Ending.HALTED:
            return current
        return False if watch.look() in (Seen.FREE, Seen.DEAD) else None

    current: Header | Literal[False] | None = until(ended, repeat(_POLL), ports.clock.sleep)
    if not current:
        return None
    halted = current.ending.open
    questions = [entry.event.next for entry in told if isinstance(entry.event, RunHalted)]
    return Result(
        ending=Ending.HALTED if halted else current.ending,
        exit_code=ExitCode.HALTED if halted else _code(current.ending),
        header=current,
        words=current.reason,
        next_step=questions[-1] if halted else _NEXT.get(current.ending, ""),
        traffic=traffic_words(observe(contract, ports), left_behind(told) if halted else None),
    )
