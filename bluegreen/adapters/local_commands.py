"""Commands on this machine: each begun once per token, in a process group of its own.

One outlives the deployer that began it. Its process id, output and exit code lie in a private directory named
by the token, where the same machine's `resume` finds them. While any of its processes lives, it holds a
lock there: no process id that was given out again, and no restart of the machine, can be taken for it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from bluegreen.errors import OutcomeUnknown, Refused
from bluegreen.masking import mask
from bluegreen.ports.wait import steadily, until

PREFIX = "local|"
"""What the handle of a command on this machine begins with."""
_TAIL = 4000
_GRACE = 5.0
"""Seconds that a command has to end when it is asked to; then it is forced."""
_LOOK = 0.02
"""Seconds between two looks whether it has."""
_WRAPPER = (
    'echo $$ >pid.new && mv pid.new pid && (cd "$2" && exec sh -c "$1") >output 2>&1; '
    "echo $? >exit-code.new && mv exit-code.new exit-code"
)
"""The shell that runs the command writes its exit code, so it is known whoever watches."""


class LocalCommands:
    """Commands under `directory`, by default a private one of the stack in the temporary directory."""

    def __init__(self, *, stack: str = "", directory: Path | None = None) -> None:
        self._directory = directory or Path(tempfile.gettempdir()) / f"sc-deploy-{os.getuid()}-{stack}"
        self._children: dict[Path, subprocess.Popen[bytes]] = {}

    def find(self, token: str) -> str | None:
        place = self._place(token)
        return _handle(place) if _was_begun(place) else None

    def _place(self, token: str) -> Path:
        return self._directory / hashlib.sha256(token.encode()).hexdigest()[:24]

    def start(self, command: str, *, token: str) -> str:
        """The handle of the command that `token` began, now or earlier on this machine."""
        place = self._place(token)
        self._make_private()
        place.mkdir(mode=0o700, exist_ok=True)
        with (place / "lock").open("ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return _handle(place)  # it runs
            if not (place / "pid").exists():
                self._children[place] = subprocess.Popen(  # noqa: S603  # running the operator's own command is the purpose
                    ["/bin/sh", "-c", _WRAPPER, "sc-deploy", command, str(Path.cwd())],
                    cwd=place,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                    pass_fds=(lock.fileno(),),
                )
        return _handle(place)

    def _make_private(self) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = self._directory.stat()
        if found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise Refused(
                f"{self._directory} is open to others; the output of commands would be readable",
                next_step=f"remove it, or `chmod 700 {self._directory}`",
            )

    def poll(self, handle: str) -> tuple[bool | None, str]:
        _, machine, folder = handle.split("|", 2)
        place = Path(folder)
        self._reap(place)
        # First whether it runs: one that ends now has written its exit code before it is asked for.
        runs, code = _runs(place), _read(place / "exit-code").strip()
        output = mask(_read(place / "output"))
        if code:
            return code == "0", output if code == "0" else f"{output}\nexit code {code}"
        if runs:
            return None, output
        if (place / "stopped").exists():
            return False, f"{output}\nstopped"
        raise _unknown(machine)

    def cancel(self, handle: str) -> None:
        """End its whole process group: first asked, then forced."""
        place = Path(handle.split("|", 2)[2])
        pid = _read(place / "pid").strip()
        if not pid or not _runs(place):
            return
        (place / "stopped").touch()
        for sign in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(int(pid), sign)
            if self._gone(place):
                return

    def _gone(self, place: Path) -> bool:
        """Whether it has ended within the time that it has for it, whoever began it."""

        def look() -> bool | None:
            self._reap(place)
            return None if _runs(place) else True

        pauses = steadily(_LOOK, within=_GRACE, now=time.monotonic)
        return until(look, pauses, time.sleep) is not None

    def running(self) -> tuple[str, ...]:
        found = sorted(self._directory.glob("*/pid")) if self._directory.is_dir() else []
        ours = ((one.parent, _read(one).strip()) for one in found)
        return tuple(
            f"process {pid} on {socket.gethostname()} ({place})"
            for place, pid in ours
            if not (place / "exit-code").exists() and _runs(place)
        )

    def _reap(self, place: Path) -> None:
        child = self._children.get(place)
        if child is not None and child.poll() is not None:
            del self._children[place]


def _handle(place: Path) -> str:
    return f"{PREFIX}{socket.gethostname()}|{place}"


def _was_begun(place: Path) -> bool:
    return (place / "pid").exists() or _runs(place)


def _runs(place: Path) -> bool:
    """Whether any process of it lives. A shared lock: two that look do not take each other for it."""
    try:
        with (place / "lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _unknown(machine: str) -> OutcomeUnknown:
    here = socket.gethostname()
    if machine != here:
        return OutcomeUnknown(
            f"the command was begun on {machine}; from {here} nobody can tell how it ended",
            next_step=f"`sc-deploy resume` on {machine}; or look at the database, then `sc-deploy abort`",
        )
    return OutcomeUnknown(
        "the command left no exit code: it was killed, or this machine restarted; "
        "how far it came is not known",
        next_step="look at the database by hand, then `sc-deploy abort`",
    )


def _read(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return text[-_TAIL:]
