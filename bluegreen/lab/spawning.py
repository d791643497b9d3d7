"""Starts the lab's processes and ends them, told apart from every other process for ever."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bluegreen.errors import DeployError
from bluegreen.lab.process import is_running, start_time

__all__ = ["Process", "end", "spawn"]

_START_SECONDS = 30.0
_STOP_SECONDS = 20.0
_POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process of the lab, named for ever by its id and its start."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> Process:
        """The running process `pid`."""
        return cls(pid=pid, started=start_time(pid) or "")

    @property
    def alive(self) -> bool:
        """Whether it still runs; another process with the same id does not count."""
        return bool(self.started) and is_running(self.pid, self.started)


def spawn(state_dir: Path, name: str, *arguments: str) -> tuple[Process, int]:
    """Start `bluegreen.lab.<name>`; the process and its port, once it listens."""
    port_file, log = state_dir / f"{name}.port", state_dir / f"{name}.log"
    port_file.unlink(missing_ok=True)
    with log.open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", f"bluegreen.lab.{name}", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C on the terminal is for the command, not for the lab
        )
    process = Process.of(child.pid)
    deadline = time.monotonic() + _START_SECONDS
    while not port_file.exists():
        if child.poll() is not None or time.monotonic() > deadline:
            end(process)
            last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
            raise DeployError(
                f"the lab's {name} did not start: {last[0] if last else 'it said nothing'}",
                next_step=f"see {log}",
            )
        time.sleep(_POLL_SECONDS)
    return process, int(port_file.read_text(encoding="ascii"))


def end(process: Process) -> None:
    """Ask the process to stop, later make it stop; the lab's instances end with the control server."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + _STOP_SECONDS
        with contextlib.suppress(ProcessLookupError):
            if process.alive:
                os.kill(process.pid, number)
        while process.alive and time.monotonic() < deadline:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(process.pid, os.WNOHANG)
            time.sleep(_POLL_SECONDS)
