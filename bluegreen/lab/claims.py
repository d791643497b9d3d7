"""What one lab has for itself: its directory while it starts or stops, and its ports."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from bluegreen.errors import Refused


@contextlib.contextmanager
def alone(state_dir: Path) -> Iterator[None]:
    """Within it nobody else starts or stops a lab in this directory; raises Refused where somebody does.

    The lock ends with the process that holds it, however that ends: no child inherits it.
    """
    state_dir.mkdir(parents=True, exist_ok=True)
    with (state_dir / "lock").open("a+", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise Refused(
                f"process {lock.read()} is starting or stopping a lab in {state_dir}",
                next_step="wait until it is done, or end it; --state-dir DIR starts another lab",
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


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
