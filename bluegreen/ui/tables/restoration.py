"""A restore of the database: what is asked before it, and what it did."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType

from bluegreen.domain.restoration import Restoration
from bluegreen.ui.format import day, duration, iso
from bluegreen.ui.tables.grid import field


def restoration_question(planned: Restoration, now: float) -> str:
    """With what is lost, and how long nobody can connect."""
    return (
        f"Restore {planned.snapshot} beside {planned.database} and swap their names? What was written since"
        f" {day(planned.made)} ({duration(planned.lost(now))} by now) is lost to the application; the old"
        f" instance stays as {planned.kept}. Nobody can connect during the swap, for up to twenty minutes."
    )


def restoration_view(found: Restoration, now: float) -> RenderableType:
    """Where everything is now, and what Pulumi has to be told."""
    rows = [
        field("snapshot", f"{found.snapshot}, made {day(found.made)}"),
        field("lost", f"{duration(found.lost(now))} of writes"),
    ]
    if found.discarded:
        return Group(field("given up", f"{found.beside} is removed; {found.database} was not changed"))
    if found.ended_at is None:
        rows.append(
            field("next", f"look at {found.beside}, then repeat it without --beside, or with --discard")
        )
        return Group(*rows)
    return Group(
        *rows,
        field("took", duration(found.ended_at - found.began_at)),
        field("old", f"{found.kept} ({found.old}); nothing deletes it"),
        field("new", f"{found.database} ({found.new})"),
        field("pulumi", f"its state knows {found.old}: see `Restore a snapshot` in the operations manual"),
    )


def restoration_document(found: Restoration, now: float) -> dict[str, Any]:
    """For `--output json`."""
    return {
        "event": "restore",
        "snapshot": found.snapshot,
        "snapshot_made": iso(found.made),
        "lost_seconds": round(found.lost(now)),
        "database": found.database,
        "beside": found.beside,
        "kept": found.kept,
        "old_resource": found.old,
        "new_resource": found.new,
        "began_at": iso(found.began_at),
        "ended_at": None if found.ended_at is None else iso(found.ended_at),
        "discarded": found.discarded,
    }
