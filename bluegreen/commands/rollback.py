"""`sc-deploy rollback`: go back to an earlier version."""

from __future__ import annotations

from typing import Annotated

import typer

from bluegreen.commands.confirming import confirm_plan
from bluegreen.commands.running import Run
from bluegreen.commands.settings import Reason, Settings, verb

__all__ = ["rollback"]

To = Annotated[
    str, typer.Option("--to", metavar="VERSION", help="The version.  [default: the last proven one]")
]


@verb
def rollback(settings: Settings, to: To = "", reason: Reason = "") -> None:
    """Go back to the last proven release, or to the one that --to names.

    While the old fleet stands, the traffic goes back to it at once; otherwise it is built again,
    proved, and gets all traffic in one step. An unfinished deployment is taken back with `abort`.

    For example:
      sc-deploy rollback --stack prod --reason "logins fail"
      sc-deploy rollback --stack prod --to v1.3.2 --yes
    """
    run = Run(settings)
    plan = run.deployer.plan_rollback(to=to or None, reason=reason)
    confirm_plan(settings, plan, f"Roll {settings.stack} back to {to or 'the last proven release'}?")
    run.go(lambda deployer: deployer.run(plan))
