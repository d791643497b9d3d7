"""`sc-deploy teardown`: remove what a release left, or everything."""

from __future__ import annotations

from typing import Annotated

import typer

from bluegreen.commands import _terminal
from bluegreen.commands._confirm import confirm_plan
from bluegreen.commands._options import Settings, verb
from bluegreen.commands._run import LongCommand

All = Annotated[bool, typer.Option("--all", help="The live fleets too: the stack then serves nothing.")]


@verb
def teardown(settings: Settings, everything: All = False) -> None:
    """Remove fleets that serve nothing; with --all everything that sc-deploy made in the stack.

    Anything without sc-deploy's tags is never touched. Run it with --all before `pulumi destroy`; for a
    live stack it then asks for the stack's name. With nothing to remove it ends with 0.

    For example:
      sc-deploy teardown --stack test
      sc-deploy teardown --stack test --all --yes
    """
    from bluegreen.engine import planning
    from bluegreen.ui.questions import closes, teardown_question

    run = LongCommand(settings)
    plan = planning.teardown(run.stack.contract, run.stack.ports, everything=everything)
    if not plan.stages:
        _terminal.show_nothing(settings, f"nothing to remove on {settings.stack}")
        return
    confirm_plan(settings, plan, teardown_question(plan), by_name=closes(plan))
    run.go(lambda deployer: deployer.run(plan, note=run.note))
