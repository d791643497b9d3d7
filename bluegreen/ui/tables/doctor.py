"""What `doctor` found, worst first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from bluegreen.domain.reports import Check
from bluegreen.text import one_line
from bluegreen.ui.tables.grid import grid

_WORDS = {True: ("ok", "green"), None: ("unknown", "yellow"), False: ("FAILED", "bold red")}


def doctor_view(checks: Sequence[Check]) -> RenderableType:
    """Failed checks first, then unknown ones."""
    table = grid("check", "state", "found")
    order = (False, None, True)
    for check in sorted(checks, key=lambda c: order.index(c.ok)):
        word, style = _WORDS[check.ok]
        found = f"{one_line(check.words)}\nNext: {check.next_step}" if check.next_step else check.words
        table.add_row(check.name, Text(word, style=style), Text(found))
    return table


def doctor_document(checks: Sequence[Check]) -> dict[str, Any]:
    """The checks for `--output json`; `ok` is null where a check could not be made."""
    listed = [{"check": c.name, "ok": c.ok, "words": c.words, "next_step": c.next_step} for c in checks]
    return {"ok": all(check.ok is not False for check in checks), "checks": listed}
