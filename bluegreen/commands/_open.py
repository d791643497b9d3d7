"""Which deployment `resume` and `abort` are about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bluegreen.engine.deployer import Deployer

NumberArgument = Annotated[
    int | None,
    typer.Argument(metavar="NUMBER", help="[default: the unfinished one]", min=1),
]

_LOOK_BACK = 20


def find_open(deployer: Deployer, number: int | None) -> int | None:
    """`number`, or the newest unfinished deployment; None where there is none."""
    if number is not None:
        return number
    from bluegreen.engine.deployment import open_header

    found = open_header(deployer.history(_LOOK_BACK))
    return found.number if found else None
