"""`ports.Commands`: on an instance through SSM, or on this machine.

A local one has a process group of its own, is begun once per token, and outlives the deployer that began
it: its process id, output and exit code lie in a private directory named by the token, where the same
machine's `resume` finds them.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from bluegreen.adapters.aws.run_command import RemoteCommands
from bluegreen.adapters.masking import mask
from bluegreen.errors import Refused
from bluegreen.ports import Clock

_TAIL = 4000
_WRAPPER = '(cd "$2" && exec sh -c "$1") >output 2>&1; echo $? >exit-code.new && mv exit-code.new exit-code'
"""The shell that runs the command writes its exit code, so it is known whoever watches."""


class ShellCommands:
    """Sends each command where it belongs; a handle says where it runs."""

    def __init__(self, remote: RemoteCommands, local: LocalCommands) -> None:
        self._remote, self._local = remote, local

    def start(self, instance_id: str | None, command: str, *, token: str, timeout: float) -> str:
        if instance_id is None:
            return self._local.start(command, token=token, timeout=timeout)
        return self._remote.start(instance_id, command, token=token, timeout=timeout)

    def poll(self, handle: str) -> tuple[bool | None, str]:
        side = self._local if handle.startswith("local|") else self._remote
        return side.poll(handle)


class LocalCommands:
    """Commands under `directory` (by default a private one in the system's temporary directory)."""

    def __init__(self, *, clock: Clock, directory: Path | None = None) -> None:
        self._clock = clock
        self._directory = directory or Path(tempfile.gettempdir()) / f"sc-deploy-{os.getuid()}"
        self._children: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, command: str, *, token: str, timeout: float) -> str:
        """The handle of the command that `token` began, now or earlier on this machine."""
        place = self._directory / hashlib.sha256(token.encode()).hexdigest()[:24]
        self._make_private()
        handle = f"local|{place}"
        try:
            place.mkdir(mode=0o700)
        except FileExistsError:
            return handle
        child = subprocess.Popen(  # noqa: S603  # running the operator's own command is the purpose
            ["/bin/sh", "-c", _WRAPPER, "sc-deploy", command, str(Path.cwd())],
            cwd=place,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._children[child.pid] = child
        meta = {"pid": child.pid, "ends": self._clock.now() + timeout}
        (place / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
        return handle

    def _make_private(self) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = self._directory.stat()
        if found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise Refused(
                f"{self._directory} is open to others; the output of commands would be readable",
                next_step=f"remove it, or `chmod 700 {self._directory}`",
            )

    def poll(self, handle: str) -> tuple[bool | None, str]:
        place = Path(handle.split("|", 1)[1])
        output = _read(place / "output")
        code = _read(place / "exit-code").strip()
        if code:
            self._reap(place)
            return code == "0", mask(output if code == "0" else f"{output}\nexit code {code}")
        meta = _read(place / "meta.json")
        if not meta:
            return False, "the deployer ended while it began this command; whether it ran is not known"
        found = json.loads(meta)
        if not self._runs(found["pid"]):
            late = _read(place / "exit-code").strip()
            return late == "0", mask(f"{output}\nended without an exit code" if not late else output)
        if self._clock.now() >= found["ends"]:
            self._kill(found["pid"])
            return False, mask(f"{output}\nstopped: it took longer than its timeout")
        return None, mask(output)

    def _runs(self, pid: int) -> bool:
        child = self._children.get(pid)
        if child is not None:
            return child.poll() is None
        try:
            os.kill(pid, 0)
        except (ProcessLookupError, PermissionError):
            return False
        return True

    def _kill(self, pid: int) -> None:
        """End the process group: first asked, then forced."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(pid, sign)
            except ProcessLookupError:
                break
            if child := self._children.get(pid):
                with suppress(subprocess.TimeoutExpired):
                    child.wait(timeout=5)

    def _reap(self, place: Path) -> None:
        meta = _read(place / "meta.json")
        child = self._children.pop(json.loads(meta)["pid"], None) if meta else None
        if child is not None:
            child.wait()


def _read(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return text[-_TAIL:]
