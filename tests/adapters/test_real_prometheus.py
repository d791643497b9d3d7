"""The source against a real Prometheus server, where one is installed (Debian's package `prometheus`)."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bluegreen.adapters.clock import SystemClock
from bluegreen.adapters.metrics.prometheus import PrometheusMetrics
from bluegreen.adapters.metrics.prometheus_api import PrometheusApi
from bluegreen.contract import Tier
from bluegreen.domain.release import Color
from bluegreen.domain.stack import TargetGroup
from bluegreen.errors import CloudUnavailable
from bluegreen.lab.app.behaviour import Release
from bluegreen.lab.app.exposition import CONTENT_TYPE, Exposition
from bluegreen.policy import Prometheus
from bluegreen.ports import Arms

PROGRAM = shutil.which("prometheus")
pytestmark = pytest.mark.skipif(
    PROGRAM is None, reason="no `prometheus` on the PATH: apt-get install prometheus"
)


def app(number: int) -> Exposition:
    return Exposition(Release(tier="app", version=f"v1.{number}.0", instance=f"i-{number}"))


@dataclass
class Fleets:
    """One instance each of blue (1) and green (2), scraped."""

    apps: dict[int, Exposition] = field(default_factory=lambda: {1: app(1), 2: app(2)})
    url: str = ""

    def serve(self, number: int, requests: int, *, failed: int = 0) -> None:
        for index in range(requests):
            self.apps[number].observe(500 if index < failed else 200, 0.2 if index % 10 == 0 else 0.01)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def fleets(tmp_path: Path) -> Iterator[Fleets]:
    made = Fleets()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = made.apps[int(self.path.rpartition("/")[2])].metrics()
            self.send_response(200)
            self.send_header("Content-Type", CONTENT_TYPE.decode())
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    apps = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=apps.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    jobs = "".join(
        f"  - job_name: app{n}\n    metrics_path: /metrics/{n}\n    static_configs:\n"
        f'      - targets: ["127.0.0.1:{apps.server_port}"]\n'
        f"        labels: {{fleet: sc-test-app-{n}, instance_id: i-{n}}}\n"
        for n in made.apps
    )
    (tmp_path / "prometheus.yml").write_text(
        f"global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\nscrape_configs:\n{jobs}"
    )
    port = free_port()
    made.url = f"http://127.0.0.1:{port}/"
    assert PROGRAM
    command = [PROGRAM, "--config.file=prometheus.yml", "--storage.tsdb.path=data", "--log.level=error"]
    process = subprocess.Popen([*command, f"--web.listen-address=127.0.0.1:{port}"], cwd=tmp_path)
    try:
        yield made
    finally:
        process.terminate()
        process.wait(20)
        apps.shutdown()
        apps.server_close()
        thread.join()


def both() -> Arms:
    green, blue = (TargetGroup(arn=f"arn:{n}", name=f"sc-test-app-{n}") for n in (2, 1))
    return Arms(tier=Tier.APP, green=green, blue=blue)


def test_counts_what_the_fleets_served(fleets: Fleets) -> None:
    policy = Prometheus(period=1.0, settle=0.5)
    api = PrometheusApi(fleets.url, timeout=5, clock=SystemClock(), sign=lambda _url, _body, headers: headers)
    metrics = PrometheusMetrics(api, policy, feeds=("errors", "latency"), clock=SystemClock())
    scraped_since(api)
    begun = time.time()
    for round_ in range(10):
        fleets.serve(1, 30)
        fleets.serve(2, 20, failed=2)
        if round_ == 5:
            time.sleep(0.5)  # all is scraped before green's process starts anew
            fleets.apps[2] = app(2)
        time.sleep(0.2)
    time.sleep(2.2)

    slow = {Tier.APP: (80.0, 110.0, 130.0)}
    found = metrics.collect([both()], since=begun - 1, until=time.time(), slow_ms=slow)
    assert found.troubles == ()
    assert not [fault for period in found.periods for fault in period.faults()]
    for arm, requests, errors in ((Color.BLUE, 300, 0), (Color.GREEN, 200, 20)):
        mine = [period for period in found.periods if period.arm is arm]
        assert (sum(p.requests for p in mine), sum(p.errors for p in mine)) == (requests, errors)
        assert sum(dict(p.slow)[100.0] for p in mine) == requests // 10
        assert sum(dict(p.slow)[250.0] for p in mine) == 0
    assert 100 < (metrics.p95_ms(both().green, since=begun - 5, until=time.time()) or 0) <= 250

    with pytest.raises(CloudUnavailable, match=r"prometheus: HTTP 400.*parse error"):
        api.samples(["a"], 'fleet=~"("', until=time.time(), seconds=60)
    api.close()


def scraped_since(api: PrometheusApi) -> None:
    """Wait until both fleets have been scraped."""
    give_up = time.time() + 20
    while time.time() < give_up:
        try:
            found = api.samples(["http_request_duration_seconds_count"], "", until=time.time(), seconds=10)
        except CloudUnavailable:
            found = []  # it starts
        if len({one.labels["fleet"] for one in found}) == 2:
            return
        time.sleep(0.1)
    raise AssertionError("the fleets are not scraped")
