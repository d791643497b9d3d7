"""Banned versions as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from bluegreen.domain.security import Ban
from bluegreen.ui.format import day, iso
from bluegreen.ui.tables.grid import grid


def bans_view(bans: Sequence[Ban]) -> RenderableType:
    """By version."""
    if not bans:
        return Text("no version is banned")
    table = grid("version", "finding", "banned", "by", "reason")
    for one in bans:
        table.add_row(one.version, one.finding, day(one.at), one.by, one.reason or "—")
    return table


def bans_document(bans: Sequence[Ban]) -> dict[str, Any]:
    """For `--output json`."""
    return {
        "event": "bans",
        "bans": [
            {
                "version": one.version,
                "digests": list(one.digests),
                "finding": one.finding,
                "by": one.by,
                "at": iso(one.at),
                "reason": one.reason,
            }
            for one in bans
        ],
    }
