"""`sc-deploy history`: earlier deployments."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from bluegreen.commands import _connect, _terminal
from bluegreen.commands._options import Settings, verb
from bluegreen.errors import Refused

Number = Annotated[
    int | None, typer.Argument(metavar="NUMBER", help="Show the timeline of this deployment.", min=1)
]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="How many, newest first.")]


@verb
def history(settings: Settings, number: Number = None, limit: Limit = 20) -> None:
    """List earlier deployments, or show the timeline of one.

    For example:
      sc-deploy history --stack prod
      sc-deploy history 42 --stack prod
      sc-deploy history 42 --stack prod --output json | jq '.events[] | select(.event == "verdict")'
    """
    stack = _connect.open_stack(settings)
    if number is not None:
        _story(settings, stack, number)
        return
    from bluegreen.ui.tables.history import header_document, history_view

    headers = stack.ports.journal.history(limit=limit)
    document = {"stack": settings.stack, "deployments": [header_document(header) for header in headers]}
    _terminal.show(settings, document, history_view(headers, now=time.time()))


def _story(settings: Settings, stack: _connect.Stack, number: int) -> None:
    from rich.text import Text

    from bluegreen.engine.status import look
    from bluegreen.ui.tables.history import story_document, story_lines

    header = stack.ports.journal.header(number)
    if header is None:
        raise Refused(
            f"stack {settings.stack} has no deployment #{number}",
            next_step=f"list them with `sc-deploy history --stack {settings.stack}`",
        )
    entries = stack.ports.journal.entries(number)
    traffic = look(stack.contract, stack.ports).traffic if header.ending.open else ()
    lines = "\n".join(story_lines(header, entries, traffic))
    _terminal.show(settings, story_document(header, entries, traffic), Text(lines))
