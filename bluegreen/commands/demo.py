"""`sc-deploy demo`: the main job on this machine, without an AWS account."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bluegreen.commands import _terminal
from bluegreen.commands._options import Debug, Output, OutputOption, Settings
from bluegreen.errors import ExitCode, Interrupted, Starved

if TYPE_CHECKING:
    from bluegreen.commands._connect import Subscriber
    from bluegreen.domain.journal import Ending
    from bluegreen.lab.demo.facts import Act, Seen
    from bluegreen.lab.demo.run import Demo

FIRST, GOOD, BAD = "v1.0.0", "v1.1.0", "v1.2.0"
_BEFORE = 2.0
"""Seconds of load before the first promotion under it, at stretch 1: blue needs a measured past, and the
first seconds of processes that have just begun are not typical."""
_AFTERMATH = 2.5
"""Seconds of load after the last deployment, at least one of them whole: which version answers then?"""

Rate = Annotated[
    float | None,
    typer.Option(
        "--rate",
        min=50,
        max=2000,
        help="Requests per second.  [default: what the machine carries, 700 at most]",
    ),
]
Connections = Annotated[int, typer.Option("--connections", min=1, max=2000, help="Open connections.")]


def demo(
    rate: Rate = None,
    connections: Connections = 200,
    output: OutputOption = Output.HUMAN,
    debug: Debug = False,  # noqa: ARG001  (read where errors are reported)
) -> None:
    """Show a release, a promotion under load and an automatic rollback, on this machine alone.

    Starts a laptop-sized AWS with real HTTP processes, releases v1.0.0, promotes v1.1.0 under load
    without losing a request, then promotes v1.2.0, which answers about 2 % of requests with errors
    and is rolled back automatically. Exits with 0 only if all of this happened as expected, and
    stops everything it started.

    Minutes are seconds here: metrics arrive every second; on AWS every minute, 1-3 minutes late.
    On a busy machine the lab slows its clock and the load, and says so; where that does not help, the
    demo ends with 7, which says something about the machine and nothing about a release.

    For example:
      sc-deploy demo
      sc-deploy demo --rate 1000 --connections 1000
      sc-deploy demo --output json | tail -1 | jq .figures
    """
    from bluegreen.lab.demo.run import STACK, TRY_AGAIN, Demo, terminated_as_interrupt

    settings = Settings(stack=STACK, yes=True, output=output)
    began = time.monotonic()

    def promote(version: str, policy: Path, listen: Subscriber) -> Ending:
        return _promote(replace(settings, policy=policy), version, listen)

    _terminal.say(
        "starting a laptop-sized AWS; its metrics arrive every second, on AWS they take minutes ..."
    )
    stage = Demo(promote, _terminal.say, rate=rate, connections=connections)
    try:
        with terminated_as_interrupt(), stage:
            stage.keep = True  # until it went well
            well = _play(stage, settings, began)
            stage.keep = not well
            if not well and (words := stage.outgrown()):
                raise Starved(words, next_step=TRY_AGAIN)
    finally:
        if stage.keep:
            _terminal.say(f"logs: {stage.directory}")
    if not well:
        raise typer.Exit(int(ExitCode.BUG))


def _promote(settings: Settings, version: str, listen: Subscriber) -> Ending:
    """Promote `version` through the code of `sc-deploy promote`."""
    from bluegreen.commands._run import LongCommand
    from bluegreen.engine.planning import promotion

    run = LongCommand(settings, listeners=(listen,))
    plan = promotion(*run.stack.known, version=version, reason="demo")
    result = run.complete(lambda deployer: deployer.run(plan))
    if result.exit_code is ExitCode.INTERRUPTED:
        raise Interrupted("the demo was stopped")
    return result.ending


def _play(stage: Demo, settings: Settings, began: float) -> bool:
    _terminal.say(f"1/3 releasing {FIRST} onto an empty stack")
    first = stage.deploy(FIRST)
    stage.start_load()
    time.sleep(_BEFORE * stage.stretch)
    _terminal.say(f"2/3 promoting {GOOD} under load")
    good = stage.deploy(GOOD, before=FIRST)
    _terminal.say(f"3/3 promoting {BAD}, which answers about 2 % of requests with errors")
    bad = stage.deploy(BAD, before=GOOD)
    _report(replace(settings, policy=stage.policy))
    time.sleep(_AFTERMATH)
    seen = stage.stop_load()
    leftovers = _leftovers(replace(settings, policy=stage.policy))
    took = {
        "demo_seconds": round(time.monotonic() - began, 1),
        "stretch": stage.stretch,
        "rate": round(stage.rate),
    }
    return _told(settings, (first, good, bad), seen, leftovers, took)


def _report(settings: Settings) -> None:
    """Leave the report of the last act where it outlives the demo."""
    from bluegreen.commands import _connect
    from bluegreen.commands._report import write_report

    journal = _connect.open_stack(settings).ports.journal
    number = journal.history(limit=1)[0].number
    path = Path(tempfile.mkdtemp(prefix="sc-deploy-report-")) / f"{settings.stack}-{number}.html"
    write_report(journal, number, path)
    _terminal.say(f"what happened, as a report: {path}")


def _leftovers(settings: Settings) -> list[str]:
    """Fleets that exist without serving."""
    from bluegreen.commands import _connect
    from bluegreen.engine.status import observe

    stack = _connect.open_stack(settings)
    state = observe(stack.contract, stack.ports)
    found = [(tier.tier, fleet) for tier in state.tiers for fleet in tier.leftovers]
    return [f"{tier}: {fleet.version} of deployment {fleet.deployment}" for tier, fleet in found]


def _told(
    settings: Settings,
    acts: tuple[Act, Act, Act],
    seen: Seen,
    leftovers: list[str],
    took: Mapping[str, float],
) -> bool:
    from bluegreen.commands.demo_view import demo_view
    from bluegreen.lab.demo.facts import facts, figures, weights_seen

    found = facts(*acts, seen, leftovers=leftovers)
    numbers = {**figures(acts[1], acts[2], seen), **took}
    well = all(fact.ok for fact in found)
    document = {
        "event": "demo",
        "ok": well,
        "exit_code": int(ExitCode.RELEASED if well else ExitCode.BUG),
        "figures": numbers,
        "weights": [asdict(weight) for weight in weights_seen(acts[1], seen)],
        "facts": [asdict(fact) for fact in found],
    }
    _terminal.show(settings, document, demo_view(found, numbers))
    return well
