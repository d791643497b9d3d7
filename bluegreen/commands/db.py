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


Snapshot = Annotated[str, typer.Argument(metavar="SNAPSHOT", help="Of the stack's database.")]
Beside = Annotated[bool, typer.Option("--beside", help="Stop before the swap, to look at the new instance.")]
Discard = Annotated[bool, typer.Option("--discard", help="Give an unfinished restore up, before its swap.")]


@verb
def restore(settings: Settings, snapshot: Snapshot, beside: Beside = False, discard: Discard = False) -> None:
    """Restore a snapshot beside the database, then swap the names: what was written since then is lost.

    The application's endpoint follows the name, so no host changes. The old instance stays, under a dated
    name. Until the swap everything serves on; during it nobody can connect, for up to twenty minutes. Asks
    for the stack's name. It needs the role `restore`.

    Interrupted or failed, the same command continues where it ended. Until the swap, --discard gives it up.

    For example:
      sc-deploy db restore sc-prod-before-42 --stack prod --beside
      sc-deploy db restore sc-prod-before-42 --stack prod
    """
    from bluegreen.engine.database import restore as engine
    from bluegreen.engine.database.work import Stop
    from bluegreen.ui.tables.restoration import (
        restoration_document,
        restoration_question,
        restoration_view,
    )

    (contract, policy, ports), stop = _connect.open_stack(settings).known, Stop()
    planned = engine.prepare(contract, ports, snapshot=snapshot, by=_connect.operator())
    if discard:
        confirm(settings, f"Remove {planned.beside} and give the restore up?")
    elif not beside:
        confirm(settings, restoration_question(planned, ports.clock.now()), by_name=True)
    with stopping(stop, _terminal.say, lambda: f"the swap of {planned.database}"):
        found = (
            engine.discard(planned, policy, ports, note=_terminal.say, stop=stop)
            if discard
            else engine.restore(
                planned, contract, policy, ports, note=_terminal.say, stop=stop, swap=not beside
            )
        )
    now = ports.clock.now()
    _terminal.show(settings, restoration_document(found, now), restoration_view(found, now))


VERBS = {"rehearse": rehearse, "restore": restore}
