"""Starts the lab's processes and ends them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bluegreen.errors import DeployError
from bluegreen.lab.process import is_running, start_time

_START_SECONDS = 30.0
_STOP_SECONDS = 20.0
_PATIENCE_SECONDS = 5.0
"""Between SIGTERM and SIGKILL, where nobody waits for the end."""
_POLL_SECONDS = 0.02


def module(name: str, *arguments: str) -> list[str]:
    """The command line of `bluegreen.lab.<name>`."""
    return [sys.executable, "-m", f"bluegreen.lab.{name}", *arguments]


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process of the lab, identified for ever by its id and its start; a state file keeps it."""

    pid: int
    started: str

    @property
    def alive(self) -> bool:
        """Whether it still runs; another process with the same id does not count."""
        return bool(self.started) and is_running(self.pid, self.started)

    def send_signal(self, number: int) -> None:
        """Harmless where it has ended."""
        with contextlib.suppress(ProcessLookupError):
            if self.alive:
                os.kill(self.pid, number)


def recorded(path: Path) -> Process | None:
    """The process that `process.record` kept in the file `path`."""
    try:
        return Process(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


@dataclass(slots=True)
class Child:
    """A process that this one has started, in a session of its own: a Ctrl-C does not reach it."""

    popen: subprocess.Popen[bytes]
    port_file: Path | None = None
    """Where it writes its port once it listens; None: it does not listen."""
    _asked_at: float | None = None
    """When it was asked to stop (monotonic seconds)."""

    @classmethod
    def start(cls, words: list[str], *, log: Path, port_file: Path | None = None) -> Child:
        """Run `words`, whose output goes to `log`."""
        if port_file:
            port_file.unlink(missing_ok=True)
        with log.open("wb") as output:
            popen = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return cls(popen, port_file)

    @property
    def process(self) -> Process:
        return Process(pid=self.popen.pid, started=start_time(self.popen.pid) or "")

    @property
    def alive(self) -> bool:
        return self.popen.poll() is None

    @property
    def port(self) -> int | None:
        """Where it listens on 127.0.0.1, once it does."""
        try:
            return int(self.port_file.read_text(encoding="ascii")) if self.port_file else None
        except (OSError, ValueError):
            return None

    def send_signal(self, number: int) -> None:
        self.popen.send_signal(number)

    def ended(self) -> bool:
        """Ask it to stop, later make it stop; True once it is gone. Never waits: call it until then."""
        if not self.alive:
            return True
        if self._asked_at is None:
            self._asked_at = time.monotonic()
            self.send_signal(signal.SIGTERM)
        elif time.monotonic() - self._asked_at > _PATIENCE_SECONDS:
            self.send_signal(signal.SIGKILL)
        return False


def serve(name: str, state_dir: Path, words: list[str]) -> tuple[Process, int]:
    """Start the lab's server `name`; the process and its port, once it listens. Raises DeployError."""
    log = state_dir / f"{name}.log"
    child = Child.start(words, log=log, port_file=state_dir / f"{name}.port")
    deadline = time.monotonic() + _START_SECONDS
    while (port := child.port) is None:
        if not child.alive or time.monotonic() > deadline:
            end(child)
            last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
            raise DeployError(
                f"the lab's {name} server did not start: {last[0] if last else 'no output'}",
                next_step=f"see {log}",
            )
        time.sleep(_POLL_SECONDS)
    return child.process, port


def end(process: Process | Child) -> None:
    """Ask it to stop, later make it stop; returns when it is gone."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + _STOP_SECONDS
        process.send_signal(number)
        while process.alive and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
