"""`sc-deploy rollback`: go back to an earlier version."""

from __future__ import annotations

from typing import Annotated

import typer

from bluegreen.commands import _terminal
from bluegreen.commands._confirm import confirm_plan
from bluegreen.commands._options import Reason, Settings, verb
from bluegreen.commands._run import Run

To = Annotated[
    str, typer.Option("--to", metavar="VERSION", help="The version.  [default: the last proven one]")
]


Down = Annotated[
    bool,
    typer.Option(
        "--down", help="MigrationUndo the database migration too: `down` of [migration] in deploy.toml."
    ),
]


@verb
def rollback(settings: Settings, to: To = "", reason: Reason = "", down: Down = False) -> None:
    """Go back to the last proven release, or to the one that --to names.

    While the old fleet stands, the traffic goes back to it at once; otherwise it is built again,
    proved, and gets all traffic in one step. An unfinished deployment is taken back with `abort`.

    With --down the failed release's down migration runs on its own app host, after its traffic is gone
    and before it is removed. Should it fail, the rollback halts there: nothing is removed.

    For example:
      sc-deploy rollback --stack prod --reason "logins fail"
      sc-deploy rollback --stack prod --to v1.3.2 --yes
      sc-deploy rollback --stack prod --down --reason "v1.4.0 broke the schema"
    """
    run = Run(settings)
    plan = run.deployer.plan_rollback(to=to or None, reason=reason, down=down)
    if not plan.stages:
        words = f"{to} already serves all traffic on {settings.stack}; nothing to roll back"
        _terminal.show_nothing(settings, words)
        return
    goal = f"{to or 'the last proven release'}{', its database migration undone' if down else ''}"
    confirm_plan(settings, plan, f"Roll {settings.stack} back to {goal}?")
    run.go(lambda deployer: deployer.run(plan))
