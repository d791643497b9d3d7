"""`sc-deploy lab`: a laptop-sized AWS on this machine, to try everything on."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bluegreen.commands import terminal
from bluegreen.commands.settings import Debug, Output, OutputOption, Settings
from bluegreen.errors import Refused

if TYPE_CHECKING:
    from bluegreen.lab.lifecycle import LabInfo

__all__ = ["VERBS", "break_", "down", "heal", "load", "status", "up"]

DEFAULT_STATE = Path(".lab")
"""In the present directory: two checkouts have two labs."""

StateDir = Annotated[
    Path, typer.Option("--state-dir", envvar="SC_DEPLOY_LAB", help="Where the lab keeps its ports and logs.")
]
Stack = Annotated[str, typer.Option("--stack", "-s", help="Name of the stack to provision.")]
Realistic = Annotated[
    bool, typer.Option("--realistic", help="AWS's pace: slow boots, one-minute metrics that arrive late.")
]
Rate = Annotated[float, typer.Option("--rate", min=1, max=10_000, help="Requests per second.")]
Connections = Annotated[int, typer.Option("--connections", min=1, max=10_000, help="Open connections.")]
Seconds = Annotated[float, typer.Option("--seconds", min=1, max=3600, help="How long.")]
Out = Annotated[Path | None, typer.Option("--out", help="Write JSON lines to FILE instead of stdout.")]
Kind = Annotated[
    str,
    typer.Option("--kind", help="errors, latency, crash, unhealthy, hang, throttle or control-plane-down."),
]


def _told(output: Output, info: LabInfo) -> None:
    from rich.text import Text

    settings = Settings(stack="lab", output=output)
    exports = [f"export {name}={shlex.quote(value)}" for name, value in info.env.items()]
    document: dict[str, Any] = {
        "endpoint_url": info.endpoint_url,
        "front_url": info.front_url,
        "env": dict(info.env),
        "state_dir": str(info.state_dir),
    }
    terminal.show(settings, document, Text("\n".join(exports)))


def _running(state_dir: Path) -> LabInfo:
    from bluegreen.lab import lifecycle

    info: LabInfo | None = lifecycle.find(state_dir)
    if info is None:
        raise Refused(f"no lab runs in {state_dir}", next_step="start one with `sc-deploy lab up`")
    return info


def up(
    stack: Stack = "lab",
    realistic: Realistic = False,
    state_dir: StateDir = DEFAULT_STATE,
    output: OutputOption = Output.HUMAN,
    debug: Debug = False,  # noqa: ARG001  (read where errors are told)
) -> None:
    """Start a lab; prints the variables to export, so that any AWS client reaches it.

    For example:
      eval "$(sc-deploy lab up)"
      sc-deploy lab up --realistic --state-dir /tmp/lab2
    """
    from bluegreen.lab import lifecycle

    info = lifecycle.up(state_dir, realistic=realistic, stack=stack)
    terminal.say(f"the lab serves {info.front_url}; `sc-deploy lab down` stops it")
    _told(output, info)


def down(state_dir: StateDir = DEFAULT_STATE, debug: Debug = False) -> None:  # noqa: ARG001  (as above)
    """Stop the lab and everything it started.

    For example:
      sc-deploy lab down
      sc-deploy lab down --state-dir /tmp/lab2
    """
    from bluegreen.lab import lifecycle

    lifecycle.down(state_dir)
    terminal.say(f"the lab in {state_dir} is stopped")


def status(
    state_dir: StateDir = DEFAULT_STATE,
    output: OutputOption = Output.HUMAN,
    debug: Debug = False,  # noqa: ARG001  (as above)
) -> None:
    """Say whether a lab runs and how to reach it.

    For example:
      sc-deploy lab status
      sc-deploy lab status --output json | jq -r .front_url
    """
    _told(output, _running(state_dir))


def load(
    rate: Rate = 500.0,
    connections: Connections = 200,
    seconds: Seconds = 30.0,
    out: Out = None,
    state_dir: StateDir = DEFAULT_STATE,
    debug: Debug = False,  # noqa: ARG001  (as above)
) -> None:
    """Send a bounded load to the lab: a JSON line a second, and the report last.

    For example:
      sc-deploy lab load --rate 500 --seconds 60 | tail -1
      sc-deploy lab load --rate 1000 --connections 1000 --out load.jsonl
    """
    from bluegreen.commands.demo_run import TRAFFIC

    words = ["--url", _running(state_dir).front_url, "--rate", f"{rate:g}"]
    words += ["--connections", str(connections), "--seconds", f"{seconds:g}"]
    for traffic in TRAFFIC:
        words += ["--traffic", traffic]
    words += ["--out", str(out)] if out else []
    # A process of its own: it has its own event loop and its own file limit.
    done = subprocess.run([sys.executable, "-m", "bluegreen.lab.load", *words], check=False)  # noqa: S603  (our module)
    raise typer.Exit(done.returncode)


def break_(
    kind: Kind,
    state_dir: StateDir = DEFAULT_STATE,
    debug: Debug = False,  # noqa: ARG001  (as above)
) -> None:
    """Break something, as it breaks in production.

    For example:
      sc-deploy lab break --kind errors
      sc-deploy lab break --kind control-plane-down
    """
    from bluegreen.lab import lifecycle

    _running(state_dir)
    lifecycle.break_(kind, state_dir=state_dir)
    terminal.say(f"broken: {kind}; `sc-deploy lab heal` mends it")


def heal(state_dir: StateDir = DEFAULT_STATE, debug: Debug = False) -> None:  # noqa: ARG001  (as above)
    """Mend everything that `break` broke.

    For example:
      sc-deploy lab heal
    """
    from bluegreen.lab import lifecycle

    _running(state_dir)
    lifecycle.heal(state_dir=state_dir)
    terminal.say("everything is mended")


VERBS: dict[str, Callable[..., None]] = {
    "up": up,
    "down": down,
    "status": status,
    "load": load,
    "break": break_,
    "heal": heal,
}
