"""`sc-deploy demo`: the main job on this machine, without an AWS account."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from bluegreen.commands import terminal
from bluegreen.commands.settings import Debug, Output, OutputOption, Settings
from bluegreen.errors import ExitCode

if TYPE_CHECKING:
    from bluegreen.commands.demo_facts import Act, Seen
    from bluegreen.commands.demo_run import Demo

__all__ = ["demo"]

FIRST, GOOD, BAD = "v1.0.0", "v1.1.0", "v1.2.0"
_BEFORE = 4.0
"""Seconds of load before the first promotion under it: blue needs a measured past."""
_AFTERMATH = 3.0
"""Seconds of load after the last deployment: who answers then?"""

Rate = Annotated[float, typer.Option("--rate", min=50, max=2000, help="Requests per second.")]
Connections = Annotated[int, typer.Option("--connections", min=1, max=2000, help="Open connections.")]


def demo(
    rate: Rate = 700.0,
    connections: Connections = 200,
    output: OutputOption = Output.HUMAN,
    debug: Debug = False,  # noqa: ARG001  (read where errors are told)
) -> None:
    """Show a release, a promotion under load and an automatic rollback, on this machine alone.

    Starts a laptop-sized AWS with real HTTP processes, releases v1.0.0, promotes v1.1.0 under load
    without losing a request, then promotes v1.2.0, which serves about 2 % errors and is taken back
    by itself. Ends with 0 only if all of it went as it should, and stops everything it started.

    Minutes are seconds here: the metrics come every second, on AWS every minute and 1-3 minutes late.

    For example:
      sc-deploy demo
      sc-deploy demo --rate 1000 --connections 1000
      sc-deploy demo --output json | tail -1 | jq .figures
    """
    from bluegreen.commands.demo_run import Demo, terminated_as_interrupt

    settings = Settings(stack="lab", output=output)
    began = time.monotonic()
    terminal.say("starting a laptop-sized AWS; its metrics come every second, on AWS they take minutes ...")
    with terminated_as_interrupt(), Demo(output=output, rate=rate, connections=connections) as stage:
        stage.keep = True  # until it went well
        well = _play(stage, settings, began)
        stage.keep = not well
    if not well:
        raise typer.Exit(int(ExitCode.BUG))


def _play(stage: Demo, settings: Settings, began: float) -> bool:
    terminal.say(f"1/3 releasing {FIRST} onto an empty stack")
    first = stage.deploy(FIRST)
    stage.start_load()
    time.sleep(_BEFORE)
    terminal.say(f"2/3 promoting {GOOD} under load")
    good = stage.deploy(GOOD, before=FIRST)
    terminal.say(f"3/3 promoting {BAD}, which serves about 2 % errors")
    bad = stage.deploy(BAD, before=GOOD)
    time.sleep(_AFTERMATH)
    seen = stage.stop_load()
    return _told(settings, (first, good, bad), seen, stage.leftovers(), time.monotonic() - began)


def _told(
    settings: Settings, acts: tuple[Act, Act, Act], seen: Seen, leftovers: list[str], took: float
) -> bool:
    from dataclasses import asdict

    from bluegreen.commands.demo_facts import facts, figures, weights_seen
    from bluegreen.commands.demo_report import demo_view

    found = facts(*acts, seen, leftovers=leftovers)
    numbers = {**figures(acts[1], acts[2], seen), "demo_seconds": round(took, 1)}
    well = all(fact.ok for fact in found)
    document = {
        "event": "demo",
        "ok": well,
        "exit_code": int(ExitCode.RELEASED if well else ExitCode.BUG),
        "figures": numbers,
        "weights": [asdict(weight) for weight in weights_seen(acts[1], seen)],
        "facts": [asdict(fact) for fact in found],
    }
    terminal.show(settings, document, demo_view(found, numbers))
    return well
