"""The arguments that some verbs share: what is promoted, and which deployment is meant."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from bluegreen.errors import ConfigError, Fault

if TYPE_CHECKING:
    from bluegreen.contract import Tier

_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


def _image_tag(version: str) -> str:
    """A version is the tag of its images: what no image can be called is known before AWS is asked.

    The form is that of the OCI distribution specification, and the API's for `imageTag`.
    """
    if not _TAG.fullmatch(version):
        raise typer.BadParameter(
            f"{version!r} cannot be an image tag: up to 128 letters, digits, '_', '.' and '-', "
            "the first a letter, a digit or '_'"
        )
    return version


VersionArgument = Annotated[
    str, typer.Argument(metavar="VERSION", help="The release, e.g. v1.4.0.", callback=_image_tag)
]
TiersOption = Annotated[
    str, typer.Option("--tiers", help="Only these tiers, e.g. ai or web,app.  [default: all]")
]
ModelOption = Annotated[
    str, typer.Option("--model", help="The AI model version.  [default: the current one]")
]
DespiteOption = Annotated[
    str,
    typer.Option(
        "--despite",
        metavar="WHY",
        help="Continue although the live fleet is sick or gone, alarms fire, or a freeze is on; recorded.",
    ),
]
AnyVersionOption = Annotated[
    bool,
    typer.Option("--any-version", help="Allow a version that is not vX.Y.Z or a pre-release of it."),
]
NumberArgument = Annotated[
    int | None,
    typer.Argument(metavar="NUMBER", help="The deployment.  [default: the unfinished one]", min=1),
]
NewestArgument = Annotated[
    int | None,
    typer.Argument(metavar="NUMBER", help="The deployment.  [default: the newest]", min=1),
]

DownOption = Annotated[
    bool,
    typer.Option("--down", help="Undo the database migration too: `down` of [migration] in deploy.toml."),
]


def tiers_of(text: str) -> tuple[Tier, ...]:
    """The tiers of `web,app`; raises ConfigError naming each that does not exist."""
    from bluegreen.contract import Tier

    names = [name.strip() for name in text.split(",") if name.strip()]
    known = [tier.value for tier in Tier]
    faults = [
        Fault("--tiers", f"unknown tier {name!r}", ", ".join(known)) for name in names if name not in known
    ]
    if faults:
        raise ConfigError("the tiers cannot be used", faults=faults)
    return tuple(dict.fromkeys(Tier(name) for name in names))
