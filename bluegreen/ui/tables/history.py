"""Earlier deployments as a table, and one of them as its timeline."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from bluegreen.domain.journal import Entry, Header
from bluegreen.ui.events import event
from bluegreen.ui.format import day, duration, iso
from bluegreen.ui.glyphs import ENDING_STYLE
from bluegreen.ui.lines import Lines
from bluegreen.ui.tables.grid import grid

_REASON_WIDTH = 60


def history_view(headers: Sequence[Header], *, now: float) -> RenderableType:
    """Newest first."""
    if not headers:
        return Text("no deployment yet")
    table = grid("#", "what", "version", "ended", "began", "took", "by", "reason", right=("#", "took"))
    for header in headers:
        proven = f"{header.version} (verified)" if header.proven else header.version
        table.add_row(
            str(header.number),
            header.intent,
            proven,
            Text(header.ending, style=ENDING_STYLE[header.ending]),
            day(header.started_at),
            duration((header.ended_at or now) - header.started_at),
            header.operator,
            _reason(header),
        )
    return table


def _reason(header: Header) -> str:
    """Short enough for a table; `history NUMBER` tells all of it."""
    words = header.reason.removeprefix(f"{header.ending.replace('-', ' ')}: ")
    return textwrap.shorten(words, _REASON_WIDTH, placeholder=" ...") or "—"


def header_document(header: Header) -> dict[str, Any]:
    """One deployment for `--output json`; its documents hold the preview token and stay out."""
    return {
        "deployment": header.number,
        "stack": header.stack,
        "intent": header.intent,
        "version": header.version,
        "operator": header.operator,
        "started_at": iso(header.started_at),
        "ended_at": iso(header.ended_at) if header.ended_at is not None else None,
        "ending": str(header.ending),
        "reason": header.reason,
        "proven": header.proven,
        "fingerprint": header.fingerprint,
    }


def story_lines(header: Header, entries: Sequence[Entry], traffic: Sequence[str] = ()) -> list[str]:
    """One deployment as the lines that a piped run would have printed.

    `traffic` is where it is now, for a deployment that has not ended: its last entry may be long ago.
    """
    lines = Lines()
    told = [line for entry in entries for line in lines.of(header, entry)]
    return told + [f"traffic now: {words}" for words in traffic]


def story_document(header: Header, entries: Sequence[Entry], traffic: Sequence[str] = ()) -> dict[str, Any]:
    """One deployment with all its events; `traffic_now` where it has not ended."""
    now = {"traffic_now": list(traffic)} if traffic else {}
    return {**header_document(header), "events": [event(header, entry) for entry in entries], **now}
