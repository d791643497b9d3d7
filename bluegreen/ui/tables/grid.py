"""The one look of all tables."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from bluegreen.text import lines, one_line


class _Plain(Table):
    """Words in its cells are words: `[[smoke]]` of a file is no markup, nor is what an operator typed."""

    def add_row(self, *cells: RenderableType | None, **how: Any) -> None:
        super().add_row(*map(_cell, cells), **how)


def _cell(cell: RenderableType | None) -> RenderableType | None:
    """Words are one line; a cell that is given as `Text` may have several."""
    if isinstance(cell, Text):
        cell.plain = lines(cell.plain)
        return cell
    return Text(one_line(cell)) if isinstance(cell, str) else cell


def grid(*columns: str, right: tuple[str, ...] = ()) -> Table:
    """A table without lines but under its heading; `right` names columns of numbers."""
    table = _Plain(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim", expand=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return table


def field(label: str, words: str, style: str = "") -> Text:
    """`label     words`, for single facts above and below tables."""
    return Text.assemble((f"{label:<9} ", "dim"), (one_line(words), style))
