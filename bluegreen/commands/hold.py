"""`sc-deploy hold` and `sc-deploy continue`: stop before the next step, and go on."""

from __future__ import annotations

from typing import Annotated

import typer

from bluegreen.commands import _connect, _terminal
from bluegreen.commands._confirm import confirm
from bluegreen.commands._options import Reason, Settings, verb
from bluegreen.commands._request import NumberArgument
from bluegreen.errors import ConfigError

LongestOption = Annotated[
    str,
    typer.Option("--for", metavar="DURATION", help="e.g. 30m.  [default: hold.deadline of deploy.toml]"),
]


@verb
def hold(
    settings: Settings, number: NumberArgument = None, reason: Reason = "", longest: LongestOption = ""
) -> None:
    """Hold a running deployment where it is: no further step begins, and both fleets stand.

    From any machine. Its deployer stays alive and keeps measuring: a bad green is still rolled back. At the
    deadline it stays on hold and pages people, or is rolled back, as `[hold]` of deploy.toml says.

    Ends with 0 once the deployer has obeyed; where nobody runs the deployment the request is stored, and
    whoever resumes it holds. 3 where it is rolled back or ends before it could hold.

    For example:
      sc-deploy hold --stack prod --reason "support sees complaints"
      sc-deploy hold 42 --stack prod --for 30m
    """
    from bluegreen.ui.tables.hold import hold_answer_document, hold_answer_view

    seconds = _seconds(longest)
    stack = _connect.open_stack(settings)
    answer = stack.deployer.hold(
        number, reason=reason, seconds=seconds, note=lambda words: typer.echo(words, err=True)
    )
    _terminal.show(settings, hold_answer_document(answer), hold_answer_view(answer))


@verb
def continue_(settings: Settings, number: NumberArgument = None, reason: Reason = "") -> None:
    """Let a deployment continue that somebody has put on hold.

    Ends with 3 where it is not on hold, or was put on hold again by somebody else meanwhile.

    For example:
      sc-deploy continue --stack prod --reason "complaints were about something else"
      sc-deploy continue 42 --stack prod --yes
    """
    from bluegreen.ui.questions import continue_question
    from bluegreen.ui.tables.hold import hold_answer_document, hold_answer_view

    stack = _connect.open_stack(settings)
    header = stack.deployer.unfinished(number)
    found = stack.deployer.held(header.number)
    confirm(settings, continue_question(header.began_with.plan, found))
    answer = stack.deployer.let_continue(found, reason=reason)
    _terminal.show(settings, hold_answer_document(answer), hold_answer_view(answer))


def _seconds(text: str) -> float | None:
    """What `--for` says; raises ConfigError."""
    if not text:
        return None
    from bluegreen.policy import hold_seconds

    try:
        return hold_seconds(text)
    except ValueError as error:
        raise ConfigError(f"--for {text!r}: {error}", next_step='e.g. --for 30m, or "1h30m"') from error
