"""`sc-deploy report`: what a deployment did, for those who were not there."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from bluegreen.commands import _connect, _terminal
from bluegreen.commands._deployment import header_of
from bluegreen.commands._options import Settings, verb
from bluegreen.commands._report import report_text, write_report
from bluegreen.errors import ConfigError

Number = Annotated[
    int | None, typer.Argument(metavar="NUMBER", help="The deployment.  [default: the last one]", min=1)
]
Html = Annotated[
    bool, typer.Option("--html", help="One HTML file, without scripts and network: the default.")
]
Markdown = Annotated[bool, typer.Option("--markdown", help="For a pull request or a job summary.")]
Json = Annotated[bool, typer.Option("--json", help="For programs; so does --output json.")]
File = Annotated[
    Path | None,
    typer.Option(
        "--to",
        metavar="FILE",
        help="Write it there.  [default: stdout; HTML on a terminal: STACK-NUMBER.html]",
    ),
]


@verb
def report(
    settings: Settings,
    number: Number = None,
    html: Html = False,
    markdown: Markdown = False,
    as_json: Json = False,
    to: File = None,
) -> None:
    """Report on a deployment: what, who, why, how it ended, curves, verdicts, checks and durations.

    It begins with what somebody should look at. A deployment that still runs is reported as it is now.

    For example:
      sc-deploy report 42 --stack prod
      sc-deploy report 42 --stack prod --html --to change-4711.html
      sc-deploy report --stack prod --markdown >> "$GITHUB_STEP_SUMMARY"
      sc-deploy report 42 --stack prod --json | jq '.look_at[]'
    """
    form = _form(html=html, markdown=markdown, json=as_json or settings.json)
    journal = _connect.open_stack(settings).ports.journal
    header = header_of(journal, number, stack=settings.stack)
    number = header.number
    if to is None and form == "html" and sys.stdout.isatty():
        to = Path(f"{settings.stack}-{number}.html")
    if to is None:
        typer.echo(report_text(journal, number, form), nl=False)
        return
    path = to.with_suffix(f".{form}") if not to.suffix else to
    if path.suffix != f".{form}":
        raise ConfigError(
            f"--to: {path} does not end with .{form}", next_step=f"name it {path.with_suffix(f'.{form}')}"
        )
    write_report(journal, number, path)
    _terminal.say(f"the report of deployment #{number}: {path.absolute()}")


def _form(*, html: bool, markdown: bool, json: bool) -> str:
    chosen = [name for name, asked in (("html", html), ("md", markdown), ("json", json)) if asked]
    if len(chosen) > 1:
        raise ConfigError("a report has one form", next_step="one of --html, --markdown and --json")
    return chosen[0] if chosen else "html"
