"""One PostgreSQL server: its data, its port, its process."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from bluegreen.lab.database.programs import DatabaseFailed, Programs, complaint
from bluegreen.lab.database.record import erase
from bluegreen.lab.process import start_time
from bluegreen.lab.starting import Process

ADMIN = "rdsadmin"
"""The one superuser, as on RDS: the master user is none."""
PORTS = range(15_432, 20_000)
"""Below the ports that systems give to outgoing connections: a server that restarts finds its own free."""
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0
_POLL_SECONDS = 0.02
_GUARD = 'read -r _; kill -INT "$1"'
"""Reads a pipe that ends with this process, however it ends, and stops the server then."""
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "80",
    "shared_buffers": "16MB",
    # A lab's data need not outlive the machine. What was acknowledged still outlives the server's death:
    # it is in the operating system's memory.
    "fsync": "off",
    "full_page_writes": "off",
    "io_method": "sync",  # no processes of its own for it
    "jit": "off",
    "max_wal_size": "64MB",
    "wal_keep_size": "16MB",
    "log_min_messages": "warning",
}


@dataclass(slots=True)
class Server:
    """A cluster in `data` that serves 127.0.0.1:`port`, once `start` has returned."""

    programs: Programs
    data: Path
    port: int
    log: Path
    _popen: subprocess.Popen[bytes] | None = None
    _guard: subprocess.Popen[bytes] | None = None
    process: Process | None = None
    """The running server, for the record."""

    @property
    def alive(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    @property
    def died(self) -> bool:
        """Whether it ended without being stopped."""
        return self._popen is not None and not self.alive

    def initialise(self, admin_password: str) -> None:
        """Make an empty cluster; raises DatabaseFailed."""
        secret = self.programs.write(f"{self.data.name}.secret", f"{admin_password}\n")
        try:
            self.programs.run(
                "initdb",
                *("--pgdata", str(self.data), "--username", ADMIN, "--pwfile", str(secret)),
                *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C"),
                *("--no-sync", "--no-instructions", "--wal-segsize", "1"),
            )
        finally:
            secret.unlink()

    def fill(self, copy: Path) -> None:
        """Take over the data of a copy, which stays; raises DatabaseFailed."""
        try:
            shutil.copytree(copy, self.data, symlinks=True)
            self.programs.own(self.data)
        except OSError as error:
            erase(self.data)
            raise DatabaseFailed(f"the snapshot could not be copied: {error}") from error

    def launch(self) -> None:
        """Start the process; `wait` until it serves. Raises DatabaseFailed."""
        settings = {**_SETTINGS, "port": str(self.port)}
        words = [f"--{name}={value}" for name, value in settings.items()]
        try:
            with self.log.open("wb") as output:
                self._popen = subprocess.Popen(
                    [self.programs.program("postgres"), "-D", str(self.data), *words],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    **self.programs.options,
                )
        except (OSError, subprocess.SubprocessError) as error:
            raise DatabaseFailed(f"PostgreSQL did not start: {error}") from error
        pid = self._popen.pid
        self.process = Process(pid=pid, started=start_time(pid) or "")
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "guard", str(pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            **self.programs.options,
        )

    def wait(self) -> None:
        """Return once it serves. Raises DatabaseFailed where it ends or takes too long."""
        assert self._popen is not None
        deadline = time.monotonic() + _START_SECONDS
        while not self._ready(self._popen.pid):
            if not self.alive or time.monotonic() > deadline:
                self.stop()
                lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
                raise DatabaseFailed(f"PostgreSQL did not start: {complaint(lines)}")
            time.sleep(_POLL_SECONDS)

    def _ready(self, pid: int) -> bool:
        """What postmaster.pid says; the file of a server that was killed has another process id."""
        try:
            lines = (self.data / "postmaster.pid").read_text(encoding="ascii").splitlines()
        except (OSError, ValueError):
            return False
        return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() in ("ready", "standby")

    def stop(self) -> None:
        """End it, clients or not; returns when it is gone."""
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.kill()
            self._guard.wait()
            self._guard.stdin.close()
        if self._popen is not None:
            for number in (signal.SIGINT, signal.SIGKILL):
                self._popen.send_signal(number)
                try:
                    self._popen.wait(_STOP_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    continue
        self._popen = self._guard = self.process = None

    def copy_to(self, data: Path, admin_password: str, *, replica: bool = False) -> None:
        """Copy the data as they are at one moment, while it serves; raises DatabaseFailed.

        A `replica` is a copy that will follow this server.
        """
        address = ("--host", "127.0.0.1", "--port", str(self.port), "--username", ADMIN)
        more = ("--write-recovery-conf",) if replica else ()
        try:
            self.programs.run(
                "pg_basebackup",
                *("--pgdata", str(data), "--checkpoint", "fast", "--no-sync", "--no-manifest"),
                *(*address, *more),
                secrets={"PGPASSWORD": admin_password},
            )
        except DatabaseFailed:
            erase(data)
            raise

    def promote(self) -> None:
        """End its following; it takes writes on return. Raises DatabaseFailed."""
        self.programs.run("pg_ctl", "promote", "--pgdata", str(self.data))


def free_port(taken: set[int]) -> int:
    """The first port that nobody listens on; raises DatabaseFailed where there is none."""
    for port in PORTS:
        if port not in taken and is_free(port):
            return port
    raise DatabaseFailed(f"all ports from {PORTS[0]} to {PORTS[-1]} are taken")


def is_free(port: int) -> bool:
    """Whether nobody listens on it."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as PostgreSQL does
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
