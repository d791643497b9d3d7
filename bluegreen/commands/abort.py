"""`sc-deploy abort`: take an unfinished deployment back."""

from __future__ import annotations

from bluegreen.commands._confirm import confirm
from bluegreen.commands._open import NumberArgument, find_open
from bluegreen.commands._options import Reason, Settings, verb
from bluegreen.commands._run import Run
from bluegreen.commands.rollback import Down


@verb
def abort(settings: Settings, number: NumberArgument = None, reason: Reason = "", down: Down = False) -> None:
    """Take an unfinished deployment back: all traffic to blue, green removed.

    Where another process runs the deployment, it is asked to take it back, and its work is shown.
    With --down green's down migration runs on its own app host, before green is removed.

    For example:
      sc-deploy abort --stack prod --reason "wrong version"
      sc-deploy abort 42 --stack prod --yes
      sc-deploy abort --stack prod --down --reason "the migration locks tables"
    """
    run = Run(settings)
    found = find_open(run.deployer, number)
    named = "the unfinished deployment" if found is None else f"deployment {found}"
    confirm(settings, f"Take {named} of {settings.stack} back{', its migration undone' if down else ''}?")
    if found is not None:
        run.recall(found)
    run.go(lambda deployer: deployer.abort(number, reason=reason, down=down, note=run.note))
