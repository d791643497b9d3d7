"""Nothing changes before a person, or a script that says so, has agreed to it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from bluegreen.commands import _terminal
from bluegreen.commands._options import Settings
from bluegreen.errors import Refused

if TYPE_CHECKING:
    from bluegreen.domain.plan import Plan


def confirm_plan(settings: Settings, plan: Plan, question: str) -> None:
    """Show the plan and ask; `--yes` goes without. Raises Refused without an answer of yes."""
    if not settings.yes and sys.stdin.isatty() and sys.stderr.isatty():
        from bluegreen.ui.tables.plan import plan_view

        _terminal.console(sys.stderr).print(plan_view(plan))
    confirm(settings, question)


def confirm(settings: Settings, question: str) -> None:
    """Ask on the terminal; `--yes` goes without. Raises Refused without an answer of yes."""
    if settings.yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Refused(
            f"{question} There is no terminal to ask on; nothing was changed",
            next_step="look at the plan first (`sc-deploy plan`), then repeat the command with --yes",
        )
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Refused("not confirmed; nothing was changed")
