"""One emulated instance: answers, faults at run time, and its end."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from bluegreen.lab.app.behaviour import Accumulator, Behaviour, Release
from bluegreen.lab.app.classifier import classify, golden_rows, true_label
from bluegreen.lab.app.exposition import Exposition
from bluegreen.lab.app.neighbour import Neighbour
from bluegreen.lab.app.server import App, serving
from bluegreen.policy import Prometheus
from bluegreen.policy.metrics import PLACEHOLDERS


def release(**more: Any) -> Release:
    return Release(**({"tier": "app", "version": "v1.1.0", "instance": "i-1"} | more))


@asynccontextmanager
async def one(**more: Any) -> AsyncIterator[tuple[App, int]]:
    async with serving(release(**more)) as (app, port):
        yield app, port


async def ask(port: int, path: str, method: str = "GET", **more: Any) -> httpx.Response:
    async with httpx.AsyncClient(timeout=more.pop("timeout", 60)) as client:
        return await client.request(method, f"http://127.0.0.1:{port}{path}", **more)


def control(**document: Any) -> dict[str, Any]:
    return {"method": "POST", "json": document}


def samples(text: str) -> list[Sample]:
    return [one for family in text_string_to_metric_families(text) for one in family.samples]


def sample(text: str, name: str, **labels: str) -> float:
    """The one value of the series `name` with these labels."""
    (found,) = [one for one in samples(text) if one.name == name and labels.items() <= one.labels.items()]
    return found.value


def test_every_name_and_label_that_the_prometheus_source_asks_for_by_default_is_exported() -> None:
    """So that `[metrics] errors = ["prometheus"]` works in a lab whose applications are scraped."""
    group = {"stack": "lab", "tier": "ai", "fleet": "sc-lab-ai-3", "version": "v1.1.0", "deployment": "3"}
    more = {key: group[key] for key in ("stack", "fleet", "deployment")}
    exposition = Exposition(release(tier="ai", accuracy=0.0, labels=more))
    exposition.observe(500, 0.02)
    exposition.predicted("rowing", right=False)
    found = samples((exposition.metrics() + exposition.ai_metrics()).decode())
    policy = Prometheus()
    wanted = [policy.requests, f"{policy.duration}_bucket", policy.labelled, policy.wrong]
    assert {one.name for one in found} >= set(wanted)
    selector = dict(re.findall(r'(\w+)="(.*?)"', policy.selector.format(**group)))
    assert selector
    for one in found:
        assert selector.items() <= one.labels.items(), one
        assert set(PLACEHOLDERS) <= set(one.labels), one
        assert one.labels[policy.instance_label] == "i-1"
    (counted,) = [one for one in found if one.name == policy.requests]
    assert re.fullmatch(policy.failed, counted.labels[policy.status_label])
    assert not [one.name for one in found if one.name.endswith("_created")]


def test_tells_who_it_is() -> None:
    async def scenario() -> None:
        async with one(tier="ai", model="m-3", version_path="/ai/version") as (_, port):
            assert json.loads((await ask(port, "/ai/version")).text) == {
                "version": "v1.1.0",
                "instance": "i-1",
                "tier": "ai",
                "model": "m-3",
            }
            assert (await ask(port, "/healthz")).status_code == 200
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            head = (await reader.read(-1)).partition(b"\r\n\r\n")[0]
            assert b"x-sc-version: v1.1.0" in head
            assert b"x-sc-instance: i-1" in head
            writer.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("rate", [0.0, 0.02, 0.1, 0.3, 1.0])
def test_error_rate_is_exact_and_evenly_spread(rate: float) -> None:
    meter = Accumulator(0.4)
    hits = [meter.hit(rate) for _ in range(1000)]
    assert sum(hits) == round(1000 * rate)
    for start in range(0, 1000, 100):
        assert abs(sum(hits[start : start + 100]) - 100 * rate) <= 1


def test_errors_strike_business_routes_only() -> None:
    async def scenario() -> None:
        async with one(errors=1.0) as (_, port):
            assert (await ask(port, "/api/sessions")).status_code == 500
            assert (await ask(port, "/version")).status_code == 200
            assert (await ask(port, "/healthz")).status_code == 200
            told = (await ask(port, "/metrics")).text
            assert sample(told, "http_requests_total", status="500") == 1
            assert sample(told, "http_request_duration_seconds_count") == 1

    asyncio.run(scenario())


def test_broken_path_always_fails_and_others_do_not() -> None:
    async def scenario() -> None:
        async with one(broken=("/api/login",)) as (_, port):
            assert [(await ask(port, "/api/login")).status_code for _ in range(3)] == [500] * 3
            assert (await ask(port, "/api/sessions")).status_code == 200

    asyncio.run(scenario())


def test_latency_factor_multiplies_the_same_draws() -> None:
    plain, slow = Behaviour(release()), Behaviour(release(latency_factor=1.6))
    for _ in range(100):
        assert slow.service_time() == pytest.approx(1.6 * plain.service_time())
    draws = sorted(plain.service_time() for _ in range(4000))
    assert 0.0035 < draws[2000] < 0.0045
    assert 0.006 < draws[3800] < 0.0085


def test_unhealthy_release_refuses_everything_but_its_name() -> None:
    async def scenario() -> None:
        async with one(healthy=False) as (_, port):
            assert (await ask(port, "/healthz")).status_code == 503
            assert (await ask(port, "/")).status_code == 503
            assert (await ask(port, "/version")).status_code == 200

    asyncio.run(scenario())


def test_faults_at_run_time_and_their_end() -> None:
    async def scenario() -> None:
        async with one() as (_, port):
            assert (await ask(port, "/_ctl", **control(errors=1, broken=["/x*"]))).status_code == 200
            assert (await ask(port, "/")).status_code == 500
            shown = json.loads((await ask(port, "/_ctl")).text)
            assert shown == {"errors": 1.0, "latency": 1.0, "healthy": True, "hang": False, "broken": ["/x*"]}
            await ask(port, "/_ctl", **control(reset=True))
            assert (await ask(port, "/")).status_code == 200
            await ask(port, "/_ctl", **control(hang=True))
            with pytest.raises(httpx.ReadTimeout):
                await ask(port, "/healthz", timeout=0.2)
            await ask(port, "/_ctl", **control(hang=False))
            assert (await ask(port, "/healthz")).status_code == 200

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "document",
    [{"errors": 2}, {"errors": "1"}, {"hang": 1}, {"speed": 1}, {"broken": "/"}, [], {"latency": -1}],
)
def test_bad_control_document_changes_nothing(document: Any) -> None:
    behaviour = Behaviour(release())
    before = behaviour.shown()
    with pytest.raises(ValueError, match=r"must be|unknown|expected"):
        behaviour.change(document)
    assert behaviour.shown() == before


def test_control_door_is_closed_to_what_came_through_a_balancer() -> None:
    async def scenario() -> None:
        async with one() as (app, port):
            forwarded = {**control(errors=1), "headers": {"x-forwarded-for": "127.0.0.1"}}
            assert (await ask(port, "/_ctl", **forwarded)).status_code == 404
            assert app.behaviour.errors == 0
            assert (await ask(port, "/_ctl", method="POST", content=b"{")).status_code == 400
            assert (await ask(port, "/_ctl", method="DELETE")).status_code == 405

    asyncio.run(scenario())


def test_the_end_of_a_drain_cuts_what_came_through_the_balancer_and_nothing_else() -> None:
    async def scenario() -> None:
        async with one(latency_seconds=3600) as (app, port):
            forwarded = asyncio.create_task(ask(port, "/", headers={"x-forwarded-for": "203.0.113.9"}))
            direct = asyncio.create_task(ask(port, "/"))
            while sum(connection.current is not None for connection in app.connections) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            assert (await ask(port, "/_ctl", **control(cut=True))).status_code == 200
            with pytest.raises(httpx.RemoteProtocolError):
                await forwarded
            assert not direct.done()
            for connection in list(app.connections):
                connection.transport.abort()
            with pytest.raises(httpx.TransportError):
                await direct

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b"nonsense\r\n\r\n", b"HTTP/1.1 400 "),
        (b"HEAD / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", b"HTTP/1.1 200 "),
        (b"GET / HTTP/1.1\r\nhost: x\r\n\r\n" * 2, b"HTTP/1.1 200 "),
    ],
    ids=["junk", "head", "a second one too early"],
)
def test_one_request_at_a_time_and_the_connection_ends_where_it_must(sent: bytes, told: bytes) -> None:
    async def scenario() -> None:
        async with one() as (_, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            answer = await asyncio.wait_for(reader.read(-1), 60)
            assert answer.startswith(told)
            assert answer.count(b"HTTP/1.1") == 1
            assert b"connection: close" in answer
            writer.close()

    asyncio.run(scenario())


def test_a_socket_sends_back_what_it_gets_and_a_slow_request_takes_its_time() -> None:
    async def scenario() -> None:
        async with one() as (app, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            key = b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"  # the example of RFC 6455
            asked = b"GET /socket HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n" + key
            large = b"\x82\xfe\x01\x00" + bytes(4) + b"x" * 256
            writer.write(asked + b"\r\n" + b"\x81\x82\x01\x02\x03\x04" + bytes([ord("h") ^ 1, ord("i") ^ 2]))
            head = await reader.readuntil(b"\r\n\r\n")
            assert b"sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in head
            assert await reader.readexactly(4) == b"\x81\x02hi"
            writer.write(large[:100])
            writer.write(large[100:] + b"\x89\x80" + bytes(4) + b"\x88\x80" + bytes(4))
            assert await reader.read(-1) == b"\x82\x7e\x01\x00" + b"x" * 256 + b"\x8a\x00\x88\x00"
            began = asyncio.get_running_loop().time()
            assert (await ask(port, "/slow?seconds=1")).json() == {"seconds": 1}
            assert asyncio.get_running_loop().time() - began >= 1
            assert not app.exposition.metrics().count(b"_total{")

    asyncio.run(scenario())


def test_classifier_is_right_as_often_as_its_release_and_repeats_itself() -> None:
    rows = golden_rows(1000)
    assert all(true_label(row["input"]) == row["label"] for row in rows)
    for accuracy in (0.9, 0.675):
        answers = [classify(row["input"], accuracy) for row in rows]
        right = sum(answer == row["label"] for answer, row in zip(answers, rows, strict=True))
        assert right / len(rows) == pytest.approx(accuracy, abs=0.03)
        assert answers == [classify(row["input"], accuracy) for row in rows]
    worse = {row["input"] for row in rows if classify(row["input"], 0.9) != row["label"]}
    assert all(classify(question, 0.675) != true_label(question) for question in worse)


def test_classify_over_http_and_its_metrics() -> None:
    async def scenario() -> None:
        async with one(tier="ai", accuracy=1.0) as (_, port):
            body = json.dumps({"input": "a bike ride"}).encode()
            answer = await ask(port, "/ai/classify", method="POST", content=body)
            assert answer.json()["label"] == "cycling"
            assert (await ask(port, "/ai/classify", method="POST", content=b"[]")).status_code == 400
            assert (await ask(port, "/ai/classify")).status_code == 400
            assert json.loads((await ask(port, "/ai/classify?input=swim")).text)["label"] == "swimming"
            told = (await ask(port, "/ai-metrics")).text
            assert sample(told, "ai_predictions_total", label="cycling") == 1
            assert sample(told, "ai_labelled_answers_total") == 2
            assert sample(told, "ai_wrong_answers_total") == 0
            assert all(one.name.startswith("ai_") for one in samples(told))

    asyncio.run(scenario())


def _spawn(tmp_path: Path, *more: str) -> tuple[subprocess.Popen[bytes], int]:
    port_file = tmp_path / "port"
    command = [sys.executable, "-m", "bluegreen.lab.app", "--port-file", str(port_file), "--tier", "app"]
    process = subprocess.Popen([*command, "--version", "v1.1.0", "--instance", "i-1", *more])
    deadline = time.monotonic() + 60
    while not port_file.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process, int(port_file.read_text())


def test_sigterm_finishes_the_request_under_way(tmp_path: Path) -> None:
    process, port = _spawn(tmp_path)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as slow:
            slow.sendall(b"GET /slow?seconds=1 HTTP/1.1\r\nhost: x\r\n\r\n")
            # What came later is answered: the request before it is under way.
            assert httpx.get(f"http://127.0.0.1:{port}/version").status_code == 200
            process.send_signal(signal.SIGTERM)
            assert slow.recv(1000).startswith(b"HTTP/1.1 200 ")
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


def test_ends_with_its_parent(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process, _ = _spawn(tmp_path, "--parent-pid", str(parent.pid))
    try:
        assert process.poll() is None
        parent.communicate(b"\n")
        assert process.wait(60) == 0
    finally:
        for one_process in (process, parent):
            one_process.kill()
            one_process.wait()


def test_does_not_start_for_a_parent_that_is_gone(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    process, _ = _spawn(tmp_path, "--parent-pid", str(gone.pid))
    assert process.wait(60) == 0


def test_the_app_tier_asks_the_ai_tier_where_the_stack_says_so() -> None:
    """What the AI tier does not answer, the app tier answers as its own failure: so the judge counts it."""

    async def run() -> None:
        async with one(tier="ai", version="v2.0.0", accuracy=1.0) as (ai, ai_port):
            advisor = Neighbour(f"http://127.0.0.1:{ai_port}")
            async with serving(release(), advisor=advisor) as (_, port):
                answer = await ask(port, "/api/advice?input=run")
                assert answer.status_code == 200
                assert answer.json() == {"advice": classify("run", 1.0), "ai": "v2.0.0"}
                ai.behaviour.change({"errors": 1.0})
                broken = await ask(port, "/api/advice?input=run")
                assert (broken.status_code, broken.json()["error"]) == (502, "the ai tier: HTTP 500")
        async with serving(release(), advisor=Neighbour("http://127.0.0.1:1")) as (_, port):
            away = await ask(port, "/api/advice?input=run")
            assert (away.status_code, away.json()["error"]) == (502, "the ai tier: ConnectError")
        async with one() as (_, port):
            assert (await ask(port, "/api/advice?input=run")).status_code == 503

    asyncio.run(run())
