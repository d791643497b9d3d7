"""One Envoy for every test of the data plane, with a control server and three targets of its own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fake_control import BLUE, GREEN, FakeControl, fixed, forward, group, rule, snapshot
from scripted import Target

from bluegreen.lab.balancer.counts import Counts
from bluegreen.lab.balancer.envoy import Envoy
from bluegreen.lab.balancer.link import Link
from bluegreen.lab.balancer.timing import Timing

TIMING = Timing(time_scale=50.0, connect=2.0, idle=60.0)
"""Health checks every 0.1 s; no other time may end within a test, however slow the machine."""


@dataclass(slots=True)
class Plane:
    """The balancer as the lab has it; nothing happens but in `step`, which the tests call."""

    envoy: Envoy
    link: Link
    control: FakeControl
    targets: dict[str, Target]
    threads: ThreadPoolExecutor

    def put(self, rules: list[dict[str, Any]], groups: dict[str, Any]) -> None:
        """Bring these rules and groups into force."""
        self.control.put(snapshot(rules, groups))
        self.link.step()

    def two_fleets(self, weights: dict[str, int] | None = None, **more: Any) -> None:
        """blue-1 and blue-2 against green, all of them known to be healthy."""
        groups = {BLUE: group(self.members("blue-1", "blue-2")), GREEN: group(self.members("green"))}
        self.put([rule(forward(weights or {BLUE: 1, GREEN: 0}, **more))], groups)
        self.until(lambda: self.states() == {"blue-1": "healthy", "blue-2": "healthy", "green": "healthy"})

    def members(self, *names: str) -> list[tuple[str, int, int | None]]:
        return [(name, 80, self.targets[name].port) for name in names]

    def states(self) -> dict[str, str]:
        return {one["id"]: one["state"] for one in self.link.healths.whole()}

    def until(self, condition: Callable[[], bool], seconds: float = 60.0) -> None:
        """Let the balancer work until `condition` holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it did not happen"
            self.link.step()
            time.sleep(0.01)

    def counted_299(self) -> bool:
        """Whether everything asked before the answer of 299 is counted: the log keeps the order."""
        seconds = self.link.counts._seconds.values()
        return self.control.elb_total("299") > 0 or any(one.elb["299"] for one in seconds)

    def ask(self, path: str = "/", method: str = "GET", **more: Any) -> httpx.Response:
        return httpx.request(method, f"http://127.0.0.1:{self.envoy.port}{path}", timeout=60, **more)

    def begin(self, path: str) -> Future[httpx.Response]:
        return self.threads.submit(self.ask, path)

    def name(self, path: str = "/", **more: Any) -> str:
        answer = self.ask(path, **more)
        assert answer.status_code == 200, answer.text
        return str(json.loads(answer.text)["name"])


@pytest.fixture(scope="session")
def _plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    control = FakeControl()
    targets = {name: Target(name) for name in ("blue-1", "blue-2", "green")}
    envoy = Envoy(tmp_path_factory.mktemp("envoy"), TIMING, port=0)
    try:
        link = Link(envoy, control.address)
        link.read_in_background()
        envoy.wait_until_ready()
        with ThreadPoolExecutor(8) as threads:
            yield Plane(envoy, link, control, targets, threads)
    finally:
        envoy.stop()
        for target in targets.values():
            target.close()
        control.close()


@pytest.fixture
def plane(_plane: Plane) -> Iterator[Plane]:
    """No rules, no groups, targets that are well, and nothing counted."""
    for target in _plane.targets.values():
        target.reset()
    _plane.envoy.timing = TIMING
    _plane.put([rule(fixed(299))], {})
    _plane.ask()
    _plane.until(_plane.counted_299)
    _plane.link.counts = Counts(int(time.time()))
    _plane.put([], {})
    _plane.control.metrics.clear()
    _plane.control.health.clear()
    yield _plane
    for target in _plane.targets.values():
        target.go_on.set()
