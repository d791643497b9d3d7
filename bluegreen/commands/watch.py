"""`sc-deploy watch`: the live view of a deployment that runs elsewhere."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

import typer

from bluegreen.commands import _connect, _terminal
from bluegreen.commands._deployment import header_of
from bluegreen.commands._keyboard import typing_into
from bluegreen.commands._options import Settings, verb
from bluegreen.commands._request import NewestArgument
from bluegreen.commands._run import stopping, usual_seconds
from bluegreen.errors import ExitCode

if TYPE_CHECKING:
    from bluegreen.ui.keys import Action


def _nothing(_action: Action) -> None:
    """Whoever watches asks for nothing."""


@verb
def watch(settings: Settings, number: NewestArgument = None) -> None:
    """Watch a deployment from any machine, as its own deployer shows it, until it ends.

    It reads the journal and changes nothing; Ctrl-C ends the watching alone. Ends with the exit code that the
    deployment's own command ends with, with 6 where its deployer has died, and with 130 after Ctrl-C.

    For example:
      sc-deploy watch --stack prod
      sc-deploy watch 42 --stack prod
      sc-deploy watch --stack prod --output json | jq 'select(.event == "verdict")'
    """
    from bluegreen.engine.deployment.watching import Watcher

    stack = _connect.open_stack(settings)
    header = header_of(stack.ports.journal, number, stack=settings.stack)
    view, stop = _terminal.view_for(settings, acts=False), threading.Event()
    leaving = "the deployment continues; this command only watched it"
    stack.ports.aside(lambda: view.usual(partial(usual_seconds, stack.ports.journal)))
    with view, typing_into(view, _nothing), stopping(stop.set, view.note, lambda: leaving, words=leaving):
        result = Watcher(header, stack.ports, (view,)).until_over(stopped=stop.is_set, note=view.note)
        if result is not None:
            view.close(result)
    raise typer.Exit(int(result.exit_code if result else ExitCode.INTERRUPTED))
