"""What a verb prints: data on stdout, everything else on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TextIO

import typer

from bluegreen.commands._options import Settings

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from bluegreen.ui.view import View

_PIPE_WIDTH = 140
"""Columns for a table that goes into a pipe, where there is no terminal to ask."""


def console(stream: TextIO | None = None) -> Console:
    """A rich console; rich itself honours NO_COLOR, TERM and COLUMNS."""
    from rich.console import Console

    stream = stream or sys.stdout
    fixed = None if stream.isatty() or os.environ.get("COLUMNS") else _PIPE_WIDTH
    return Console(file=stream, width=fixed, highlight=False)


def say(words: str) -> None:
    """Prose, on stderr."""
    typer.echo(words, err=True)


def show(settings: Settings, document: Mapping[str, Any], shown: RenderableType) -> None:
    """The answer of a query: one JSON document, or for people what `shown` is."""
    if settings.json:
        from bluegreen.ui.events import json_line

        typer.echo(json_line(document))
    else:
        console().print(shown)


def show_nothing(settings: Settings, words: str) -> None:
    """There was nothing to do: the same for programs and people, and no error."""
    from rich.text import Text

    show(settings, {"event": "result", "exit_code": 0, "words": words}, Text(words))


def is_screen() -> bool:
    """Whether stdout is a terminal that can be drawn on."""
    return sys.stdout.isatty() and os.environ.get("TERM", "") != "dumb"


def view_for(settings: Settings) -> View:
    """The display of a run: JSON events, the live screen on a terminal, or plain lines."""
    if settings.json:
        from bluegreen.ui.events import JsonView

        return JsonView(sys.stdout)
    if is_screen():
        from bluegreen.ui.live import LiveView

        return LiveView(console())
    from bluegreen.ui.plain import PlainView

    return PlainView(sys.stdout)
