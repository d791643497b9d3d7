"""What a verb prints: data on stdout, everything else on stderr."""

from __future__ import annotations

import io
import os
import shutil
import sys
import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TextIO

import typer

from bluegreen.commands._options import Settings
from bluegreen.text import folded, no_commands

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from bluegreen.ui.view import View

_PIPE_WIDTH = 1000
"""Columns for what goes into a pipe, where there is no terminal to ask: a row is one line for grep."""


def console(stream: TextIO | None = None) -> Console:
    """A rich console; rich itself honours NO_COLOR, TERM and COLUMNS."""
    from rich.console import Console

    return Console(file=stream or sys.stdout, highlight=False)


def say(words: str) -> None:
    """Prose, on stderr; a terminal's lines break between words."""
    words = folded(words)
    if sys.stderr.isatty():
        width = shutil.get_terminal_size().columns
        words = textwrap.fill(words, max(20, width - 1), subsequent_indent="  ", break_on_hyphens=False)
    typer.echo(words, err=True)


def show(settings: Settings, document: Mapping[str, Any], shown: RenderableType) -> None:
    """The answer of a query: one JSON document, or for people what `shown` is."""
    if settings.json:
        from bluegreen.ui.events import json_line

        typer.echo(json_line(document))
    elif sys.stdout.isatty():
        from bluegreen.ui.shown import Shown

        console().print(Shown(shown))
    else:
        typer.echo(unpadded(shown))


def unpadded(shown: RenderableType) -> str:
    """`shown` as a pipe gets it: no line ends in spaces, and none is broken but where COLUMNS asks for it."""
    from rich.console import Console

    from bluegreen.ui.shown import Shown

    written = io.StringIO()
    width = None if os.environ.get("COLUMNS") else _PIPE_WIDTH
    Console(file=written, width=width, highlight=False).print(Shown(shown))
    return no_commands("\n".join(line.rstrip() for line in written.getvalue().splitlines()))


def show_nothing(settings: Settings, words: str) -> None:
    """There was nothing to do: the same for programs and people, and no error."""
    from rich.text import Text

    show(settings, {"event": "result", "exit_code": 0, "words": words}, Text(words))


def is_screen() -> bool:
    """Whether stdout is a terminal that can be drawn on."""
    return sys.stdout.isatty() and os.environ.get("TERM", "") != "dumb"


def view_for(settings: Settings, *, acts: bool) -> View:
    """The display of a run: JSON events, the live screen on a terminal, or plain lines.

    `acts`: its keys change the deployment; otherwise they only turn pages.
    """
    if settings.json:
        from bluegreen.ui.events import JsonView

        return JsonView(sys.stdout)
    if is_screen():
        from bluegreen.ui.keys import Keys
        from bluegreen.ui.links import knows_links
        from bluegreen.ui.live import LiveView

        return LiveView(
            console(),
            keys=Keys(acts=acts) if sys.stdin.isatty() else None,
            linked=knows_links(os.environ),
            addressed="AWS_ENDPOINT_URL" not in os.environ,  # no page of the console knows a lab
        )
    from bluegreen.ui.plain import PlainView

    return PlainView(sys.stdout)
