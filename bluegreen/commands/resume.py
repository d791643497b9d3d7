"""`sc-deploy resume`: go on with an unfinished deployment."""

from __future__ import annotations

from typing import Annotated

import typer

from bluegreen.commands._open import NumberArgument, find_open
from bluegreen.commands._options import Settings, verb
from bluegreen.commands._run import Run

SkipDown = Annotated[
    bool,
    typer.Option("--skip-down", help="Do not run the down migration: it was done by hand, or not wanted."),
]


@verb
def resume(settings: Settings, number: NumberArgument = None, skip_down: SkipDown = False) -> None:
    """Go on with a deployment that was interrupted, halted, or whose deployer died.

    Works from any machine: the journal knows what was done, and nothing is done twice. A dead deployer's
    lease is waited for (lease.ttl); where it is renewed that deployer lives, and this ends with 4.
    A down migration that failed is run once more, unless --skip-down says that a human has done it.

    For example:
      sc-deploy resume --stack prod
      sc-deploy resume 42 --stack prod --output json
      sc-deploy resume --stack prod --skip-down
    """
    run = Run(settings)
    found = find_open(run.deployer, number)
    if found is not None:
        run.recall(found)
    run.go(lambda deployer: deployer.resume(number, skip_down=skip_down, note=run.note))
