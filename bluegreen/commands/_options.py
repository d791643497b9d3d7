"""The options that every verb of a deployment takes, and how a verb gets them as one value.

Standard library, typer and `bluegreen.errors` only: every module here is imported by `--help`.
"""

from __future__ import annotations

import functools
import inspect
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec

import typer

DEFAULT_POLICY = Path("deploy.toml")
P = ParamSpec("P")


class Output(StrEnum):
    """For whom the output is."""

    HUMAN = "human"
    JSON = "json"


OutputOption = Annotated[
    Output,
    typer.Option(
        "--output",
        "-o",
        envvar="SC_DEPLOY_OUTPUT",
        help="human or json: data on stdout, one event per line.",
    ),
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an unexpected error.")]
Reason = Annotated[str, typer.Option("--reason", help="Recorded in the history and in notifications.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What every verb of a deployment is told; the fields are the options."""

    stack: Annotated[
        str, typer.Option("--stack", "-s", envvar="SC_DEPLOY_STACK", help="The stack, e.g. prod.")
    ]
    contract: Annotated[
        Path | None,
        typer.Option(
            "--contract", envvar="SC_DEPLOY_CONTRACT", help="Read the contract from FILE instead of SSM."
        ),
    ] = None
    policy: Annotated[
        Path | None,
        typer.Option(
            "--policy",
            envvar="SC_DEPLOY_POLICY",
            help="The rollout policy.  [default: deploy.toml, where it exists]",
        ),
    ] = None
    region: Annotated[
        str,
        typer.Option("--region", envvar="SC_DEPLOY_REGION", help="[default: AWS_REGION, or the profile's]"),
    ] = ""
    yes: Annotated[
        bool,
        typer.Option("--yes", "-y", envvar="SC_DEPLOY_YES", help="Do not ask for confirmation."),
    ] = False
    output: OutputOption = Output.HUMAN
    debug: Debug = False

    @property
    def json(self) -> bool:
        """Whether stdout is for a program."""
        return self.output is Output.JSON


def preformatted(text: str) -> str:
    """Help text whose indented paragraphs (examples) keep their lines: typer's mark for it is a backspace."""
    paragraphs = text.split("\n\n")
    return "\n\n".join(f"\b\n{part}" if "\n  " in part else part for part in paragraphs)


def verb(run: Callable[Concatenate[Settings, P], None]) -> Callable[..., None]:
    """`run` as typer reads it: its own parameters, then an option for each field of Settings."""
    own = list(inspect.signature(run, eval_str=True).parameters.values())[1:]
    common = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in inspect.signature(Settings, eval_str=True).parameters.values()
    ]

    @functools.wraps(run)
    def command(**given: Any) -> None:
        settings = Settings(**{parameter.name: given.pop(parameter.name) for parameter in common})
        run(settings, **given)  # type: ignore[call-arg]  # the rest of `given` are the parameters P

    parameters = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own] + common
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # read by inspect.signature
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


def command_line(settings: Settings, name: str, *arguments: str, **options: str | bool) -> str:
    """The line that runs verb `name` with the same settings, without empty options and flags that are off."""
    words = ["sc-deploy", name, *arguments, "--stack", settings.stack]
    given: dict[str, str | bool] = {
        "contract": str(settings.contract or ""),
        "policy": str(settings.policy or ""),
        "region": settings.region,
        **options,
    }
    for option, value in given.items():
        if value:
            words += [f"--{option.replace('_', '-')}", *([] if value is True else [str(value)])]
    return shlex.join(words)
