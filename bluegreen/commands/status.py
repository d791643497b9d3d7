"""`sc-deploy status`: what serves now."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from bluegreen.commands import _connect, _terminal
from bluegreen.commands._options import Settings, verb
from bluegreen.errors import CloudUnavailable

if TYPE_CHECKING:
    from rich.console import RenderableType

Watch = Annotated[bool, typer.Option("--watch", "-w", help="Refresh it until Ctrl-C.")]
Interval = Annotated[float, typer.Option("--interval", min=0.5, max=3600, help="Seconds between refreshes.")]


@verb
def status(settings: Settings, watch: Watch = False, interval: Interval = 3.0) -> None:
    """Show fleets, weights, health, who holds the lease, and where the traffic goes.

    For example:
      sc-deploy status --stack prod
      sc-deploy status --stack prod --watch
      sc-deploy status --stack prod --output json | jq -r '.traffic[]'
    """
    from bluegreen.engine.status import look
    from bluegreen.ui.tables.status import status_document, status_view

    stack = _connect.open_stack(settings)
    if watch and not settings.json and _terminal.is_screen():
        _watch(stack, interval)
    while True:
        found = look(stack.contract, stack.ports)
        _terminal.show(settings, status_document(found), status_view(found, now=time.time()))
        if not watch:
            return
        time.sleep(interval)


def _watch(stack: _connect.Stack, interval: float) -> NoReturn:
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    from bluegreen.engine.status import look
    from bluegreen.ui.tables.status import status_view

    shown: RenderableType = Text("looking")
    with Live(shown, console=_terminal.console(), auto_refresh=False, screen=False) as live:
        while True:
            try:
                shown = status_view(look(stack.contract, stack.ports), now=time.time())
                live.update(shown, refresh=True)
            except CloudUnavailable as error:  # what was seen last stays, with the reason beside it
                live.update(Group(shown, Text(str(error), style="bold red")), refresh=True)
            time.sleep(interval)
