"""`sc-deploy resume`: continue an unfinished deployment."""

from __future__ import annotations

from typing import Annotated

import typer

from bluegreen.commands._options import Settings, verb
from bluegreen.commands._request import NumberArgument
from bluegreen.commands._run import LongCommand

SkipDown = Annotated[
    bool,
    typer.Option("--skip-down", help="Do not run the down migration: it was done by hand, or is not wanted."),
]


@verb
def resume(settings: Settings, number: NumberArgument = None, skip_down: SkipDown = False) -> None:
    """Continue a deployment that was interrupted, halted, or whose deployer died.

    Works from any machine: the journal knows what was done, and nothing is done twice. It waits until a
    dead deployer's lease expires (lease.ttl); if the lease is renewed, that deployer is alive, and this
    ends with 4. A down migration that failed runs once more, unless --skip-down says that a person has
    done it.

    For example:
      sc-deploy resume --stack prod
      sc-deploy resume 42 --stack prod --output json
      sc-deploy resume --stack prod --skip-down
    """
    run = LongCommand(settings)
    header = run.stack.deployer.unfinished(number)
    run.recall(header)
    run.go(lambda deployer: deployer.resume(header.number, skip_down=skip_down, note=run.note))
