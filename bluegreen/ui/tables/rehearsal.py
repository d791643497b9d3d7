"""A rehearsal of a migration as a table."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from bluegreen.domain.rehearsal import Rehearsal
from bluegreen.ui.format import day, duration, iso
from bluegreen.ui.tables.grid import grid


def rehearsal_question(planned: Rehearsal) -> str:
    """What is asked before it begins."""
    return (
        f"Restore {planned.snapshot} (made {day(planned.made)}) to the throw-away instance"
        f" {planned.instance}, try the migration of {planned.version} on it, and remove it?"
    )


def rehearsal_view(found: Rehearsal) -> RenderableType:
    """Each part with its time; the output of one that failed."""
    table = grid("part", "took", "result", right=("took",))
    for part in found.parts:
        table.add_row(part.name, duration(part.seconds), "ok" if part.ok else f"failed: {part.words}")
    verdict = "every part succeeded" if found.ok else "not every part succeeded"
    return Group(table, Text(f"migration of {found.version} on {found.snapshot}: {verdict}"))


def rehearsal_document(found: Rehearsal) -> dict[str, Any]:
    """For `--output json`."""
    return {
        "event": "rehearsal",
        "version": found.version,
        "snapshot": found.snapshot,
        "snapshot_made": iso(found.made),
        "instance": found.instance,
        "by": found.by,
        "began_at": iso(found.began_at),
        "ended_at": None if found.ended_at is None else iso(found.ended_at),
        "ok": found.ok,
        "failure": found.failure,
        "parts": [
            {"name": one.name, "seconds": round(one.seconds, 1), "ok": one.ok, "output": one.words}
            for one in found.parts
        ],
    }
