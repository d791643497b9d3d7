"""`ports.Commands`: on an instance through SSM, or on this machine."""

from __future__ import annotations

from bluegreen.adapters.aws.run_command import RemoteCommands
from bluegreen.adapters.shell import LocalCommands


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
