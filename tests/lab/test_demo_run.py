"""The demo on a machine that gives it too little: it says so, and blames no release."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from bluegreen.domain.journal import Ending
from bluegreen.errors import ExitCode, Halted, Starved
from bluegreen.lab import lifecycle
from bluegreen.lab.demo import run, witness
from bluegreen.lab.demo.run import Demo
from bluegreen.lab.lifecycle import LabInfo
from bluegreen.lab.starting import Process

GONE = Process(pid=0, started="")
WORDS = "this machine gives the lab a tenth of a core"


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What a control server that is nothing else says of its machine."""
    said: dict[str, Any] = {"stretch": 1, "needed": 1, "starved": False, "words": WORDS}

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(said).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    info = LabInfo(
        state_dir=Path(), stack="lab", realistic=False, endpoint_url=url, front_url=url, policy=Path(),
        database_url="", without_database="", stretch=1, machine="", control=GONE, balancer=GONE,
    )  # fmt: skip
    monkeypatch.setattr(lifecycle, "up", lambda *_, **__: replace(info, stretch=said["stretch"]))
    monkeypatch.setattr(lifecycle, "down", lambda _: True)
    monkeypatch.setattr(witness, "_SECONDS", 0.05)
    yield said
    server.shutdown()
    server.server_close()


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def demo(said: list[str], ends: Any = lambda *_: Ending.RELEASED) -> Demo:
    return Demo(ends, said.append, rate=None, connections=1)


def test_a_starved_lab_stops_the_demo_before_a_release_can_fail(machine: dict[str, Any]) -> None:
    machine |= {"starved": True, "needed": 100}
    with pytest.raises(Starved, match=WORDS) as caught, demo([]):
        time.sleep(20)
    assert caught.value.exit_code is ExitCode.STARVED
    assert "no release was at fault" in caught.value.next_step


def test_a_release_that_failed_while_the_machine_gave_too_little_is_not_blamed(
    machine: dict[str, Any],
) -> None:
    def halts(*_: object) -> Ending:
        until(lambda: stage._witness.outgrown(1))  # type: ignore[union-attr]
        raise Halted("paused")

    machine["needed"] = 5
    with pytest.raises(Starved, match=WORDS), demo([], halts) as stage:
        stage.deploy("v1.1.0")


def test_a_shortage_during_one_release_is_not_forgotten_with_the_next(machine: dict[str, Any]) -> None:
    def waits(*_: object) -> Ending:
        until(lambda: stage._witness._worst["needed"] == machine["needed"])  # type: ignore[union-attr]
        return Ending.RELEASED

    with demo([], waits) as stage:
        machine["needed"] = 5
        stage.deploy("v1.0.0")
        machine |= {"needed": 1, "stretch": 5}
        stage.deploy("v1.1.0")
        assert stage.outgrown() == WORDS
    machine |= {"needed": 2, "stretch": 2}
    with demo([], waits) as stage:
        stage.deploy("v1.0.0")
        machine |= {"needed": 1, "stretch": 1}
        stage.deploy("v1.1.0")
        assert stage.outgrown() == "", "calm now, and enough was given before"


def test_on_a_machine_that_gives_enough_the_release_is_blamed(machine: dict[str, Any]) -> None:
    def halts(*_: object) -> Ending:
        raise Halted("paused")

    machine |= {"needed": 2, "stretch": 2}
    said: list[str] = []
    with pytest.raises(Halted, match="paused"), demo(said, halts) as stage:
        stage.deploy("v1.1.0")
    assert stage.stretch == 2


def test_a_clock_that_is_slowed_between_two_releases_is_told_once(machine: dict[str, Any]) -> None:
    said: list[str] = []
    with demo(said) as stage:
        stage.deploy("v1.0.0")
        assert said == []
        machine["stretch"] = 5
        stage.deploy("v1.1.0")
        stage.deploy("v1.2.0")
    assert said == [WORDS]
    assert stage.stretch == 5


@pytest.mark.parametrize(("carried", "used"), [(3000.0, 700.0), (400.0, 200.0)])
def test_the_load_uses_half_of_what_the_machine_carries(
    machine: dict[str, Any], monkeypatch: pytest.MonkeyPatch, carried: float, used: float
) -> None:
    started: list[float] = []

    class Load:
        def __init__(self, *_: object, rate: float, **__: object) -> None:
            started.append(rate)

        def end(self) -> None: ...

    monkeypatch.setattr(run, "carried", lambda _: carried)
    monkeypatch.setattr(run, "LoadProcess", Load)
    said: list[str] = []
    with demo(said) as stage:
        stage.start_load()
    assert started == [used]
    assert said == [
        f"this machine carries {carried:,.0f} requests/s beside the lab; the load uses {used:.0f}"
    ]


def test_a_machine_that_carries_too_little_is_named(
    machine: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "carried", lambda _: 90.0)
    with (
        pytest.raises(Starved, match="carries 90 requests/s beside the lab; the demo needs 120"),
        demo([]) as s,
    ):
        s.start_load()
