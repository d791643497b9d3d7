"""Earlier deployments as a table, and one of them as its timeline."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.text import Text

from bluegreen.domain.journal import Entry, Header
from bluegreen.ui.events import event
from bluegreen.ui.format import day, duration, ending_label, iso
from bluegreen.ui.glyphs import ENDING_STYLE
from bluegreen.ui.lines import Lines
from bluegreen.ui.tables.grid import grid

_REASON_WIDTH = 60
_WIDE, _NARROW = 110, 76
"""Columns from which on the table says who and why, and from which on it says when."""


def history_view(headers: Sequence[Header], *, now: float) -> RenderableType:
    """Newest first; a deployment is one line at any width."""
    return _History(headers=headers, now=now) if headers else Text("no deployment yet")


@dataclass(frozen=True, slots=True, kw_only=True)
class _History:
    """Leaves columns out, the least needed ones first, where a terminal is too narrow for all of them."""

    headers: Sequence[Header]
    now: float

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        names = ["#", "what", "version", "ended"]
        names += ["began", "took"] if options.max_width >= _NARROW else []
        names += ["by", "reason"] if options.max_width >= _WIDE else []
        table = grid(*names, right=("#", "took"))
        for column in table.columns:
            column.no_wrap = column.header != "reason"  # the one that gives way: its cells break no line
        for header in self.headers:
            cells = self._cells(header)
            table.add_row(*(cells[name] for name in names))
        yield table

    def _cells(self, header: Header) -> dict[str, Text | str]:
        return {
            "#": str(header.number),
            "what": header.intent,
            "version": f"{header.version} (verified)" if header.proven else header.version,
            "ended": Text(ending_label(header.intent, header.ending), style=ENDING_STYLE[header.ending]),
            "began": day(header.started_at),
            "took": duration((header.ended_at or self.now) - header.started_at),
            "by": header.operator,
            "reason": Text(_reason(header), no_wrap=True, overflow="ellipsis"),
        }


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
