"""The application's rows and the load's writes, with a store that is no database."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from bluegreen.errors import ConfigError
from bluegreen.lab.app.behaviour import Release
from bluegreen.lab.app.routes import Answer
from bluegreen.lab.app.server import serving
from bluegreen.lab.load import Load, Report, Settings, Traffic


class Store:
    """Keeps ids in a list; each tenth write is refused; `held` lets writes wait."""

    def __init__(self, *, held: bool = False) -> None:
        self.ids: list[str] = []
        self.asked = asyncio.Event()
        self.released = asyncio.Event()
        if not held:
            self.released.set()
        self._count = 0

    async def write(self, body: bytes) -> Answer:
        self.asked.set()
        await self.released.wait()
        self._count += 1
        if self._count % 10 == 0:
            return 503, {"error": "not written"}
        self.ids.append(json.loads(body)["id"])
        return 201, {}

    async def count(self, key: str) -> Answer:
        return 200, {"rows": self.ids.count(key)}

    async def user(self, number: str) -> Answer:
        return 200, {"id": number}


def release(**more: float) -> Release:
    return Release(tier="app", version="v1.1.0", instance="i-1", **more)  # type: ignore[arg-type]


async def ask(port: int, path: str, body: bytes = b"") -> tuple[int, dict[str, object]]:
    async with httpx.AsyncClient(timeout=60) as client:
        method = "POST" if body else "GET"
        answer = await client.request(method, f"http://127.0.0.1:{port}{path}", content=body)
    return answer.status_code, answer.json()


def loaded(store: Store | None, writes: float = 0.1, **more: float) -> Report:
    async def run() -> Report:
        async with serving(release(**more), rows=store) as (_, port):
            url = f"http://127.0.0.1:{port}"
            mix = (Traffic(path="/"),)
            settings = Settings(
                url=url, rate=800, connections=20, seconds=0.5, timeout=60, writes=writes, traffic=mix
            )
            return await Load(settings).run()

    return asyncio.run(run())


def test_a_share_of_the_load_writes_and_knows_which_writes_were_acknowledged() -> None:
    store = Store()
    report = loaded(store)
    assert report.paths == {"/": 360, "/api/feedback": 40}
    assert report.failed_by_cause == {"503": 4}
    assert report.writes["sent"] == 40
    unknown = set(report.writes["unacknowledged"])
    assert len(unknown) == 4
    acknowledged = [n for n in range(40) if n not in unknown]
    assert sorted(store.ids) == [f"{report.writes['run']}-{number:09d}" for number in acknowledged]


def test_without_a_share_nothing_is_written() -> None:
    report = loaded(None, writes=0.0)
    assert report.writes["sent"] == report.failed == 0
    with pytest.raises(ConfigError, match="writes must be a share from 0 to 1, got 3"):
        Settings(url="http://127.0.0.1:1", writes=3)


def test_an_error_of_the_release_is_answered_without_writing() -> None:
    store = Store()
    report = loaded(store, errors=1.0)
    assert (report.failed, store.ids, len(report.writes["unacknowledged"])) == (400, [], 40)


def test_a_write_that_waits_holds_up_nothing_else() -> None:
    async def run() -> None:
        store = Store(held=True)
        async with serving(release(), rows=store) as (_, port):
            writing = asyncio.create_task(ask(port, "/api/feedback", b'{"id":"a"}'))
            await store.asked.wait()
            assert (await ask(port, "/api/sessions"))[0] == 200
            assert (await ask(port, "/healthz"))[0] == 200
            assert not writing.done()
            store.released.set()
            assert (await writing)[0] == 201
            assert await ask(port, "/api/feedback?id=a") == (200, {"rows": 1})
            assert await ask(port, "/api/users?id=7") == (200, {"id": "7"})

    asyncio.run(run())


def test_without_a_database_writes_are_refused_and_the_health_check_is_shallow() -> None:
    async def run() -> None:
        async with serving(release()) as (_, port):
            assert (await ask(port, "/api/feedback", b"{}"))[0] == 503
            assert (await ask(port, "/healthz"))[0] == 200

    asyncio.run(run())
