"""`db rehearse`: the newest snapshot restored to a throw-away copy, and the migration tried on it (C1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from bluegreen.contract import RUN_COMMAND, Contract, Tier
from bluegreen.domain.migration import began
from bluegreen.domain.rehearsal import Part, Rehearsal
from bluegreen.domain.release import Image
from bluegreen.engine.database.copies import remove, restored
from bluegreen.engine.database.work import Stop, Work, held
from bluegreen.engine.status import observe
from bluegreen.errors import DeployError, Fault, LeaseLost, Refused
from bluegreen.policy import Migration, Policy
from bluegreen.ports import Ports

_TAIL = 800
_STOPPING = 150.0
"""Seconds until a command that was asked to stop is given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What is tried, on what, and where its commands run."""

    rehearsal: Rehearsal
    image: Image
    host: str | None
    """An app host; None: this machine."""
    commands: tuple[tuple[str, str], ...]
    """Name and text, in the order in which they run."""


def prepare(contract: Contract, policy: Policy, ports: Ports, *, version: str, by: str) -> Script:
    """What a rehearsal would do; raises Refused with everything that keeps it from beginning."""
    database, migration = contract.database, policy.migration
    snapshots = ports.databases.snapshots(database.identifier) if database else ()
    live = observe(contract, ports).of(Tier.APP).live if _has_app(contract) else None
    hosts = live.group.hosts if live and live.group else ()
    faults = list(_faults(contract, policy, snapshot=bool(snapshots), host=bool(hosts)))
    if faults or database is None or migration is None:
        raise Refused("the migration cannot be rehearsed", faults=faults)
    version = version or (live.version if live else "")
    if not version:
        raise Refused("nothing is live; name the version", next_step="sc-deploy db rehearse VERSION")
    image = ports.images.resolve(contract.tier(Tier.APP).image_repository, version)
    newest = snapshots[0]
    rehearsal = Rehearsal(
        began_at=ports.clock.now(),
        by=by,
        version=version,
        command=migration.command,
        snapshot=newest.name,
        made=newest.made,
        instance=f"{database.identifier}-rehearsal",
    )
    host = None if migration.run == "local" else min(hosts)
    return Script(rehearsal=rehearsal, image=image, host=host, commands=tuple(_commands(migration)))


def _has_app(contract: Contract) -> bool:
    return any(tier.name == Tier.APP for tier in contract.tiers)


def _faults(contract: Contract, policy: Policy, *, snapshot: bool, host: bool) -> Iterator[Fault]:
    if contract.database is None:
        yield Fault(f"stack {contract.stack}", "has no database", "nothing to rehearse")
    elif not snapshot:
        yield Fault(
            contract.database.identifier,
            "has no snapshot that can be restored",
            "RDS makes one every night",
        )
    if policy.migration is None:
        yield Fault("migration", "deploy.toml declares none", "[migration] with `command`")
    elif policy.migration.run == "ssm" and not host:
        yield Fault("app tier", "has no host that could run the migration", "a live release on the app tier")
    if not policy.rehearsal.host_variable:
        yield Fault(
            "rehearsal.host_variable",
            "is not set, so the commands would reach the live database",
            "the name of the variable from which they take its host, e.g. DATABASE_HOST",
        )


def _commands(migration: Migration) -> Iterator[tuple[str, str]]:
    named = (("check", migration.check), ("up", migration.command), ("down", migration.down))
    return ((name, text) for name, text in named if text)


def pointed(text: str, variable: str, address: str) -> str:
    """The command `text` with the host of the database in its environment."""
    if text.startswith(f"{RUN_COMMAND} "):
        return text.replace(" -- ", f" -- env {variable}={address} ", 1)
    return f"export {variable}={address}; {text}"


def rehearse(
    script: Script,
    contract: Contract,
    policy: Policy,
    ports: Ports,
    *,
    note: Callable[[str], None],
    stop: Stop,
) -> Rehearsal:
    """Carry it out and keep what it showed; the copy is removed whatever happens.

    It has a lease of its own, so releases run beside it. Raises Locked: another one is under way.
    """
    ports = replace(ports, lease=ports.rehearsal_lease)
    first = script.rehearsal
    why = f"rehearsal of {first.version}"
    with held(ports, policy, owner=first.by, why=why, note=note, stop=stop) as work:
        _clear(work, first.instance)
        found, error = _tried(work, contract, script)
        if not isinstance(error, LeaseLost):
            # Asked to stop or not: a copy of users' data is not left behind.
            work.heartbeat.heed_stops = False
            _remove(work, first.instance)
            failure = "" if error is None else error.what
            found = replace(found, ended_at=ports.clock.now(), failure=failure)
            work.ask(partial(ports.rehearsals.put, found))
        if error is not None:
            raise error
    return found


def _clear(work: Work, instance: str) -> None:
    """What a rehearsal left whose process died: its copy is removed, and it is closed."""
    there = work.ask(partial(work.ports.databases.instance, instance))
    if there is not None:
        work.note(f"an earlier rehearsal left {instance}: it is removed first")
        _remove(work, instance)
    for one in work.ask(work.ports.rehearsals.newest):
        if one.ended_at is None:
            closed = replace(one, ended_at=work.ports.clock.now(), failure="its process died")
            work.ask(partial(work.ports.rehearsals.put, closed))


def _remove(work: Work, instance: str) -> None:
    then = "`sc-deploy db rehearse` removes it before it begins; or delete it in the RDS console"
    remove(work, instance, then=then)


def _tried(work: Work, contract: Contract, script: Script) -> tuple[Rehearsal, DeployError | None]:
    """How far it came, and what ended it early."""
    found, clock = script.rehearsal, work.ports.clock
    work.ask(partial(work.ports.rehearsals.put, found))
    try:
        since = clock.monotonic()
        work.note(f"restoring {found.snapshot} to {found.instance}")
        address = _restored(work, contract, found)
        found = _with(work, found, Part(name="restore", seconds=clock.monotonic() - since, ok=True))
        for one in script.commands:
            work.note(f"{one[0]}: begun")
            part = _part(work, contract, script, one, address)
            found = _with(work, found, part)
            if not part.ok:
                break
    except DeployError as error:
        return found, error
    return found, None


def _with(work: Work, found: Rehearsal, part: Part) -> Rehearsal:
    found = replace(found, parts=(*found.parts, part))
    work.ask(partial(work.ports.rehearsals.put, found))
    work.note(f"{part.name}: {'done' if part.ok else 'failed'} after {part.seconds:.0f} s")
    return found


def _restored(work: Work, contract: Contract, found: Rehearsal) -> str:
    """The address of the copy, once it can be connected to."""
    copy = restored(
        work,
        contract,
        found.instance,
        snapshot=found.snapshot,
        like=contract.database.identifier if contract.database else "",
        began_at=found.began_at,
        then="look at its events in the RDS console",
    )
    return copy.address


def _part(work: Work, contract: Contract, script: Script, one: tuple[str, str], address: str) -> Part:
    """One command on the copy: its time, and whether it succeeded."""
    found, commands, clock = script.rehearsal, work.ports.commands, work.ports.clock
    name, text = one
    text = text.replace("{image}", script.image.uri).replace("{version}", found.version)
    token = f"{contract.stack}-rehearsal-{began(found.began_at)}-{name}"
    command = pointed(text, work.policy.rehearsal.host_variable, address)
    since, limit = clock.monotonic(), work.policy.rehearsal.timeout
    handle = work.ask(partial(commands.start, script.host, command, token=token))
    try:
        ok, words = work.until(
            partial(_ended, work, handle), seconds=limit, late=f"{name} still ran", then="see its output"
        )
    except DeployError:
        _stop(work, handle)
        raise
    return Part(name=name, seconds=clock.monotonic() - since, ok=ok, words=words)


def _ended(work: Work, handle: str) -> tuple[bool, str] | None:
    success, output = work.ports.commands.poll(handle)
    return None if success is None else (success, output.strip()[-_TAIL:])


def _stop(work: Work, handle: str) -> None:
    """It runs against a copy that goes in a moment: stopped, and not waited for long."""
    work.heartbeat.heed_stops = False
    work.ask(partial(work.ports.commands.cancel, handle))
    work.until(
        partial(_ended, work, handle),
        seconds=_STOPPING,
        late=f"a command of the rehearsal still runs ({handle})",
        then="stop it by hand",
    )
