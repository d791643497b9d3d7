"""Asking on a terminal: the plan is shown, and only yes is yes."""

from __future__ import annotations

import io
import sys
from contextlib import nullcontext

import pytest

from bluegreen.commands._confirm import confirm, confirm_plan
from bluegreen.commands._options import Settings, command_line
from bluegreen.errors import Refused
from tests.ui.samples import promotion


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def terminal(monkeypatch: pytest.MonkeyPatch, text: str) -> Terminal:
    """A terminal on which somebody types `text`; what is asked stands in it."""
    screen = Terminal()
    monkeypatch.setattr(sys, "stdin", Terminal(text))
    monkeypatch.setattr(sys, "stderr", screen)
    return screen


@pytest.mark.parametrize("text", ["y\n", "yes\n", "Y\n", " YES \n"])
def test_yes(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    screen = terminal(monkeypatch, text)
    confirm_plan(Settings(stack="lab"), promotion(), "Promote v1.1.0 on lab?")
    assert promotion().fingerprint in screen.getvalue()
    assert screen.getvalue().endswith("Promote v1.1.0 on lab? [y/N] ")


@pytest.mark.parametrize("text", ["n\n", "\n", "", "yep\n", "no\n"])
def test_anything_else_is_no(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    terminal(monkeypatch, text)
    with pytest.raises(Refused, match="not confirmed; nothing was changed"):
        confirm(Settings(stack="lab"), "Promote?")


@pytest.mark.parametrize(
    ("text", "agreed"), [("lab\n", True), ("y\n", False), ("prod\n", False), ("\n", False)]
)
def test_what_takes_a_live_stack_down_wants_its_name(
    monkeypatch: pytest.MonkeyPatch, text: str, *, agreed: bool
) -> None:
    screen = terminal(monkeypatch, text)
    with nullcontext() if agreed else pytest.raises(Refused, match="nothing was changed"):
        confirm(Settings(stack="lab"), "Remove EVERYTHING?", by_name=True)
    assert "Type the name of the stack (lab) to confirm: " in screen.getvalue()


@pytest.mark.parametrize("redirected", ["stdin", "stderr"])
def test_a_question_that_nobody_sees_or_answers_is_no(
    monkeypatch: pytest.MonkeyPatch, redirected: str
) -> None:
    terminal(monkeypatch, "y\n")
    monkeypatch.setattr(sys, redirected, io.StringIO("y\n"))
    with pytest.raises(Refused) as caught:
        confirm(Settings(stack="lab"), "Promote?")
    assert "--yes" in caught.value.next_step


def test_yes_in_advance_asks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch, "")
    confirm_plan(Settings(stack="lab", yes=True), promotion(), "Promote?")
    assert screen.getvalue() == ""


def test_the_command_line_quotes_and_leaves_out_what_is_not_given() -> None:
    settings = Settings(stack="lab", region="eu-west-1")
    line = command_line(settings, "promote", "v1", reason="it's time", model="")
    assert line == "sc-deploy promote v1 --stack lab --region eu-west-1 --reason 'it'\"'\"'s time'"
