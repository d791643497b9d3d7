"""What the lab's load balancer carries: CPU per request, latency, weights in traffic, and nothing lost.

Envoy in front of two fleets of two instances, under a load through the front door. Meanwhile the weights
change every second, and an instance of the fleet without traffic is deregistered and registered again.
Prints a line for each bar; ends with 1 where one does not hold.

    python -m benchmarks.balancer [--rate 2000] [--connections 1000] [--seconds 10]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx

from bluegreen.lab.balancer.counts import Counts, Line
from bluegreen.lab.balancer.envoy import Envoy
from bluegreen.lab.balancer.snapshot import Snapshot
from bluegreen.lab.balancer.timing import Timing
from bluegreen.lab.load.child import command
from bluegreen.lab.starting import Child, end, module

FLEETS = ("v1.0.0", "v2.0.0")
CHECK = {"path": "/healthz", "interval": 5, "timeout": 2, "healthy": 2, "unhealthy": 2, "matcher": "200"}


def cpu(pid: int) -> float:
    """Seconds of CPU that the process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def instance(place: Path, version: str, number: int) -> Iterator[Child]:
    name = f"i-{version}-{number}"
    port_file = place / f"{name}.port"
    own = ("--port-file", str(port_file), "--tier", "web", "--version", version, "--instance", name)
    child = Child.start(module("app", *own), log=place / f"{name}.log", port_file=port_file)
    try:
        while child.port is None:
            time.sleep(0.01)
        yield child
    finally:
        end(child)


def snapshot(ports: dict[str, list[int]], weights: tuple[int, int], gone: frozenset[int]) -> Snapshot:
    """One rule over both fleets; the ports of `gone` are not registered."""
    groups = {
        version: {
            "health_check": CHECK,
            "algorithm": "round_robin",
            "in_use": True,
            "targets": [
                {"id": f"i-{port}", "port": 80, "state": "initial", "address": ("127.0.0.1", port)}
                for port in of
                if port not in gone
            ],
        }
        for version, of in ports.items()
    }
    shares = [{"arn": arn, "weight": weight} for arn, weight in zip(FLEETS, weights, strict=True)]
    action = {"type": "forward", "groups": shares, "stickiness_seconds": None}
    rule = {"priority": 1, "conditions": [], "action": action}
    document = {"version": 1, "listener": {"port": 80}, "rules": [rule], "groups": groups}
    return Snapshot.model_validate(document)


def change(envoy: Envoy, client: httpx.Client, ports: dict[str, list[int]], live: int) -> float:
    """Give the fleet `live` all the traffic, and an instance of the other one another life.

    Returns the seconds from the change to the first answer of the fleet.
    """
    weights = (0, 1) if live else (1, 0)
    other = ports[FLEETS[1 - live]][0]
    began = time.monotonic()
    envoy.apply(snapshot(ports, weights, frozenset()))
    while client.get("/").headers.get("x-sc-version") != FLEETS[live]:
        pass
    took = time.monotonic() - began
    for gone in (frozenset({other}), frozenset[int]()):
        envoy.apply(snapshot(ports, weights, gone))
    return took


def run(
    rate: float, connections: int, seconds: float
) -> tuple[dict[str, Any], list[float], dict[str, float]]:
    """(the load's report, seconds of each change, microseconds of CPU a request by process)."""
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sc-deploy-balancer-")))
        apps = {
            version: [stack.enter_context(instance(place, version, number)) for number in (1, 2)]
            for version in FLEETS
        }
        ports = {version: [one.port or 0 for one in of] for version, of in apps.items()}
        envoy = Envoy(place / "envoy", Timing(time_scale=5), port=0)
        stack.callback(envoy.stop)
        counts = Counts(int(time.time()))
        threading.Thread(target=_count, args=(envoy, counts), daemon=True).start()
        envoy.wait_until_ready()
        url = f"http://127.0.0.1:{envoy.port}"
        client = stack.enter_context(httpx.Client(base_url=url, timeout=10))
        envoy.apply(snapshot(ports, (1, 0), frozenset()))
        while client.get("/").status_code != 200:
            time.sleep(0.02)
        pids = {"balancer": [envoy.pid], "instances": [one.popen.pid for of in apps.values() for one in of]}
        before = {name: sum(map(cpu, of)) for name, of in pids.items()} | {"counting": time.process_time()}
        out = place / "load.jsonl"
        words = command(url, rate=rate, connections=connections, seconds=seconds, out=out, traffic=("/=1",))
        load = Child.start(words, log=place / "load.log")
        stack.callback(end, load)
        took: list[float] = []
        until = time.monotonic() + seconds
        while time.monotonic() < until - 1:
            time.sleep(1)
            took.append(change(envoy, client, ports, live=1 - len(took) % 2))
        time.sleep(max(0.0, until - time.monotonic()))
        after = {name: sum(map(cpu, of)) for name, of in pids.items()} | {"counting": time.process_time()}
        used = {name: after[name] - before[name] for name in before} | {"load": cpu(load.popen.pid)}
        end(load)
        report = json.loads(out.read_text(encoding="utf-8").splitlines()[-1])
    return report, took, {name: 1e6 * spent / report["requests"] for name, spent in used.items()}


def _count(envoy: Envoy, counts: Counts) -> None:
    for line in envoy.output:
        if not line.startswith(b"{"):
            counts.add(Line.parse(line.decode()))


def bars(
    report: dict[str, Any], took: list[float], rate: float, used: dict[str, float]
) -> list[tuple[str, str, bool]]:
    """(bar, figure, whether it holds)."""
    reached = report["requests"] / report["seconds"]
    slowest = max(took, default=9.0)
    spent = ", ".join(f"{name} {microseconds:.0f}" for name, microseconds in used.items())
    return [
        (
            "0 requests lost",
            f"{report['failed']} of {report['requests']:,} {report['failed_by_cause'] or ''}",
            not report["failed"],
        ),
        ("the load keeps its rate", f"{reached:,.0f} of {rate:,.0f} requests/s", reached >= 0.97 * rate),
        ("p95 below 200 ms", f"{report['p50_ms']:.1f} / {report['p95_ms']:.1f} ms", report["p95_ms"] < 200),
        (
            "a weight is in traffic within 200 ms",
            f"median {1000 * statistics.median(took):.0f}, slowest {1000 * slowest:.0f} ms of {len(took)}",
            slowest < 0.2,
        ),
        ("CPU us a request", f"{spent}; a core carries {1e6 / used['balancer']:,.0f}/s", True),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=float, default=2000.0, help="requests per second")
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()
    report, took, used = run(given.rate, given.connections, given.seconds)
    found = bars(report, took, given.rate, used)
    for bar, figure, holds in found:
        print(f"{'ok' if holds else 'NO':3} {bar:38} {figure}")
    sys.exit(0 if all(holds for *_, holds in found) else 1)


if __name__ == "__main__":
    main()
