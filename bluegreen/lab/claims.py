"""What one lab has for itself: its directory while it starts or stops, and its ports."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from bluegreen.errors import Refused

_ROOM_MB = 16
"""For records, logs, and what Envoy is told; the database asks for its own."""


@contextlib.contextmanager
def alone(state_dir: Path) -> Iterator[None]:
    """Within it nobody else starts or stops a lab in this directory.

    Raises Refused where somebody does, and where the directory cannot be written.
    The lock ends with the process that holds it, however that ends: no child inherits it.
    """
    with _lock(state_dir) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise Refused(
                f"process {lock.read()} is starting or stopping a lab in {state_dir}",
                next_step="wait until it is done, or end it; --state-dir DIR starts another lab",
            ) from error
        lock.truncate(0)
        with contextlib.suppress(OSError):  # a full disk must not keep a lab from being stopped
            os.write(lock.fileno(), str(os.getpid()).encode())
        yield


def _lock(state_dir: Path) -> IO[str]:
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        return (state_dir / "lock").open("a+", encoding="ascii")
    except OSError as error:
        raise Refused(
            f"a lab cannot keep its files in {state_dir}: {error.strerror}",
            next_step="--state-dir DIR names another directory",
        ) from error


def room(state_dir: Path) -> None:
    """Raise Refused where the disk of `state_dir` is full: a process would end there without a word."""
    megabytes = shutil.disk_usage(state_dir).free // 2**20
    if megabytes < _ROOM_MB:
        raise Refused(
            f"no space for a lab: {megabytes} MB free in {state_dir}, {_ROOM_MB} MB needed",
            next_step="make room, or name a directory on another disk with --state-dir",
        )


def free(option: str, port: int) -> None:
    """Raise Refused where `port`, which `option` names, is taken; 0 never is."""
    with socket.socket() as probe:
        # As the servers do: a connection that was closed a moment ago does not hold the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise Refused(
                f"port {port} on 127.0.0.1 cannot be used: {error.strerror}",
                next_step=f"stop what listens there, or name another one with {option}; 0 is any free one",
            ) from error
