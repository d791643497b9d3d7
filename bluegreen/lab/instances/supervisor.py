"""One real process per emulated instance: started when it runs, stopped after its drain."""

from __future__ import annotations

import contextlib
import http
import os
import signal
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from bluegreen.contract import LAUNCH_HOOK
from bluegreen.lab.cloud.cloud import Cloud
from bluegreen.lab.cloud.errors import CloudError
from bluegreen.lab.cloud.instances import Instance, InstanceState
from bluegreen.lab.instances.userdata import BootFailed, app_arguments, database_url, internal_url
from bluegreen.lab.machine import Gauge, Late
from bluegreen.lab.starting import Child, module

_ANSWER_SECONDS, _POLL_SECONDS = 2.0, 0.05
_THREAD_SECONDS = 5.0
"""How long the end of the lab waits for an instance that is still booting."""


class Launcher(Protocol):
    """Starts the process of an instance."""

    def launch(self, instance: Instance) -> Child:
        """Raises BootFailed for an instance that will never serve."""

    def serves(self, instance: Instance, port: int) -> bool:
        """Whether the process answers its health check."""


class AppLauncher:
    """Boots an instance as its user data would, into a `bluegreen.lab.app` process."""

    def __init__(self, session: Any, state_dir: Path) -> None:
        self._session = session
        self._ports = state_dir / "instances"
        self._ports.mkdir(parents=True, exist_ok=True)
        self._health_paths: dict[str, str] = {}

    def launch(self, instance: Instance) -> Child:
        files = self._ports / instance.id
        log, port_file = files.with_suffix(".log"), files.with_suffix(".port")
        given = app_arguments(instance.id, instance.tags, self._session)
        if url := database_url(instance.tags, self._session):
            secret = files.with_suffix(".database")
            secret.touch(mode=0o600)
            secret.write_text(url, encoding="utf-8")
            given += ["--database-file", str(secret)]
        if asked := internal_url(instance.tags, self._session):
            given += ["--internal-url", asked]
        self._health_paths[instance.id] = given[given.index("--health-path") + 1]
        own = ("--port", "0", "--port-file", str(port_file), "--parent-pid", str(os.getpid()))
        return Child.start(module("app", *own, *given), log=log, port_file=port_file)

    def serves(self, instance: Instance, port: int) -> bool:
        with contextlib.suppress(OSError):
            address = f"http://127.0.0.1:{port}{self._health_paths[instance.id]}"
            with urllib.request.urlopen(address, timeout=_ANSWER_SECONDS) as answer:
                return bool(answer.status == http.HTTPStatus.OK)
        return False


@dataclass(slots=True)
class Supervisor:
    """Keeps the processes in step with the instances of the cloud; call `tick` often."""

    cloud: Cloud
    launcher: Launcher
    gauge: Gauge = field(default_factory=lambda: Gauge(1))
    failures: dict[str, str] = field(default_factory=dict)
    """Why an instance did not boot, by its id."""
    _hosts: dict[str, Child] = field(default_factory=dict)
    _booting: dict[str, threading.Thread] = field(default_factory=dict)
    _died: dict[str, float] = field(default_factory=dict)
    _stopping: bool = False

    def pids(self) -> dict[str, int]:
        """The process id of every instance that has a process."""
        return {instance: host.popen.pid for instance, host in list(self._hosts.items()) if host.alive}

    def tick(self) -> None:
        with self.cloud.lock:
            instances = list(self.cloud.instances.all.values())
        for instance in instances:
            host = self._hosts.get(instance.id)
            if instance.id not in self._booting and self._booted(instance):
                self._boot(instance)
            elif host is not None and not instance.alive:
                self._end(instance, host)
            elif host is not None:
                self._watch(instance, host)

    def _booted(self, instance: Instance) -> bool:
        """Whether the drawn boot is over; what is left is the start of the process itself."""
        return instance.state is InstanceState.RUNNING and instance.boots_at <= self.cloud.clock.now()

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
            host.ended()
        while host.alive and not self._stopping:
            if (port := host.port) and self.launcher.serves(instance, port):
                self._complete_launch(instance)
                return
            time.sleep(_POLL_SECONDS)

    def _complete_launch(self, instance: Instance) -> None:
        """As a host does once it serves; harmless where its group has no launch hook."""
        action = {
            "AutoScalingGroupName": instance.tags.get("aws:autoscaling:groupName", ""),
            "InstanceId": instance.id,
            "LifecycleHookName": LAUNCH_HOOK,
            "LifecycleActionResult": "CONTINUE",
        }
        with contextlib.suppress(CloudError):
            self.cloud.call("autoscaling", "CompleteLifecycleAction", action)

    def _end(self, instance: Instance, host: Child) -> None:
        if host.ended():
            del self._hosts[instance.id]
            self._set_address(instance, None)

    def _watch(self, instance: Instance, host: Child) -> None:
        """Publish the address; a process that died is a host that EC2 will find dead.

        The address stays: until somebody notices, requests run into a closed port, as on AWS.
        """
        if host.alive and instance.lost:
            host.send_signal(signal.SIGKILL)
        elif host.alive:
            if instance.address is None and (port := host.port):
                self._set_address(instance, ("127.0.0.1", port))
                self.gauge.late(Late.INSTANCE, time.monotonic() - host.started_at)
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
            thread.join(_THREAD_SECONDS)
        while self._hosts:
            self._hosts = {name: host for name, host in self._hosts.items() if not host.ended()}
            time.sleep(0.02)
