"""Instances that rehearsals and restores make of a snapshot, and remove."""

from __future__ import annotations

from bluegreen.contract import MANAGED_BY, Contract, Tag
from bluegreen.domain.database import DbInstance
from bluegreen.domain.migration import began
from bluegreen.engine.database.work import Work
from bluegreen.errors import Halted

_REMOVAL = 3600.0
"""Seconds in which RDS deletes an instance."""
_NEVER = ("failed", "incompatible-restore", "incompatible-parameters", "incompatible-network")


def restored(
    work: Work, contract: Contract, name: str, *, snapshot: str, like: str, began_at: float, then: str
) -> DbInstance:
    """The instance `name` of `snapshot`, set up as `like` is, once it can be connected to.

    Its tags say which piece of work it belongs to. Raises Halted where it never will be; `then` is the next
    step where it takes too long.
    """
    tags = {
        str(Tag.MANAGED_BY): MANAGED_BY,
        str(Tag.STACK): contract.stack,
        str(Tag.RESTORES): snapshot,
        str(Tag.BEGAN): began(began_at),
    }
    return work.until(
        lambda: _usable(work.ports.databases.ensure_restored(name, snapshot, like=like, tags=tags)),
        seconds=work.policy.rehearsal.timeout,
        late=f"{name} is not available",
        then=then,
    )


def _usable(one: DbInstance) -> DbInstance | None:
    if one.status in _NEVER:
        raise Halted(f"{one.name} is {one.status}", next_step="look at its events in the RDS console")
    return one if one.status == "available" and one.address else None


def remove(work: Work, name: str, *, then: str) -> None:
    """Delete the instance; returns once nothing is left. Raises Halted with the next step `then`."""
    work.note(f"removing {name}")
    work.until(
        lambda: work.ports.databases.ensure_removed(name) or None,
        seconds=_REMOVAL,
        late=f"{name} is still there",
        then=then,
    )
