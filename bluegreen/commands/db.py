"""`sc-deploy db`: the database beside a release."""

from __future__ import annotations

from typing import Annotated

import typer

from bluegreen.commands import _connect, _terminal
from bluegreen.commands._confirm import confirm
from bluegreen.commands._options import Settings, verb
from bluegreen.commands._run import stopping
from bluegreen.errors import ExitCode

Version = Annotated[
    str, typer.Argument(metavar="[VERSION]", help="Whose migration.  [default: the live release's]")
]


@verb
def rehearse(settings: Settings, version: Version = "") -> None:
    """Try the migration of a release on a copy of the database, and measure it.

    The newest snapshot is restored to a throw-away instance; `check`, `command` and `down` of [migration] run
    against it, each timed; the instance is removed, after a failure and after Ctrl-C too. Nothing live
    changes, and releases may run meanwhile. A copy that a dead process left is removed first. It needs the
    role `restore`.

    The result is kept: `promote` of that version warns where it is missing, failed or older than
    rehearsal.max_age, or where the migration took longer than its timeout.

    Ends with 0 when every part succeeded, 3 when one failed.

    For example:
      sc-deploy db rehearse v1.5.0 --stack prod
      sc-deploy db rehearse v1.5.0 --stack prod --yes --output json
    """
    from bluegreen.engine.database.rehearse import prepare
    from bluegreen.engine.database.rehearse import rehearse as carried_out
    from bluegreen.engine.database.work import Stop
    from bluegreen.ui.tables.rehearsal import rehearsal_document, rehearsal_question, rehearsal_view

    known, stop = _connect.open_stack(settings).known, Stop()
    script = prepare(*known, version=version, by=_connect.operator())
    confirm(settings, rehearsal_question(script.rehearsal))
    with stopping(stop, _terminal.say, lambda: f"{script.rehearsal.instance} is removed"):
        found = carried_out(script, *known, note=_terminal.say, stop=stop)
    _terminal.show(settings, rehearsal_document(found), rehearsal_view(found))
    if not found.ok:
        raise typer.Exit(int(ExitCode.REFUSED))


VERBS = {"rehearse": rehearse}
