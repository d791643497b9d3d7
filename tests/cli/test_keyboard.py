"""Keys on a real terminal: they reach the view and the lease, and the terminal is given back as it was."""

from __future__ import annotations

import os
import sys
import termios
import time
from collections.abc import Callable, Iterator

import pytest

from bluegreen.commands._keyboard import Requests, typing_into
from bluegreen.domain.journal import Continued, Ending, Entry, Held
from bluegreen.domain.plan import StepKind
from bluegreen.ui.keys import Action, Keys
from bluegreen.ui.view import View
from tests.world import World
from tests.world.releasing import serving

PATIENCE = 20.0


class Typed(View):
    """A view that notes what is typed into it."""

    interactive = True

    def __init__(self) -> None:
        self.keys, self.notes = list[str](), list[str]()
        self._machine = Keys(acts=True)

    def press(self, key: str) -> Action | None:
        self.keys.append(key)
        return self._machine.press(key)

    def note(self, words: str) -> None:
        self.notes.append(words)


def until(look: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not look():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The far end of a pseudo-terminal that is this process's stdin."""
    far, near = os.openpty()
    monkeypatch.setattr(sys, "stdin", os.fdopen(near, closefd=False))
    # It is nobody's controlling terminal; whoever asks finds this process in front.
    monkeypatch.setattr(os, "tcgetpgrp", lambda _fd: os.getpgrp())
    yield far
    os.close(far)
    os.close(near)


def test_every_key_arrives_unechoed_and_the_terminal_is_given_back(keyboard: int) -> None:
    view, asked = Typed(), list[Action]()
    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    with typing_into(view, asked.append):
        during = termios.tcgetattr(fd)
        assert not during[3] & (termios.ICANON | termios.ECHO)
        assert during[3] & termios.ISIG, "Ctrl-C stays a signal"
        os.write(keyboard, b"hl?")
        os.write(keyboard, b"ay")
        until(lambda: len(view.keys) == 5)
        until(lambda: len(asked) == 2)
    assert view.keys == list("hl?ay")
    assert asked == [Action.HOLD, Action.ABORT]
    assert termios.tcgetattr(fd) == before


def test_in_the_background_no_key_is_read(keyboard: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "tcgetpgrp", lambda _fd: os.getpgrp() + 1)
    view = Typed()
    with typing_into(view, pytest.fail):
        os.write(keyboard, b"h")
        time.sleep(0.5)
    assert view.keys == []


def test_without_a_keyboard_nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    view = Typed()
    with open(os.devnull) as nothing:  # noqa: PTH123  (it becomes stdin)
        monkeypatch.setattr(sys, "stdin", nothing)
        with typing_into(view, pytest.fail):
            pass
    assert view.keys == []


def requests(world: World, view: View, number: int | None = 2) -> Requests:
    return Requests(world.ports(), number=lambda: number, owner="anna@desk:1", view=view)


def test_hold_and_continue_of_the_own_run() -> None:
    world, view = serving("v1.0.0"), Typed()
    asks = requests(world, view)
    world.after_first(StepKind.WEIGHTS, lambda: asks(Action.HOLD))
    seen: list[Entry] = []

    def lift(entry: Entry) -> None:
        if isinstance(entry.event, Held):
            seen.append(entry)
            asks(Action.HOLD)
            asks(Action.CONTINUE)
        elif isinstance(entry.event, Continued):
            seen.append(entry)

    world.listeners.append(lift)
    deployer = world.deployer("anna@desk:1")
    assert deployer.run(deployer.plan_promotion("v1.1.0")).ending is Ending.RELEASED
    assert [entry.event.kind for entry in seen] == ["held", "continued"]
    assert view.notes[0].startswith("asked to hold")
    assert view.notes[1].startswith("on hold already by anna@desk:1")
    assert view.notes[2].startswith("lifted the hold by anna@desk:1")


def test_abort_of_the_own_run() -> None:
    world, view = serving("v1.0.0"), Typed()
    world.after_first(StepKind.WEIGHTS, lambda: requests(world, view)(Action.ABORT))
    deployer = world.deployer("anna@desk:1")
    result = deployer.run(deployer.plan_promotion("v1.1.0"))
    assert result.ending is Ending.ROLLED_BACK
    assert "abort by anna@desk:1" in result.words
    assert world.weights() == {"app": {"v1.0.0": 100}}


def test_what_cannot_be_asked_is_told() -> None:
    from bluegreen.lab.faults import Effect, Fault

    world, view = serving("v1.0.0"), Typed()
    requests(world, view, number=None)(Action.ABORT)
    requests(world, view)(Action.CONTINUE)
    world.faults.add(Fault(effect=Effect.ERROR, service="dynamodb", action="UpdateItem", times=0))
    requests(world, view)(Action.HOLD)
    assert view.notes[0] == "the deployment has not begun; nothing was asked"
    assert view.notes[1] == "it is not on hold"
    assert view.notes[2].startswith("hold: ")
