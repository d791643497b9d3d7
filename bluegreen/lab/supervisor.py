"""One real process per emulated instance: started when it runs, stopped after its drain."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from bluegreen.lab.cloud.cloud import Cloud
from bluegreen.lab.cloud.instances import Instance, InstanceState
from bluegreen.lab.userdata import BootFailed, app_arguments

__all__ = ["AppLauncher", "Host", "Launcher", "Supervisor"]

_PATIENCE_SECONDS = 5.0
"""Between SIGTERM and SIGKILL."""


@dataclass(slots=True)
class Host:
    """The process that stands for an instance."""

    process: subprocess.Popen[bytes]
    port_file: Path
    told_at: float = 0.0
    """When it was asked to stop (monotonic seconds); 0: not yet."""

    def address(self) -> tuple[str, int] | None:
        """Where it listens, once it does."""
        try:
            return "127.0.0.1", int(self.port_file.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def end(self) -> bool:
        """Ask to stop, later make it stop; True once it is gone."""
        if not self.alive:
            self.port_file.unlink(missing_ok=True)
            return True
        now = time.monotonic()
        if not self.told_at:
            self.told_at = now
            self.process.terminate()
        elif now - self.told_at > _PATIENCE_SECONDS:
            self.process.kill()
        return False


class Launcher(Protocol):
    """Starts the process of an instance."""

    def launch(self, instance: Instance) -> Host:
        """Raises BootFailed for an instance that will never serve."""


class AppLauncher:
    """Boots an instance as its user data would, into a `bluegreen.lab.app` process."""

    def __init__(self, session: Any, state_dir: Path) -> None:
        self._session = session
        self._ports = state_dir / "instances"
        self._ports.mkdir(parents=True, exist_ok=True)

    def launch(self, instance: Instance) -> Host:
        port_file = self._ports / f"{instance.id}.port"
        port_file.unlink(missing_ok=True)
        log = self._ports / f"{instance.id}.log"
        arguments = app_arguments(instance.id, instance.tags, self._session)
        with log.open("wb") as output:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "bluegreen.lab.app", "--port", "0"),
                    *("--port-file", str(port_file), "--parent-pid", str(os.getpid())),
                    *arguments,
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return Host(process, port_file)


@dataclass(slots=True)
class Supervisor:
    """Keeps the processes in step with the instances of the cloud; call `tick` often."""

    cloud: Cloud
    launcher: Launcher
    failures: dict[str, str] = field(default_factory=dict)
    """Why an instance did not boot, by its id."""
    _hosts: dict[str, Host] = field(default_factory=dict)
    _booting: dict[str, threading.Thread] = field(default_factory=dict)
    _died: dict[str, float] = field(default_factory=dict)
    _stopping: bool = False

    def pids(self) -> dict[str, int]:
        """The process id of every instance that has a process."""
        return {instance: host.process.pid for instance, host in list(self._hosts.items()) if host.alive}

    def tick(self) -> None:
        with self.cloud.lock:
            instances = list(self.cloud.instances.all.values())
        for instance in instances:
            host = self._hosts.get(instance.id)
            if instance.state is InstanceState.RUNNING and instance.id not in self._booting:
                self._boot(instance)
            elif host is not None and not instance.alive:
                self._end(instance, host)
            elif host is not None:
                self._watch(instance, host)

    def _boot(self, instance: Instance) -> None:
        """In a thread of its own: a slow pull must not hold up the other instances."""
        thread = threading.Thread(target=self._launch, args=(instance,), daemon=True)
        self._booting[instance.id] = thread
        thread.start()

    def _launch(self, instance: Instance) -> None:
        try:
            host = self.launcher.launch(instance)
        except BootFailed as failed:
            self.failures[instance.id] = str(failed)
            return
        self._hosts[instance.id] = host
        if self._stopping:
            host.end()

    def _end(self, instance: Instance, host: Host) -> None:
        if host.end():
            del self._hosts[instance.id]
            self._set_address(instance, None)

    def _watch(self, instance: Instance, host: Host) -> None:
        """Publish the address; a process that died is a host that EC2 will find dead.

        The address stays: until somebody notices, requests run into a closed port, as on AWS.
        """
        if host.alive:
            if instance.address is None and (address := host.address()):
                self._set_address(instance, address)
            return
        died = self._died.setdefault(instance.id, time.monotonic())
        if time.monotonic() - died >= self.cloud.settings.host_check_seconds:
            with self.cloud.lock:
                self.cloud.instances.terminate(instance)

    def _set_address(self, instance: Instance, address: tuple[str, int] | None) -> None:
        with self.cloud.lock:
            instance.address = address
            self.cloud.balancing.revision += 1

    def stop(self) -> None:
        """End every process; returns when all are gone."""
        self._stopping = True
        for thread in list(self._booting.values()):
            thread.join(_PATIENCE_SECONDS)
        while self._hosts:
            self._hosts = {name: host for name, host in self._hosts.items() if not host.end()}
            time.sleep(0.02)
