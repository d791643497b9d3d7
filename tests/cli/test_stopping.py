"""Ctrl-C and SIGTERM stop a run at a safe point, and say what they do."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from bluegreen.domain.plan import StepKind
from bluegreen.engine.deployer import Deployer
from bluegreen.ui.events import JsonView
from tests.cli.conftest import SIM, Line
from tests.world import World

PATIENCE = 20.0
"""Seconds after which a signal that nobody answered fails the test instead of hanging it."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set once the deployer was asked to stop."""
    event, interrupt = threading.Event(), Deployer.interrupt

    def heard(self: Deployer) -> None:
        interrupt(self)
        event.set()

    monkeypatch.setattr(Deployer, "interrupt", heard)
    return event


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_at_a_safe_point(
    line: Line, world: World, asked: threading.Event, number: signal.Signals
) -> None:
    before = signal.getsignal(number)

    def stop() -> None:
        send(number)
        assert asked.wait(PATIENCE), "nobody heard the signal"

    world.after_first(StepKind.TARGET_GROUP, stop)
    result = line("promote", "v1.0.0", *SIM, "--yes")
    assert result.exit_code == 130, result.output
    assert f"{number.name}: stopping at the next safe point" in result.stdout
    assert "traffic: app: no rule" in result.stdout
    assert "sc-deploy resume" in result.stdout
    assert signal.getsignal(number) is before


def test_a_second_signal_says_what_is_being_finished(
    line: Line, world: World, asked: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted, note = threading.Semaphore(0), JsonView.note

    def heard(self: JsonView, words: str) -> None:
        note(self, words)
        noted.release()

    monkeypatch.setattr(JsonView, "note", heard)

    def stop() -> None:
        for _ in range(2):
            send(signal.SIGINT)
            assert noted.acquire(timeout=PATIENCE), "nobody heard the signal"
            assert asked.wait(PATIENCE)

    world.after_first(StepKind.TARGET_GROUP, stop)
    result, documents = line.json("promote", "v1.0.0", *SIM, "--yes")
    assert result.exit_code == 130, result.output
    notes = [document["words"] for document in documents if document["event"] == "note"]
    assert len(notes) == 2
    assert "still finishing: Create green target groups" in notes[1]
    assert documents[-1]["event"] == "result"
