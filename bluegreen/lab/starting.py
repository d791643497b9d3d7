"""Starts the lab's processes and ends them.

A process is recorded before it runs: `<name>.pid` beside its log. So whoever finds the lab's directory finds
every process of the lab, even if its starter was killed between two lines of this module.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bluegreen.errors import DeployError
from bluegreen.files import read_text
from bluegreen.lab.process import is_running, publish, start_time

_START_SECONDS = 180.0
"""A server that fails ends by itself, which is seen at once; the rest is for a machine that is busy."""
_STOP_SECONDS = 20.0
_PATIENCE_SECONDS = 5.0
"""Between SIGTERM and SIGKILL, where nobody waits for the end."""
_POLL_SECONDS = 0.02
_HELD = ("/bin/sh", "-c", 'read -r go && exec "$0" "$@" </dev/null')
"""Runs a program, under the same process id, once it is told to; never, where its starter is gone before."""


def module(name: str, *arguments: str) -> list[str]:
    """The command line of `bluegreen.lab.<name>`."""
    return [sys.executable, "-m", f"bluegreen.lab.{name}", *arguments]


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process of the lab, identified for ever by its id and its start; a state file keeps it."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> Process:
        """The process that has this id now."""
        return cls(pid=pid, started=start_time(pid) or "")

    @property
    def alive(self) -> bool:
        """Whether it still runs; another process with the same id does not count."""
        return bool(self.started) and is_running(self.pid, self.started)

    def send_signal(self, number: int) -> None:
        """Harmless where it has ended."""
        with contextlib.suppress(ProcessLookupError):
            if self.alive:
                os.kill(self.pid, number)


_RECORD = ".pid"


def record(path: Path, process: Process) -> None:
    """Write which process it is into the file `path`."""
    publish(path, json.dumps(asdict(process)))


def recorded(place: Path) -> dict[Path, Process]:
    """Every process that was recorded in the directory `place` or below and still runs, by its record."""
    found = {}
    for path in sorted(place.rglob(f"*{_RECORD}")):
        with contextlib.suppress(OSError, ValueError, TypeError):
            process = Process(**json.loads(read_text(path)))
            if process.alive:
                found[path] = process
    return found


@dataclass(slots=True)
class Child:
    """A process that this one has started, in a session of its own: a Ctrl-C does not reach it."""

    popen: subprocess.Popen[bytes]
    port_file: Path | None = None
    """Where it writes its port once it listens; None: it does not listen."""
    started_at: float = field(default_factory=time.monotonic)
    """Monotonic seconds."""
    _asked_at: float | None = None
    """When it was asked to stop (monotonic seconds)."""

    @classmethod
    def start(cls, words: list[str], *, log: Path, port_file: Path | None = None) -> Child:
        """Run `words`, whose output goes to `log`, once it is recorded beside the log."""
        if port_file:
            port_file.unlink(missing_ok=True)
        with log.open("wb") as output:
            popen = subprocess.Popen(
                [*_HELD, *words],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        child = cls(popen, port_file)
        assert popen.stdin is not None
        # Closed without a word, the pipe ends the child: nothing runs that is not recorded.
        with popen.stdin as held:
            record(log.with_suffix(_RECORD), child.process)
            held.write(b"go\n")
        return child

    @property
    def process(self) -> Process:
        return Process.of(self.popen.pid)

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
            why = last[0] if last else "no output"
            if time.monotonic() > deadline:
                why = f"this machine gave it too little to start within {_START_SECONDS:.0f} s"
            raise DeployError(f"the lab's {name} server did not start: {why}", next_step=f"see {log}")
        time.sleep(_POLL_SECONDS)
    return child.process, port


def end(*processes: Process | Child, asking: int = signal.SIGTERM, patience: float = _STOP_SECONDS) -> None:
    """Ask them to stop, `patience` seconds later make them stop.

    Returns when they are gone, or cannot be stopped.
    """
    for number in (asking, signal.SIGKILL):
        deadline = time.monotonic() + patience
        for process in processes:
            process.send_signal(number)
        while any(process.alive for process in processes) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
