"""What the processes of the lab share: port files, stop signals, and who is still alive."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

_PARENT_POLL_SECONDS = 0.5
_FILES = 16_384


def start_time(pid: int) -> str | None:
    """When the process `pid` began, as an opaque text; None where there is none (or only a zombie).

    Together with the pid it names one process for ever; a pid alone is used again.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except FileNotFoundError:
        return None if Path("/proc/self/stat").exists() else _start_time_from_ps(pid)
    except ProcessLookupError:
        return None
    return None if fields[0] in ("Z", "X") else fields[19]


def _start_time_from_ps(pid: int) -> str | None:
    """The same where there is no /proc (macOS)."""
    shown = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)],  # the system's own ps
        capture_output=True,
        text=True,
        check=False,
    ).stdout.split(maxsplit=1)
    return None if len(shown) < 2 or shown[0].startswith("Z") else shown[1].strip()


def is_running(pid: int, started: str) -> bool:
    """Whether the process that `start_time` told as `started` still runs."""
    return start_time(pid) == started


def publish(path: Path, text: str) -> None:
    """Write the file `path` as a whole; a reader never sees half of it."""
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def write_port(path: Path, port: int) -> None:
    """Publish `port` in the file `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    publish(path, f"{port}\n")


def raise_file_limit() -> None:
    """Allow as many sockets as a load of some thousand connections needs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def until_stopped(parent_pid: int | None) -> None:
    """Return on SIGTERM or SIGINT, or when the process `parent_pid` is gone."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    alive = parent_alive(parent_pid)
    while alive():
        try:
            await asyncio.wait_for(stopped.wait(), _PARENT_POLL_SECONDS)
        except TimeoutError:
            continue
        return


def parent_alive(parent_pid: int | None) -> Callable[[], bool]:
    """Returns whether the process `parent_pid` still runs; None: always true."""
    if parent_pid is None:
        return lambda: True
    started = start_time(parent_pid)
    if started is None:
        return lambda: False
    if os.getppid() == parent_pid:
        return lambda: os.getppid() == parent_pid
    return lambda: is_running(parent_pid, started)
