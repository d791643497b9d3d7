"""`sc-deploy lab`: a laptop-sized AWS on this machine, to try everything out."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bluegreen.commands import _terminal
from bluegreen.commands._lab_faults import break_, heal
from bluegreen.commands._lab_state import DEFAULT_STATE, StateDir, running_in
from bluegreen.commands._options import Debug, Output, OutputOption, Settings

if TYPE_CHECKING:
    from bluegreen.lab.lifecycle import LabInfo

Stack = Annotated[str, typer.Option("--stack", "-s", help="Name of the stack to provision.")]
Realistic = Annotated[
    bool, typer.Option("--realistic", help="AWS's pace: slow boots, one-minute metrics that arrive late.")
]
Rate = Annotated[float, typer.Option("--rate", min=1, max=10_000, help="Requests per second.")]
Connections = Annotated[int, typer.Option("--connections", min=1, max=10_000, help="Open connections.")]
Seconds = Annotated[float, typer.Option("--seconds", min=1, max=3600, help="Duration of the load.")]
Out = Annotated[Path | None, typer.Option("--out", help="Write JSON lines to FILE instead of stdout.")]
Port = Annotated[int, typer.Option("--port", min=0, max=65_535, help="Port of the AWS API; 0: any free one.")]
FrontPort = Annotated[
    int, typer.Option("--front-port", min=0, max=65_535, help="Port of the load balancer; 0: any free one.")
]
NoDatabase = Annotated[bool, typer.Option("--no-database", help="Start without PostgreSQL.")]
Writes = Annotated[
    float, typer.Option("--writes", min=0, max=100, help="Percent of requests that write a row.")
]


def _exports(info: LabInfo) -> str:
    """Shell lines that point AWS clients and sc-deploy at the lab."""
    from bluegreen.lab.lifecycle import UNSET

    sets = [f"export {name}={shlex.quote(value)}" for name, value in info.env.items()]
    return "\n".join([f"unset {' '.join(UNSET)}", *sets])


def _document(info: LabInfo) -> dict[str, Any]:
    from bluegreen.lab.stack.releases import RELEASES

    return {
        "endpoint_url": info.endpoint_url,
        "front_url": info.front_url,
        "stack": info.stack,
        "realistic": info.realistic,
        "database_url": info.database_url,
        "without_database": info.without_database,
        "state_dir": str(info.state_dir),
        "env": info.env,
        "releases": {release.version: release.words for release in RELEASES},
    }


def up(
    stack: Stack = "lab",
    realistic: Realistic = False,
    port: Port = 0,
    front_port: FrontPort = 0,
    no_database: NoDatabase = False,
    state_dir: StateDir = DEFAULT_STATE,
    output: OutputOption = Output.HUMAN,
    debug: Debug = False,  # noqa: ARG001  (read where errors are reported)
) -> None:
    """Start a lab and print the variables to export, so that any AWS client reaches it.

    Two labs can run side by side, each in its own state directory.

    For example:
      eval "$(sc-deploy lab up)"
      sc-deploy lab up --realistic --state-dir /tmp/lab2
      sc-deploy lab up --port 4566 --front-port 8080
    """
    from bluegreen.lab import lifecycle

    if lost := lifecycle.lost(state_dir):
        _terminal.say(lost)
    _terminal.say("starting a laptop-sized AWS ...")
    info = lifecycle.up(
        state_dir,
        stack=stack,
        realistic=realistic,
        port=port,
        front_port=front_port,
        database=not no_database,
    )
    if info.machine:
        _terminal.say(info.machine)
    if info.without_database and not no_database:
        _terminal.say(f"the lab has no database: {info.without_database}")
    _terminal.say(
        f"the lab serves {info.front_url}; next: `sc-deploy promote v1.0.0 --stack {stack}`, "
        "`sc-deploy lab status`, `sc-deploy lab down`"
    )
    _told(output, info)


def _told(output: Output, info: LabInfo) -> None:
    from rich.text import Text

    _terminal.show(Settings(stack=info.stack, output=output), _document(info), Text(_exports(info)))


def down(state_dir: StateDir = DEFAULT_STATE, debug: Debug = False) -> None:  # noqa: ARG001  (as above)
    """Stop the lab and everything it started. What it held is gone, the rows of its database too.

    For example:
      sc-deploy lab down
      sc-deploy lab down --state-dir /tmp/lab2
    """
    from bluegreen.lab import lifecycle

    before = "" if lifecycle.find(state_dir) else lifecycle.absence(state_dir)
    ran = lifecycle.down(state_dir)
    if before:
        _terminal.say(f"{before}; what was left of it is stopped" if ran else before)
    else:
        _terminal.say(f"stopped the lab in {state_dir}")


def status(
    state_dir: StateDir = DEFAULT_STATE,
    output: OutputOption = Output.HUMAN,
    debug: Debug = False,  # noqa: ARG001  (as above)
) -> None:
    """Show whether a lab is running, how to reach it, what runs in it and which releases it has.

    For example:
      sc-deploy lab status
      sc-deploy lab status --output json | jq -r .front_url
    """
    from bluegreen.lab.faults.breakage import state
    from bluegreen.ui.tables.lab import lab_view

    info = running_in(state_dir)
    found = state(info)
    document = {**_document(info), **found}
    _terminal.show(Settings(stack=info.stack, output=output), document, lab_view(document))


def load(
    rate: Rate = 500.0,
    connections: Connections = 200,
    seconds: Seconds = 30.0,
    writes: Writes = 3.0,
    out: Out = None,
    state_dir: StateDir = DEFAULT_STATE,
    debug: Debug = False,  # noqa: ARG001  (as above)
) -> None:
    """Send a bounded load to the lab; prints a JSON line per second, and a report at the end.

    For example:
      sc-deploy lab load --rate 500 --seconds 60 | tail -1
      sc-deploy lab load --rate 1000 --connections 1000 --out load.jsonl
    """
    from bluegreen.lab.load.child import attend, command

    info = running_in(state_dir)
    words = command(
        info.front_url,
        rate=rate,
        connections=connections,
        seconds=seconds,
        out=out,
        writes=writes / 100 if info.database_url else 0.0,
    )
    # A process of its own: it has its own event loop and its own file limit.
    raise typer.Exit(attend(words, info.state_dir))


VERBS: dict[str, Callable[..., None]] = {
    run.__name__.rstrip("_"): run for run in (up, down, status, load, break_, heal)
}
