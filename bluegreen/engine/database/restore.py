"""`db restore`: a snapshot beside the running database, then the names are swapped (R8).

The record is written before each change and RDS's own ids tell the instances apart, so the same command
continues from wherever it ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from bluegreen.contract import Contract
from bluegreen.domain.database import DbInstance, DbSnapshot
from bluegreen.domain.restoration import Restoration
from bluegreen.engine.database.copies import remove, restored
from bluegreen.engine.database.work import Stop, Work, held
from bluegreen.errors import Fault, Refused
from bluegreen.policy import Policy
from bluegreen.ports import Ports

_SHOWN = 5
"""Snapshots that are named where another one was asked for."""
_RENAMING = 3600.0
"""Seconds for RDS to rename an instance (AWS: up to ten minutes, with a restart)."""


def prepare(contract: Contract, ports: Ports, *, snapshot: str, by: str) -> Restoration:
    """The restore that is unfinished, or a new one; raises Refused with all that keeps it from beginning."""
    unfinished = next((one for one in ports.restorations.newest() if one.ended_at is None), None)
    if unfinished is not None:
        if unfinished.snapshot != snapshot:
            raise Refused(
                f"a restore of {unfinished.snapshot} is unfinished",
                next_step=f"`sc-deploy db restore {unfinished.snapshot}` continues it; --discard gives it up,"
                " as long as the names are not swapped",
            )
        return unfinished
    database = contract.database
    if database is None:
        raise Refused(f"stack {contract.stack} has no database")
    found = ports.databases.snapshot(snapshot)
    live = ports.databases.instance(database.identifier)
    faults = list(_faults(database.identifier, snapshot, found, live, ports))
    if faults or found is None or live is None:
        raise Refused(f"{snapshot} cannot be restored; nothing was changed", faults=faults)
    now = ports.clock.now()
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%d%H%M")
    return Restoration(
        began_at=now,
        by=by,
        snapshot=snapshot,
        made=found.made,
        database=database.identifier,
        beside=f"{database.identifier}-restore-{stamp}",
        kept=f"{database.identifier}-old-{stamp}",
        old=live.resource,
    )


def _faults(
    database: str, snapshot: str, found: DbSnapshot | None, live: DbInstance | None, ports: Ports
) -> Iterator[Fault]:
    if found is None:
        names = ", ".join(one.name for one in ports.databases.snapshots(database)[:_SHOWN])
        yield Fault(snapshot, "is gone", f"the newest of {database}: {names or 'none'}")
    elif found.source != database:
        yield Fault(snapshot, f"is of the database {found.source}", f"a snapshot of {database}")
    elif found.status != "available":
        yield Fault(snapshot, f"is {found.status}", "one that is available")
    if live is None:
        yield Fault(database, "does not exist", "restore it by hand, with that name (operations manual)")
    elif found is not None and found.source == database and found.key != live.key:
        yield Fault(snapshot, "is encrypted with another key than the database", f"a copy with {live.key}")
    for words in ports.commands.running():
        yield Fault("migration", f"one still runs: {words}", "wait for its end, or stop it")


def restore(
    planned: Restoration,
    contract: Contract,
    policy: Policy,
    ports: Ports,
    *,
    note: Callable[[str], None],
    stop: Stop,
    swap: bool = True,
) -> Restoration:
    """Carry it out, from wherever it was left; with `swap` False only until the new instance is available.

    Raises Locked, Interrupted (before the swap), Halted.
    """
    why = f"restore of {planned.snapshot}"
    with held(ports, policy, owner=planned.by, why=why, note=note, stop=stop) as work:
        found = _written(work, planned)
        if not found.new:
            note(f"restoring {found.snapshot} to {found.beside}, beside {found.database}")
            found = _written(work, replace(found, new=_beside(work, contract, found).resource))
        if not swap:
            return found
        # From here to the end nobody can connect: no request to stop makes that longer.
        work.heartbeat.heed_stops = False
        for resource, name, now in (
            (found.old, found.kept, found.database),
            (found.new, found.database, found.beside),
        ):
            note(f"renaming {now} to {name}")
            _named(work, found, resource, name, now)
        return _written(work, replace(found, ended_at=ports.clock.now()))


def discard(
    planned: Restoration,
    policy: Policy,
    ports: Ports,
    *,
    note: Callable[[str], None],
    stop: Stop,
) -> Restoration:
    """Give it up: the restored instance is removed. Raises Refused once the swap has begun."""
    why = f"restore of {planned.snapshot} is given up"
    with held(ports, policy, owner=planned.by, why=why, note=note, stop=stop) as work:
        live = work.ask(partial(ports.databases.instance, planned.database))
        if live is None or live.resource != planned.old or live.status == "renaming":
            raise Refused(
                f"{planned.database} is renamed already: giving up would leave no database",
                next_step=f"`sc-deploy db restore {planned.snapshot}` ends the swap",
            )
        remove(work, planned.beside, then="repeat the command")
        return _written(work, replace(planned, ended_at=ports.clock.now(), discarded=True))


def _written(work: Work, found: Restoration) -> Restoration:
    work.ask(partial(work.ports.restorations.put, found))
    return found


def _beside(work: Work, contract: Contract, found: Restoration) -> DbInstance:
    return restored(
        work,
        contract,
        found.beside,
        snapshot=found.snapshot,
        like=found.database,
        began_at=found.began_at,
        then=f"`sc-deploy db restore {found.snapshot}` waits for the same instance",
    )


def _named(work: Work, found: Restoration, resource: str, name: str, now: str) -> None:
    work.until(
        lambda: work.ports.databases.ensure_named(resource, name, now=now) or None,
        seconds=_RENAMING,
        late=f"{now} does not have the name {name}, and {found.database} may not answer",
        then=f"`sc-deploy db restore {found.snapshot}` continues the swap; look at both in the RDS console",
    )
