"""`sc-deploy notify`: do pages arrive?"""

from __future__ import annotations

import typer

from bluegreen.commands import _connect, _terminal
from bluegreen.commands._options import Settings, verb
from bluegreen.errors import ExitCode


@verb
def test(settings: Settings) -> None:
    """Send a page that is marked as a test through every channel of the stack, and change nothing.

    Ends with 0 when every channel took it, 3 when one did not. Whether it arrived, only people can say.

    For example:
      sc-deploy notify test --stack prod
    """
    from bluegreen.engine.checks.liveness import page_everyone
    from bluegreen.ui.tables.doctor import doctor_document, doctor_view

    stack = _connect.open_stack(settings)
    found = page_everyone(stack.ports)
    _terminal.show(settings, doctor_document(found), doctor_view(found))
    if any(not check.ok for check in found):
        raise typer.Exit(int(ExitCode.REFUSED))


VERBS = {"test": test}
