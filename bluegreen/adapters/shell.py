"""`ports.Commands`: on an instance through SSM, or on this machine."""

from __future__ import annotations

from bluegreen.adapters.aws.run_command import RemoteCommands
from bluegreen.adapters.local_commands import PREFIX, LocalCommands


class ShellCommands:
    """Sends each command where it belongs; a handle says where it runs."""

    def __init__(self, remote: RemoteCommands, local: LocalCommands) -> None:
        self._remote, self._local = remote, local

    def find(self, token: str, *, local: bool) -> str | None:
        return self._local.find(token) if local else self._remote.find(token)

    def start(self, instance_id: str | None, command: str, *, token: str) -> str:
        if instance_id is None:
            return self._local.start(command, token=token)
        return self._remote.start(instance_id, command, token=token)

    def poll(self, handle: str) -> tuple[bool | None, str]:
        return self._side(handle).poll(handle)

    def cancel(self, handle: str) -> None:
        self._side(handle).cancel(handle)

    def running(self) -> tuple[str, ...]:
        return (*self._remote.running(), *self._local.running())

    def _side(self, handle: str) -> RemoteCommands | LocalCommands:
        return self._local if handle.startswith(PREFIX) else self._remote
