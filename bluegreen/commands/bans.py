"""`sc-deploy bans`: versions that are not released again."""

from __future__ import annotations

from typing import Annotated

import typer

from bluegreen.commands import _connect, _terminal
from bluegreen.commands._confirm import confirm
from bluegreen.commands._options import Settings, verb
from bluegreen.errors import Refused

Lift = Annotated[str, typer.Option("--lift", metavar="VERSION", help="Allow this version again.")]


@verb
def bans(settings: Settings, lift: Lift = "") -> None:
    """Show the versions that a rollback because of a vulnerability has banned; or lift one of the bans.

    `sc-deploy rollback --security FINDING` bans what it leaves: `promote` refuses that version, and the same
    image under another tag, and no rollback returns to it.

    For example:
      sc-deploy bans --stack prod
      sc-deploy bans --stack prod --lift v1.4.0
    """
    from bluegreen.ui.tables.bans import bans_document, bans_view

    stack = _connect.open_stack(settings)
    found = stack.ports.bans.all()
    if not lift:
        _terminal.show(settings, bans_document(found), bans_view(found))
        return
    banned = next((one for one in found if one.version == lift), None)
    if banned is None:
        names = ", ".join(one.version for one in found) or "none"
        raise Refused(f"{lift} is not banned on {settings.stack}", next_step=f"banned versions: {names}")
    confirm(settings, f"{banned.words}. Allow it on {settings.stack} again?")
    stack.ports.bans.lift(lift)
    _terminal.show_nothing(settings, f"{lift} may be released on {settings.stack} again")
