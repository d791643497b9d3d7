"""The load generator: bounded, open loop, and honest about what failed."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluegreen.errors import ConfigError
from bluegreen.lab.app.behaviour import Release
from bluegreen.lab.app.server import serving
from bluegreen.lab.load import Load, Outcome, Report, Second, Settings, Traffic
from bluegreen.lab.load.finding import carried
from bluegreen.lab.load.tally import percentile
from bluegreen.lab.round_robin import WeightedRoundRobin


def settings(port: int, **more: Any) -> Settings:
    url = f"http://127.0.0.1:{port}"
    return Settings(**({"url": url, "rate": 400, "connections": 20, "seconds": 1.0, "timeout": 60} | more))


async def run_against(release: Release, **more: Any) -> tuple[Report, list[Second], list[Outcome]]:
    seconds: list[Second] = []
    outcomes: list[Outcome] = []
    async with serving(release) as (_, port):
        load = Load(settings(port, **more), on_second=seconds.append, on_outcome=outcomes.append)
        return await load.run(), seconds, outcomes


def release(**more: Any) -> Release:
    return Release(tier="app", version="v1.1.0", instance="i-1", **more)


def test_sends_what_was_asked_and_adds_up() -> None:
    mix = (Traffic(path="/", weight=3), Traffic(path="/api/login", weight=1, method="POST", body="{}"))
    report, seconds, outcomes = asyncio.run(run_against(release(), traffic=mix))
    assert report.requests == 400 == sum(one.requests for one in seconds) == len(outcomes)
    assert report.failed == 0
    assert report.paths == {"/": 300, "/api/login": 100}
    assert report.share("v1.1.0") == 1.0
    assert 2 < report.p50_ms <= report.p95_ms <= report.p99_ms
    assert report.seconds > 0.9


@given(st.lists(st.integers(0, 50), min_size=1, max_size=5).filter(any), st.integers(1, 3))
def test_round_robin_is_exact_for_any_weights(weights: list[int], rounds: int) -> None:
    turns = WeightedRoundRobin(tuple(enumerate(weights)))
    taken = Counter(turns.next() for _ in range(rounds * sum(weights)))
    assert taken == {index: rounds * weight for index, weight in enumerate(weights) if weight}


def test_ends_by_count_and_by_time() -> None:
    report, _, _ = asyncio.run(run_against(release(), count=50, seconds=60))
    assert report.requests == 50
    assert report.seconds < 60
    report, _, _ = asyncio.run(run_against(release(), count=10_000, seconds=0.5))
    assert 0 < report.requests <= 202


def test_failures_are_counted_by_cause_and_version() -> None:
    report, seconds, _ = asyncio.run(run_against(release(errors=0.1)))
    assert report.failed_by_cause == {"500": 40}
    assert report.failed_by_version == {"v1.1.0": 40}
    assert sum(one.failed for one in seconds) == 40


def test_open_loop_shows_a_stall_in_every_request_it_delayed() -> None:
    report, _, _ = asyncio.run(run_against(release(latency_seconds=0.1), connections=4, rate=100, timeout=20))
    assert report.requests == 100
    assert report.late > 50
    # Four connections serve 40 a second: the last of 100 requests waits about 1.5 seconds.
    assert report.p95_ms > 900


def test_silent_server_is_a_timeout() -> None:
    async def scenario() -> Report:
        async with serving(release()) as (app, port):
            app.behaviour.hang = True
            return await Load(settings(port, rate=50, seconds=0.4, timeout=0.3)).run()

    assert asyncio.run(scenario()).failed_by_cause == {"timeout": 20}


def test_server_that_is_not_there_fails_every_request() -> None:
    async def scenario() -> Report:
        async with serving(release()) as (_, port):
            pass
        return await Load(settings(port, rate=50, seconds=0.4, timeout=0.3)).run()

    assert asyncio.run(scenario()).failed_by_cause == {"connect": 20}


def test_connection_cut_under_way_is_counted_and_replaced() -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")
        await writer.drain()
        writer.close()

    async def scenario() -> Report:
        async with await asyncio.start_server(cut, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            return await Load(settings(port, rate=50, seconds=0.4, connections=3)).run()

    report = asyncio.run(scenario())
    assert report.requests == 20
    assert report.failed_by_cause == {"closed": 20}


def test_server_that_closes_idle_connections_loses_nothing() -> None:
    async def one_each(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    async def scenario() -> Report:
        async with await asyncio.start_server(one_each, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            return await Load(settings(port, rate=100, seconds=0.5)).run()

    assert asyncio.run(scenario()).failed == 0


def test_stop_ends_early_and_waits_for_what_is_under_way() -> None:
    async def scenario() -> Report:
        async with serving(release(latency_seconds=0.2)) as (_, port):
            load = Load(settings(port, seconds=30, rate=20))
            asyncio.get_running_loop().call_later(0.3, load.stop)
            return await load.run()

    report = asyncio.run(scenario())
    assert 0 < report.requests < 600
    assert report.failed == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://example.com:80"},
        {"url": "https://127.0.0.1:80"},
        {"url": "http://127.0.0.1"},
        {"rate": 0},
        {"seconds": 100_000},
        {"count": 0},
        {"connections": 0},
        {"traffic": ()},
        {"traffic": (Traffic(path="x"),)},
    ],
)
def test_settings_without_an_end_or_off_the_loopback_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        settings(80, **wrong)


def test_percentile_is_the_smallest_value_that_covers_the_share() -> None:
    counts = {1.0: 90, 2.0: 5, 3.0: 5}
    assert [percentile(counts, share) for share in (0.5, 0.9, 0.95, 0.99)] == [1.0, 1.0, 2.0, 3.0]
    assert percentile({}, 0.95) == 0.0


def test_process_writes_seconds_and_the_report(tmp_path: Path) -> None:
    out = tmp_path / "load" / "out.jsonl"

    async def scenario() -> None:
        async with serving(release()) as (_, port):
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bluegreen.lab.load", "--url", f"http://127.0.0.1:{port}"),
                *("--rate", "200", "--connections", "10", "--seconds", "1.2", "--out", str(out)),
                *(
                    "--traffic",
                    "/=3",
                    "--traffic",
                    "POST /api/login=1",
                    "--traffic",
                    "/ai/classify?input=run",
                ),
            )
            assert await process.wait() == 0

    asyncio.run(scenario())
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["kind"] for line in lines[:-1]] == ["second"] * (len(lines) - 1)
    report = lines[-1]
    assert report["kind"] == "report"
    assert report["requests"] == 240 == sum(line["requests"] for line in lines[:-1])
    assert report["paths"] == {"/": 144, "/api/login": 48, "/ai/classify?input=run": 48}


def test_process_refuses_a_foreign_host() -> None:
    command = [sys.executable, "-m", "bluegreen.lab.load", "--url", "http://192.0.2.1:80"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 2
    assert "may only be sent to the lab" in told.stderr


def test_the_rate_that_a_machine_carries_is_found_by_asking_again_at_once() -> None:
    async def find(**more: Any) -> float:
        async with serving(release(**more)) as (_, port):
            return await carried(settings(port, connections=4, seconds=0.5))

    # Four clients that wait 0.1 s for each answer are answered 40 times a second, on any machine at most.
    assert 5 < asyncio.run(find(latency_seconds=0.1)) < 80
    assert asyncio.run(find(errors=1.0)) == 0


def test_a_load_ends_with_its_owner(tmp_path: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    words = ("--url", "http://127.0.0.1:9", "--rate", "1", "--connections", "1", "--timeout", "0.2")
    command = [sys.executable, "-m", "bluegreen.lab.load", *words, "--parent-pid", str(gone.pid)]
    done = subprocess.run(
        [*command, "--seconds", "600"], capture_output=True, text=True, check=True, timeout=100
    )
    assert json.loads(done.stdout.splitlines()[-1])["seconds"] < 300
