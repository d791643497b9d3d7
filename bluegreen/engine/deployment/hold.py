"""Hold a deployment and let it continue, from any machine: whoever runs it is asked through the lease."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import repeat

from bluegreen.domain.holding import Hold, because
from bluegreen.domain.journal import Decided, Entry, Header, Held, fold
from bluegreen.domain.reports import HoldAnswer
from bluegreen.engine.deployment.take_over import LeaseWatch, Seen
from bluegreen.engine.notices import HOLD_NEXT
from bluegreen.errors import Refused
from bluegreen.ports import Ports
from bluegreen.ports.wait import until

_POLL = 1.0
_NOBODY = "nobody runs it now: {} Without its deployer AWS returns all traffic to the previous release"


def hold(ports: Ports, header: Header, wanted: Hold, *, note: Callable[[str], None]) -> HoldAnswer:
    """Ask for `wanted` and wait until the deployer has journalled it.

    Where the deployment is on hold already, that hold is the answer. Where nobody runs it, the request waits
    for whoever resumes it. Raises Refused where it is rolled back, or ends before it could hold.
    """
    state = fold(ports.journal.entries(header.number))
    if state.current is not None and state.current.rolls_back:
        raise _returning(header)
    found = ports.lease.ask_hold(wanted)
    if found.name != wanted.name:
        return HoldAnswer(
            deployment=header.number,
            hold=found,
            obeyed=_runs(ports),
            words=f"#{header.number} is on hold already {because(found.by, found.why)}",
            next_step=HOLD_NEXT,
        )
    watch, last = LeaseWatch(ports), 0
    if watch.look() is not Seen.FREE:
        note("its deployer was asked, and answers within seconds")

    def answered() -> HoldAnswer | None:
        nonlocal last
        fresh = ports.journal.entries(header.number, after=last)
        last = max((entry.seq for entry in fresh), default=last)
        if answer := _answer(header, found, fresh):
            return answer
        current = ports.journal.header(header.number) or header
        if not current.ending.open:
            raise Refused(
                f"deployment #{header.number} is {current.ending}: it ended before it could hold",
                next_step="`sc-deploy rollback` rolls a release back"
                if current.proven
                else "sc-deploy status",
            )
        if watch.look() in (Seen.FREE, Seen.DEAD):
            words = _NOBODY.format("the hold is stored, and whoever resumes it holds.")
            return HoldAnswer(
                deployment=header.number, hold=found, obeyed=False, words=words, next_step=HOLD_NEXT
            )
        return None

    answer = until(answered, repeat(_POLL), ports.clock.sleep)
    assert answer is not None  # the pauses never end
    return answer


def _answer(header: Header, wanted: Hold, entries: Iterable[Entry]) -> HoldAnswer | None:
    for entry in entries:
        match entry.event:
            case Held() as event if (event.by, event.asked_at) == wanted.name:
                words = f"#{header.number} is {event.words}; no further step begins"
                return HoldAnswer(
                    deployment=header.number,
                    hold=wanted,
                    obeyed=True,
                    words=words,
                    next_step=HOLD_NEXT,
                    until=event.until,
                    rolls_back=event.rolls_back,
                )
            case Decided(plan=plan) if plan is not None and plan.rolls_back:
                raise _returning(header)
    return None


def _returning(header: Header) -> Refused:
    return Refused(
        f"deployment #{header.number} is being rolled back: that is finished, and not held",
        next_step="`sc-deploy watch` shows it",
    )


def let_continue(ports: Ports, header: Header, hold: Hold, *, by: str, why: str) -> HoldAnswer:
    """Lift exactly `hold`. Raises Refused where another one is in force by now.

    Where somebody else has lifted it meanwhile there is nothing left to do.
    """
    lifted = ports.lease.lift_hold(hold, by=by, why=why)
    current = ports.lease.hold(header.number) or replace(hold, lifted_by=by, lifted_why=why)
    if not lifted and current.in_force:
        raise Refused(
            f"#{header.number} was put on hold again {because(current.by, current.why)}",
            next_step="ask them, or repeat `sc-deploy continue` to lift that hold too",
        )
    who = "" if lifted else f" already {because(current.lifted_by, current.lifted_why)}"
    words = f"the hold {because(hold.by, hold.why)} is lifted{who}"
    runs = _runs(ports)
    if not runs:
        words = f"{words}; " + _NOBODY.format("`sc-deploy resume` continues it.")
    return HoldAnswer(deployment=header.number, hold=current, obeyed=runs, words=words, next_step="")


def _runs(ports: Ports) -> bool:
    """Whether somebody seems to run the deployment; the two clocks may differ by a little."""
    holder = ports.lease.holder()
    return holder is not None and holder.expires > ports.clock.now()


def in_force(ports: Ports, header: Header) -> Hold:
    """The hold that `continue` lifts; raises Refused where there is none."""
    found = ports.lease.hold(header.number)
    if found is None or not found.in_force:
        after = f"; it was lifted {because(found.lifted_by, found.lifted_why)}" if found else ""
        raise Refused(f"deployment #{header.number} is not on hold{after}", next_step="sc-deploy status")
    return found
