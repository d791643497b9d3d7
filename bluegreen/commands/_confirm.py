"""Nothing changes before a person, or a script that says so, has agreed to it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from bluegreen.commands import _terminal
from bluegreen.commands._options import Settings
from bluegreen.errors import Refused

if TYPE_CHECKING:
    from bluegreen.domain.plan import Plan


def confirm_plan(settings: Settings, plan: Plan, question: str, *, by_name: bool = False) -> None:
    """Show the plan and ask; `--yes` skips both. Raises Refused unless the answer is yes."""
    if not settings.yes and asks():
        from bluegreen.ui.shown import Shown
        from bluegreen.ui.tables.plan import plan_view

        _terminal.console(sys.stderr).print(Shown(plan_view(plan)))
    confirm(settings, question, by_name=by_name)


def confirm(settings: Settings, question: str, *, by_name: bool = False) -> None:
    """Ask on the terminal; `--yes` skips it. Raises Refused unless the answer is yes.

    `by_name`: only the name of the stack is a yes, for what takes a live service down.
    """
    if settings.yes:
        return
    if not asks():
        raise Refused(
            f"{question} There is no terminal to ask on; nothing was changed",
            next_step="repeat the command with --yes to confirm it in advance",
        )
    prompt = f"Type the name of the stack ({settings.stack}) to confirm: " if by_name else "[y/N] "
    sys.stderr.write(f"{question} {prompt}")
    sys.stderr.flush()
    answer = sys.stdin.readline().strip()
    agreed = answer == settings.stack if by_name else answer.lower() in {"y", "yes"}
    if not agreed:
        raise Refused("not confirmed; nothing was changed")


def asks() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin.isatty() and sys.stderr.isatty()
