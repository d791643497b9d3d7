"""The checklists as a table: what is known of each item, by what or by whom, and since when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from bluegreen.domain.checklist import Established, ItemOutcome
from bluegreen.ui.format import clock_utc, iso
from bluegreen.ui.tables.grid import grid

WORDS = {
    ItemOutcome.HOLDS: ("✓ holds", "green"),
    ItemOutcome.FAILED: ("✗ failed", "bold red"),
    ItemOutcome.OPEN: ("? open", "yellow"),
    ItemOutcome.NOT_APPLICABLE: ("– not here", "dim"),
}


def checklist_view(found: Sequence[Established]) -> RenderableType:
    """In the strategy's order, phase by phase."""
    table = grid("phase", "item", "state", "evidence")
    before = ""
    for one in found:
        word, style = WORDS[one.outcome]
        phase = str(one.item.phase)
        table.add_row(
            "" if phase == before else phase, one.item.words, Text(word, style=style), evidence_words(one)
        )
        before = phase
    return table


def evidence_words(one: Established) -> str:
    """By whom or by what, and when (UTC)."""
    told = ": ".join(filter(None, (one.by, one.evidence)))
    return f"{told} ({clock_utc(one.at)})" if one.at is not None and told else told


def checklist_document(found: Sequence[Established]) -> dict[str, Any]:
    """For `--output json`; `strategy` has the customer's own words."""
    return {
        "event": "checklist",
        "ok": all(one.outcome is not ItemOutcome.FAILED for one in found),
        "items": [
            {
                "id": one.item.id,
                "phase": str(one.item.phase),
                "item": one.item.words,
                "strategy": one.item.strategy,
                "outcome": str(one.outcome),
                "established": "person" if one.by else "measured" if one.at is not None else "no",
                "evidence": one.evidence,
                "by": one.by,
                "at": None if one.at is None else iso(one.at),
            }
            for one in found
        ],
    }
