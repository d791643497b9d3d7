"""Ctrl-C and SIGTERM stop a run at a safe point, and say what they do."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from tests.cli.conftest import Line
from tests.cli.fake_deployer import FakeDeployer
from tests.ui.samples import Script


def send(deployer: FakeDeployer, *numbers: signal.Signals) -> threading.Thread:
    """Send each signal to this process, once the run waits."""

    def work() -> None:
        deadline = time.monotonic() + 60
        while not deployer.waiting.is_set() and time.monotonic() < deadline:
            time.sleep(0.01)
        for number in numbers:
            os.kill(os.getpid(), number)
            deployer.interrupted.wait(60)  # the same signal twice at once would be one
        deployer.finished.set()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_at_a_safe_point(line: Line, deployer: FakeDeployer, number: signal.Signals) -> None:
    deployer.hold, deployer.script = True, Script().until("judge-25")
    before = signal.getsignal(number)
    sender = send(deployer, number)
    result = line("promote", "v1.1.0", "--stack", "lab", "--yes")
    sender.join()
    assert result.exit_code == 130
    assert f"{number.name}: stopping at the next safe point" in result.stdout
    assert "traffic: web: 75 % on v1.0.0" in result.stdout
    assert "sc-deploy resume" in result.stdout
    assert signal.getsignal(number) is before


def test_a_second_signal_says_what_is_being_finished(line: Line, deployer: FakeDeployer) -> None:
    deployer.hold, deployer.linger, deployer.script = True, 10.0, Script().until("judge-25")
    sender = send(deployer, signal.SIGINT, signal.SIGINT)
    result, documents = line.json("promote", "v1.1.0", "--stack", "lab", "--yes")
    sender.join()
    assert result.exit_code == 130
    notes = [document["words"] for document in documents if document["event"] == "note"]
    assert len(notes) == 2
    assert "still finishing: Judge green at 25 %" in notes[1]
    assert documents[-1]["event"] == "result"
