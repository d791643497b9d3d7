"""`sc-deploy resume`: go on with an unfinished deployment."""

from __future__ import annotations

from bluegreen.commands.running import Run
from bluegreen.commands.settings import Settings, verb
from bluegreen.commands.unfinished import NumberArgument, find_open

__all__ = ["resume"]


@verb
def resume(settings: Settings, number: NumberArgument = None) -> None:
    """Go on with a deployment that was interrupted, halted, or whose deployer died.

    Works from any machine: the journal knows what was done, and nothing is done twice. A dead deployer's
    lease is waited for (lease.ttl); where it is renewed that deployer lives, and this ends with 4.

    For example:
      sc-deploy resume --stack prod
      sc-deploy resume 42 --stack prod --output json
    """
    run = Run(settings)
    found = find_open(run.deployer, number)
    if found is not None:
        run.recall(found)
    run.go(lambda deployer: deployer.resume(number, note=run.note))
