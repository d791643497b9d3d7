"""The balancer on real sockets: what clients, targets and the control server see."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httptools
import pytest
from fake_control import BLUE, GREEN, FakeControl, fake_control, forward, group, health_check, rule, snapshot

from bluegreen.lab.app.behaviour import Release
from bluegreen.lab.app.server import App, serving
from bluegreen.lab.balancer.plane import Plane, Timing, balancing
from bluegreen.lab.balancer.snapshot import Snapshot
from bluegreen.lab.http1.fetch import Answer, fetch

FAST = Timing(time_scale=50.0, connect=0.3, idle=0.4)
Target = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def release(version: str = "v1.0.0", instance: str = "i-1", **more: Any) -> Release:
    return Release(tier="app", version=version, instance=instance, **more)


@asynccontextmanager
async def one_app(**more: Any) -> AsyncIterator[tuple[Plane, App, int]]:
    """A balancer without a control server in front of one application."""
    async with serving(release(**more)) as (app, port), balancing(None, FAST) as plane:
        plane.apply(Snapshot.parse(snapshot([rule(forward({BLUE: 1}))], {BLUE: group([("i-1", 80, port)])})))
        yield plane, app, port


@asynccontextmanager
async def raw_target(target: Target) -> AsyncIterator[Plane]:
    """A balancer in front of a hand-written target."""
    server = await asyncio.start_server(target, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, balancing(None, FAST) as plane:
        document = snapshot(
            [rule(forward({BLUE: 1}))],
            {BLUE: group([("i-1", 80, port)], health_check=health_check(interval=300))},
        )
        plane.apply(Snapshot.parse(document))
        yield plane


async def ask(plane: Plane, path: str = "/", **more: Any) -> Answer:
    return await fetch(("127.0.0.1", plane.port), path, timeout_seconds=60, **more)


async def talk(plane: Plane, data: bytes) -> bytes:
    """Send `data` on one connection and read until the balancer closes it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", plane.port)
    writer.write(data)
    try:
        return await asyncio.wait_for(reader.read(-1), 60)
    finally:
        writer.close()


async def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  (what is waited for happens in other tasks' plain state)
            await asyncio.sleep(0.01)


def taken(plane: Plane) -> dict[str, Any]:
    return plane.metrics.take(0, plane.hosts())


def test_pipelined_keep_alive_and_head() -> None:
    async def scenario() -> None:
        async with one_app() as (plane, _, _):
            told = await talk(
                plane,
                b"GET /a HTTP/1.1\r\nhost: x\r\n\r\nHEAD /b HTTP/1.1\r\nhost: x\r\n\r\n"
                b"GET /c HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
            )
            assert told.count(b"HTTP/1.1 200 OK") == 3
            assert [told.count(b'"path":"/%b"' % one) for one in (b"a", b"b", b"c")] == [1, 0, 1]
            assert told.index(b"/a") < told.index(b"/c")
            assert b"connection: close" in told

    asyncio.run(scenario())


def test_http10_client_gets_an_end_by_close() -> None:
    async def target(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")

    async def scenario() -> None:
        async with raw_target(target) as plane:
            head, _, body = (await talk(plane, b"GET / HTTP/1.0\r\n\r\n")).partition(b"\r\n\r\n")
            assert body == b"abc"
            assert b"chunked" not in head

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("told", "body"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", b"hello"),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n0\r\n\r\n\r\n2\r\nab\r\n0\r\n\r\n",
            b"0\r\n\r\nab",
        ),
        (b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nuntil the end", b"until the end"),
        (b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", b"ok"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    ],
    ids=["length", "chunked", "close", "interim", "empty"],
)
def test_every_framing_arrives_whole(told: bytes, body: bytes) -> None:
    async def target(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(told)
        await writer.drain()
        if b"connection: close" in told:
            writer.close()

    async def scenario() -> None:
        async with raw_target(target) as plane:
            assert (await ask(plane)).body == body

    asyncio.run(scenario())


def test_large_chunked_request_body_arrives_whole_with_forwarding_headers() -> None:
    seen: dict[str, Any] = {}

    async def target(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        seen.update(head=head, body=await reader.readexactly(length))
        writer.write(b"HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n")

    async def scenario() -> None:
        body = bytes(range(256)) * 4096 * 3
        chunks = [body[start : start + 65536] for start in range(0, len(body), 65536)]
        encoded = b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in chunks) + b"0\r\n\r\n"
        async with raw_target(target) as plane:
            told = await talk(
                plane,
                b"POST /up HTTP/1.1\r\nhost: shop.example\r\nx-forwarded-for: 203.0.113.9\r\n"
                b"x-amzn-trace-id: Root=1-5-6\r\nexpect: 100-continue\r\nkeep-alive: 5\r\n"
                b"connection: close\r\ntransfer-encoding: chunked\r\n\r\n" + encoded,
            )
        assert told.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created")
        assert seen["body"] == body
        assert b"host: shop.example" in seen["head"]
        assert b"x-forwarded-for: 203.0.113.9, 127.0.0.1" in seen["head"]
        assert b"x-forwarded-proto: http\r\n" in seen["head"]
        assert b"x-amzn-trace-id: self=1-" in seen["head"]
        assert b";root=1-5-6" in seen["head"]
        assert b"keep-alive: 5" not in seen["head"]
        assert b"expect" not in seen["head"]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("data", "status"), [(b"nonsense\r\n\r\n", 400), (b"GET / HTTP/1.1\r\nbad header\r\n\r\n", 400)]
)
def test_what_is_not_http_is_answered_400(data: bytes, status: int) -> None:
    async def scenario() -> None:
        async with one_app() as (plane, _, _):
            assert (await talk(plane, data)).startswith(b"HTTP/1.1 %d " % status)

    asyncio.run(scenario())


def test_refused_connection_is_502_and_counted() -> None:
    async def scenario() -> None:
        async with serving(release()) as (_, port):
            pass  # the port is free again: nobody listens
        async with balancing(None, FAST) as plane:
            document = snapshot([rule(forward({BLUE: 1}))], {BLUE: group([("i-1", 80, port)])})
            plane.apply(Snapshot.parse(document))
            answer = await ask(plane)
            assert answer.status == 502
            assert b"502 Bad Gateway" in answer.body
            counted = taken(plane)
            assert counted["groups"][BLUE]["connection_errors"] == 1
            assert counted["groups"][BLUE]["requests"] == 1
            assert counted["elb"] == {"requests": 1, "5xx": 1, "503": 0}

    asyncio.run(scenario())


def test_target_that_closes_without_an_answer_is_502() -> None:
    async def target(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async def scenario() -> None:
        async with raw_target(target) as plane:
            assert (await ask(plane)).status == 502

    asyncio.run(scenario())


def test_silent_target_is_504() -> None:
    async def scenario() -> None:
        async with one_app() as (plane, app, _):
            app.behaviour.hang = True
            assert (await ask(plane)).status == 504
            assert taken(plane)["elb"]["5xx"] == 1
            app.behaviour.hang = False
            assert (await ask(plane)).status == 200

    asyncio.run(scenario())


def test_answer_cut_short_breaks_the_client_connection() -> None:
    async def target(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
        await writer.drain()
        writer.close()

    async def scenario() -> None:
        async with raw_target(target) as plane:
            with pytest.raises(ConnectionError):
                await ask(plane)

    asyncio.run(scenario())


@pytest.mark.parametrize(("method", "status"), [("GET", 200), ("POST", 502)])
def test_only_idempotent_requests_are_repeated_on_a_stale_connection(method: str, status: int) -> None:
    connections = 0

    async def target(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one request, and drops the connection when a second one arrives on it."""
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        await reader.read(1)
        writer.close()

    async def scenario() -> None:
        async with raw_target(target) as plane:
            await until(lambda: connections == 1)  # the health check
            assert (await ask(plane)).status == 200
            assert (await ask(plane, method=method)).status == status
            assert connections == (3 if method == "GET" else 2)

    asyncio.run(scenario())


def test_no_registered_target_and_no_weight_are_503() -> None:
    async def scenario() -> None:
        async with balancing(None, FAST) as plane:
            plane.apply(Snapshot.parse(snapshot([rule(forward({BLUE: 1}))], {BLUE: group([])})))
            assert (await ask(plane)).status == 503
            plane.apply(Snapshot.parse(snapshot([rule(forward({BLUE: 0}))], {BLUE: group([])})))
            assert (await ask(plane)).status == 503
            plane.apply(Snapshot.parse(snapshot([], {})))
            answer = await ask(plane)
            assert (answer.status, answer.body) == (503, b"maintenance")
            assert taken(plane)["elb"] == {"requests": 3, "5xx": 3, "503": 3}

    asyncio.run(scenario())


def test_without_a_listener_connections_are_not_served() -> None:
    async def scenario() -> None:
        async with balancing(None, FAST) as plane:
            with pytest.raises(ConnectionError):
                await ask(plane)

    asyncio.run(scenario())


def test_draining_target_finishes_what_it_has_begun() -> None:
    async def scenario() -> None:
        async with (
            serving(release(instance="i-1", latency_seconds=2.0)) as (_, slow),
            serving(release("v2.0.0", "i-2")) as (_, quick),
            balancing(None, Timing(time_scale=50.0)) as plane,
        ):
            targets = [("i-1", 80, slow), ("i-2", 80, quick)]
            only_slow = group(targets[:1])
            plane.apply(Snapshot.parse(snapshot([rule(forward({BLUE: 1}))], {BLUE: only_slow})))
            begun = asyncio.create_task(ask(plane, "/slow"))
            await until(lambda: len(plane.underway) == 1)
            draining = group(targets, draining=("i-1",))
            plane.apply(Snapshot.parse(snapshot([rule(forward({BLUE: 1}))], {BLUE: draining})))
            during = [json.loads((await ask(plane)).body)["version"] for _ in range(4)]
            assert during == ["v2.0.0"] * 4
            assert not begun.done()
            gone = group(targets[1:])
            plane.apply(Snapshot.parse(snapshot([rule(forward({BLUE: 1}))], {BLUE: gone})))
            assert json.loads((await begun).body)["version"] == "v1.0.0"

    asyncio.run(scenario())


def test_sticky_cookie_reaches_the_client() -> None:
    async def scenario() -> None:
        async with one_app() as (plane, _, port):
            sticky = snapshot([rule(forward({BLUE: 1}, sticky=60))], {BLUE: group([("i-1", 80, port)])})
            plane.apply(Snapshot.parse(sticky))
            told = await talk(plane, b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            assert b"\r\nset-cookie: AWSALBTG=" in told

    asyncio.run(scenario())


def test_client_that_leaves_frees_the_target() -> None:
    async def scenario() -> None:
        async with one_app() as (plane, app, _):
            app.behaviour.hang = True
            _, writer = await asyncio.open_connection("127.0.0.1", plane.port)
            writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            await until(lambda: len(plane.underway) == 1)
            member = plane.router.pools[BLUE].members["i-1", 80]
            assert member.outstanding == 1
            writer.transport.abort()
            await until(lambda: not plane.underway)
            assert member.outstanding == 0

    asyncio.run(scenario())


def test_slow_reader_gets_everything_and_does_not_fill_the_memory() -> None:
    size = 40_000_000
    written = 0

    async def target(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        if b"ELB-HealthChecker" in await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            return
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        for _ in range(size // 100_000):
            writer.write(b"x" * 100_000)
            await writer.drain()
            written += 100_000

    async def scenario() -> None:
        async with raw_target(target) as plane:
            reader, writer = await asyncio.open_connection("127.0.0.1", plane.port)
            writer.write(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            await asyncio.sleep(0.2)
            assert written < size  # the target was held up, not buffered
            told = await reader.read(-1)
            assert len(told.partition(b"\r\n\r\n")[2]) == size
            writer.close()

    asyncio.run(scenario())


async def _controlled(control: FakeControl, plane: Plane, port: int) -> None:
    control.put(snapshot([rule(forward({BLUE: 1}))], {BLUE: group([("i-1", 80, port)])}))
    await until(lambda: control.health.get((BLUE, "i-1")) == "healthy")
    assert (await ask(plane)).status == 200


def test_follows_the_control_server_and_survives_its_loss() -> None:
    async def scenario() -> None:
        async with serving(release()) as (_, port):
            async with fake_control() as control:
                address = ("127.0.0.1", control.port)
                stack = balancing(address, FAST)
                plane = await stack.__aenter__()
                await _controlled(control, plane, port)
                await until(lambda: control.total(BLUE, "requests") == 1)
                counted = next(one for one in control.metrics if one["groups"][BLUE]["requests"])
                assert counted["groups"][BLUE]["2xx"] == 1
                assert counted["groups"][BLUE]["healthy"] == 1
                assert counted["groups"][BLUE]["latency"][0][1] == 1
            assert (await ask(plane)).status == 200
            await asyncio.sleep(1.2)  # a second of metrics ends while nobody hears it
            assert (await ask(plane)).status == 200
            async with fake_control(address[1]) as again:
                await _controlled(again, plane, port)
                await until(lambda: again.total(BLUE, "requests") >= 3)
                seconds = [one["at"] for one in again.metrics]
                assert seconds == sorted(set(seconds))
            await stack.__aexit__(None, None, None)

    asyncio.run(scenario())


def test_health_goes_through_thresholds_and_comes_back() -> None:
    async def scenario() -> None:
        async with (
            fake_control() as control,
            serving(release()) as (app, port),
            balancing(("127.0.0.1", control.port), FAST) as plane,
        ):
            await _controlled(control, plane, port)
            app.behaviour.healthy = False
            await until(lambda: control.health[BLUE, "i-1"] == "unhealthy")
            assert plane.hosts() == {BLUE: (0, 1)}
            app.behaviour.healthy = True
            await until(lambda: control.health[BLUE, "i-1"] == "healthy")
            app.behaviour.hang = True
            await until(lambda: control.health[BLUE, "i-1"] == "unhealthy")
            member = plane.router.pools[BLUE].members["i-1", 80]
            assert member.reason == "Target.Timeout"

    asyncio.run(scenario())


def test_unused_group_is_not_checked_and_never_healthy() -> None:
    async def scenario() -> None:
        async with serving(release()) as (app, port), balancing(None, FAST) as plane:
            groups = {GREEN: group([("i-1", 80, port)], in_use=False)}
            plane.apply(Snapshot.parse(snapshot([], groups)))
            await asyncio.sleep(0.2)
            assert not app.connections
            assert plane.checked() == []
            assert plane.router.pools[GREEN].members["i-1", 80].health == "initial"

    asyncio.run(scenario())


def test_target_without_a_process_becomes_unhealthy_and_answers_502() -> None:
    async def scenario() -> None:
        async with balancing(None, FAST) as plane:
            groups = {BLUE: group([("i-1", 80, None)])}
            plane.apply(Snapshot.parse(snapshot([rule(forward({BLUE: 1}))], groups)))
            assert plane.hosts() == {BLUE: (0, 0)}
            assert (await ask(plane)).status == 502
            await until(lambda: plane.hosts() == {BLUE: (0, 1)})

    asyncio.run(scenario())


def test_upgrade_is_served_as_an_ordinary_request() -> None:
    async def scenario() -> None:
        async with one_app() as (plane, _, _):
            told = await talk(
                plane,
                b"GET /a HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"
                b"GET /b HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
            )
            assert told.count(b"HTTP/1.1 200 OK") == 2

    asyncio.run(scenario())


def test_parser_is_the_pinned_one() -> None:
    assert httptools.__version__ == "0.9.0"
