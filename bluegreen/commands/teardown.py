"""`sc-deploy teardown`: remove what a release left, or everything."""

from __future__ import annotations

from typing import Annotated

import typer

from bluegreen.commands import _terminal
from bluegreen.commands._confirm import confirm_plan
from bluegreen.commands._options import Settings, verb
from bluegreen.commands._run import Run

All = Annotated[bool, typer.Option("--all", help="The live fleets too: the stack serves nothing.")]


@verb
def teardown(settings: Settings, everything: All = False) -> None:
    """Remove fleets that serve nothing; with --all everything that sc-deploy made in the stack.

    What lacks sc-deploy's tags is never touched. Run it with --all before `pulumi destroy`.

    For example:
      sc-deploy teardown --stack test
      sc-deploy teardown --stack test --all --yes
    """
    run = Run(settings)
    plan = run.deployer.plan_teardown(everything=everything)
    if not plan.stages:
        _terminal.show_nothing(settings, f"there is nothing to remove on {settings.stack}")
        return
    what = "EVERYTHING, the live fleets included," if everything else "the fleets that serve nothing"
    confirm_plan(settings, plan, f"Remove {what} from {settings.stack}?")
    run.go(lambda deployer: deployer.run(plan))
