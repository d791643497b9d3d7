"""Whatever the lab starts is found again and ended, however its starter ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bluegreen.errors import Refused
from bluegreen.lab import lifecycle
from bluegreen.lab.claims import alone
from bluegreen.lab.process import start_time
from bluegreen.lab.starting import Child, end, recorded


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


DIES = """
import os, pathlib, sys
from bluegreen.lab import starting
starting.record = lambda *_: os.kill(os.getpid(), 9)
place = pathlib.Path(sys.argv[1])
starting.Child.start(["touch", str(place / "ran")], log=place / "child.log")
"""


def test_what_could_not_be_recorded_never_runs(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", DIES, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    # The held child had the log open; once it is gone, so is its last reader or writer.
    until(lambda: not any(str(tmp_path) in words for words in command_lines()))
    assert not (tmp_path / "ran").exists()


def command_lines() -> list[str]:
    shown = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return shown.splitlines()


def test_records_name_what_runs_below_a_directory(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    logs = (tmp_path / "one.log", tmp_path / "deep" / "two.log")
    children = [Child.start(["sleep", "60"], log=log) for log in logs]
    (tmp_path / "broken.pid").write_text("{", encoding="utf-8")
    try:
        found = recorded(tmp_path)
        assert {path.stem: process.pid for path, process in found.items()} == {
            "one": children[0].popen.pid,
            "two": children[1].popen.pid,
        }
        end(*found.values())
    finally:
        end(*children)
    assert recorded(tmp_path) == {}


STARTS = "import pathlib, sys; from bluegreen.lab import lifecycle as l; l.up(pathlib.Path(sys.argv[1]))"


@pytest.mark.parametrize("moment", ["control.pid", "balancer.pid"])
def test_a_start_that_was_killed_is_told_and_cleared(tmp_path: Path, moment: str) -> None:
    starter = subprocess.Popen([sys.executable, "-c", STARTS, str(tmp_path)])
    until((tmp_path / moment).exists)
    starter.kill()
    starter.wait()
    left = recorded(tmp_path)
    assert tmp_path / moment in left
    assert f"not started to its end; {len(left)} of its processes still run" in lifecycle.absence(tmp_path)
    assert lifecycle.down(tmp_path) is True
    assert [process for process in left.values() if start_time(process.pid)] == []
    assert lifecycle.absence(tmp_path) == f"no lab is running in {tmp_path}"


def test_what_a_control_server_left_behind_is_stopped(tmp_path: Path) -> None:
    (tmp_path / "instances").mkdir()
    instance = Child.start(["sleep", "60"], log=tmp_path / "instances" / "i-1.log")
    try:
        assert "1 of its processes still run" in lifecycle.absence(tmp_path)
        assert lifecycle.down(tmp_path) is True
        assert not instance.alive
    finally:
        end(instance)


def test_two_do_not_start_or_stop_a_lab_in_one_directory(tmp_path: Path) -> None:
    with alone(tmp_path):
        said = f"process {os.getpid()} is starting or stopping a lab in"
        with pytest.raises(Refused, match=said):
            lifecycle.up(tmp_path, owner_pid=os.getpid())
        with pytest.raises(Refused, match=said):
            lifecycle.down(tmp_path)
    assert lifecycle.down(tmp_path) is False


@pytest.mark.parametrize("option", ["port", "front_port"])
def test_a_port_that_is_taken_is_told_before_anything_starts(tmp_path: Path, option: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Refused, match=f"port {port} on 127.0.0.1 cannot be used") as caught:
            lifecycle.up(tmp_path, owner_pid=os.getpid(), **{option: port})
    assert f"--{option.replace('_', '-')}" in caught.value.next_step
    assert list(tmp_path.rglob("*.pid")) == []
