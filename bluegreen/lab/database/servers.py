"""The real servers behind the emulated RDS (`cloud.rds.servers.Servers`), one task at a time."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from pathlib import Path

from bluegreen.lab.cloud.rds.servers import Login
from bluegreen.lab.database.login import make_login
from bluegreen.lab.database.programs import DatabaseFailed, Programs
from bluegreen.lab.database.record import Record, erase
from bluegreen.lab.database.server import Server, free_port, is_free

_REVIVAL_SECONDS = 15.0
_PAUSE_SECONDS = 0.2
_PORTS_TRIED = 5


class PostgresServers:
    """Servers and copies in one directory; `tick` restarts what died, `close` removes everything.

    The port belongs to the instance's name, as the DNS name does on AWS: clients of a renamed instance
    find its successor at the old endpoint.
    """

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._record = Record(state_dir)
        self._programs: Programs | None = None
        self._password = secrets.token_hex(16)
        self._numbers = count(1)
        self._servers: dict[str, Server] = {}
        self._copies: dict[str, Path] = {}
        self._ports: dict[str, int] = {}
        self._failures: dict[str, str] = {}
        """Why a server could not be restarted, by instance."""
        self._lock = threading.Lock()
        self._restarting: Future[None] | None = None
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="postgres")

    # What RDS asks for.

    def create(self, name: str, login: Login) -> Future[None]:
        return self._later(lambda: self._create(name, login))

    def restore(self, name: str, snapshot: str) -> Future[None]:
        return self._later(lambda: self._restore(name, snapshot))

    def replicate(self, name: str, source: str) -> Future[None]:
        return self._later(lambda: self._replicate(name, source))

    def promote(self, name: str) -> Future[None]:
        return self._later(lambda: self._server(name).promote())

    def rename(self, name: str, to: str) -> Future[None]:
        return self._later(lambda: self._rename(name, to))

    def remove(self, name: str) -> Future[None]:
        return self._later(lambda: self._remove(name))

    def copy(self, snapshot: str, source: str) -> Future[None]:
        return self._later(lambda: self._copy(snapshot, source))

    def discard(self, snapshot: str) -> Future[None]:
        return self._later(lambda: self._discard(snapshot))

    def endpoint(self, name: str) -> tuple[str, int] | None:
        with self._lock:
            return "127.0.0.1", self._ports.get(name, 0)

    # What the lab does with them.

    def stop(self, name: str) -> Future[None]:
        return self._later(lambda: self._stop(name))

    def start(self, name: str) -> Future[None]:
        return self._later(lambda: self._start(name))

    def tick(self) -> None:
        if self._restarting is None or self._restarting.done():
            dead = [name for name, one in list(self._servers.items()) if one.died]
            if dead:
                self._restarting = self._later(lambda: self._restart(dead))

    def process(self, name: str) -> tuple[int | None, str]:
        server = self._servers.get(name)
        running = server.process if server is not None and server.alive else None
        return running.pid if running else None, self._failures.get(name, "")

    def close(self) -> None:
        """What is under way is finished first."""
        self._worker.shutdown(cancel_futures=True)
        for server in self._servers.values():
            server.stop()
        self._servers.clear()
        if self._programs:
            erase(self._programs.place)
        self._record.remove()

    # What the worker does.

    def _later(self, task: Callable[[], None]) -> Future[None]:
        return self._worker.submit(task)

    def _create(self, name: str, login: Login) -> None:
        server = self._new()
        server.initialise(self._password)
        self._begin(name, server)
        make_login(server.port, self._password, login)

    def _restore(self, name: str, snapshot: str) -> None:
        if snapshot not in self._copies:
            raise DatabaseFailed(f"the snapshot {snapshot} has no data")
        server = self._new()
        server.fill(self._copies[snapshot])
        self._begin(name, server)

    def _replicate(self, name: str, source: str) -> None:
        server = self._new()
        self._server(source).copy_to(server.data, self._password, replica=True)
        self._begin(name, server)

    def _rename(self, name: str, to: str) -> None:
        server = self._server(name)
        del self._servers[name]
        server.stop()
        server.port = self._port(to)
        self._serve(to, server)

    def _remove(self, name: str) -> None:
        server = self._servers.pop(name, None)
        if server is not None:
            server.stop()
            self._write()
            erase(server.data)

    def _copy(self, snapshot: str, source: str) -> None:
        data = self._prepared().place / f"copy-{next(self._numbers)}"
        self._server(source).copy_to(data, self._password)
        self._copies[snapshot] = data

    def _discard(self, snapshot: str) -> None:
        copy = self._copies.pop(snapshot, None)
        if copy is not None:
            erase(copy)

    def _stop(self, name: str) -> None:
        self._server(name).stop()
        self._write()

    def _start(self, name: str) -> None:
        if not self._server(name).alive:
            self._serve(name, self._server(name))

    def _restart(self, names: list[str]) -> None:
        for name in names:
            server = self._servers.get(name)
            if server is not None and server.died:  # it may have been stopped meanwhile
                self._failures.pop(name, None)
                try:
                    self._revive(name, server)
                except DatabaseFailed as error:
                    self._failures[name] = str(error)

    def _revive(self, name: str, server: Server) -> None:
        """The children of a server that was killed hold its memory until they have noticed."""
        deadline = time.monotonic() + _REVIVAL_SECONDS
        while True:
            server.stop()
            try:
                return self._serve(name, server)
            except DatabaseFailed:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_PAUSE_SECONDS)

    def _server(self, name: str) -> Server:
        if name not in self._servers:
            raise DatabaseFailed(f"the instance {name} has no server")
        return self._servers[name]

    def _new(self) -> Server:
        number, programs = next(self._numbers), self._prepared()
        log = self._state_dir / f"database-{number}.log"
        return Server(programs, programs.place / f"data-{number}", port=0, log=log)

    def _prepared(self) -> Programs:
        if self._programs is None:
            self._programs = Programs.prepare(self._state_dir)
            self._write()
        return self._programs

    def _port(self, name: str) -> int:
        with self._lock:
            if name not in self._ports:
                self._ports[name] = free_port(set(self._ports.values()))
            return self._ports[name]

    def _begin(self, name: str, server: Server) -> None:
        """Serve for the first time; somebody else may take the port in the last moment."""
        for _ in range(_PORTS_TRIED):
            server.port = self._port(name)
            try:
                return self._serve(name, server)
            except DatabaseFailed:
                if is_free(server.port):
                    raise
                del self._ports[name]
        raise DatabaseFailed(f"somebody else took {_PORTS_TRIED} ports, one after the other")

    def _serve(self, name: str, server: Server) -> None:
        self._servers[name] = server
        server.launch()
        self._write()
        server.wait()

    def _write(self) -> None:
        """For whoever finds this lab dead."""
        running = [one.process for one in list(self._servers.values()) if one.process]
        self._record.write(self._prepared().place, running)
