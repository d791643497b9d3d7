"""Which lab a verb is about: its state directory, and what runs in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bluegreen.errors import Refused

if TYPE_CHECKING:
    from bluegreen.lab.lifecycle import LabInfo

DEFAULT_STATE = Path(".lab")
"""In the current directory: two checkouts have two labs."""

StateDir = Annotated[
    Path, typer.Option("--state-dir", envvar="SC_DEPLOY_LAB", help="Where the lab keeps its ports and logs.")
]


def running_in(state_dir: Path) -> LabInfo:
    """The lab that runs in `state_dir`; raises Refused where none does."""
    from bluegreen.lab import lifecycle

    info: LabInfo | None = lifecycle.find(state_dir)
    if info is None:
        raise Refused(lifecycle.absence(state_dir), next_step="start one with `sc-deploy lab up`")
    return info
