"""A control server small enough to read: holds one snapshot, remembers what it is told.

    python fake_control.py PORT_FILE

Changes come with `PUT /_lab/snapshot`; each raises the version.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bluegreen.lab.http1.message import Request, json_body
from bluegreen.lab.http1.server import ServerProtocol
from bluegreen.lab.process import until_stopped, write_port

GREEN = "arn:green"
BLUE = "arn:blue"
RULE = "arn:rule"


def health_check(**changes: Any) -> dict[str, Any]:
    standard = {
        "path": "/healthz",
        "interval": 5,
        "timeout": 2,
        "healthy": 2,
        "unhealthy": 2,
        "matcher": "200",
    }
    return standard | changes


def group(
    targets: Iterable[tuple[str, int, int | None]], *, in_use: bool = True, **more: Any
) -> dict[str, Any]:
    """`targets`: (id, port, real port on the loopback); a real port of None has no address yet."""
    check = more.pop("health_check", health_check())
    draining = more.pop("draining", ())
    return {
        "name": "group",
        "protocol": "HTTP",
        "health_check": check,
        "algorithm": "round_robin",
        "in_use": in_use,
        "targets": [
            {
                "id": name,
                "port": port,
                "state": "draining" if name in draining else "active",
                "address": ["127.0.0.1", real] if real is not None else None,
            }
            for name, port, real in targets
        ],
    } | more


def forward(weights: dict[str, int], *, sticky: int | None = None) -> dict[str, Any]:
    groups = [{"arn": arn, "weight": weight} for arn, weight in weights.items()]
    return {"type": "forward", "groups": groups, "stickiness_seconds": sticky}


def rule(
    action: dict[str, Any],
    *,
    priority: int | str = 100,
    path: str | None = "/*",
    arn: str = RULE,
    **headers: str,
) -> dict[str, Any]:
    conditions = [{"field": "path-pattern", "values": [path]}] if path else []
    conditions += [
        {"field": "http-header", "name": name.replace("_", "-"), "values": [value]}
        for name, value in headers.items()
    ]
    return {"arn": arn, "priority": priority, "conditions": conditions, "action": action}


def default_rule() -> dict[str, Any]:
    action = {"type": "fixed-response", "status": 503, "content_type": "text/html", "body": "maintenance"}
    return {"arn": "arn:default", "priority": "default", "conditions": [], "action": action}


def snapshot(rules: list[dict[str, Any]], groups: dict[str, Any], *, version: int = 1) -> dict[str, Any]:
    return {
        "version": version,
        "listener": {"port": 443},
        "rules": [*rules, default_rule()],
        "groups": groups,
    }


class FakeControl:
    """State of the control server; `port` once it serves."""

    def __init__(self) -> None:
        self.port = 0
        self.snapshot: dict[str, Any] = {"version": 1, "listener": {"port": None}, "rules": [], "groups": {}}
        self.health: dict[tuple[str, str], str] = {}
        self.metrics: list[dict[str, Any]] = []

    def put(self, document: dict[str, Any]) -> None:
        self.snapshot = document | {"version": self.snapshot["version"] + 1}

    def answer(self, request: Request) -> tuple[int, Any]:
        match request.method, request.path:
            case b"GET", "/_lab/snapshot":
                known = request.query("version")
                return (304, None) if known == str(self.snapshot["version"]) else (200, self.snapshot)
            case b"PUT", "/_lab/snapshot":
                self.put(json.loads(request.body))
            case b"POST", "/_lab/health":
                for one in json.loads(request.body)["targets"]:
                    self.health[one["group"], one["id"]] = one["state"]
            case b"POST", "/_lab/metrics":
                self.metrics.append(json.loads(request.body))
            case b"GET", "/_lab/metrics":
                return 200, self.metrics
            case b"GET", "/_lab/health":
                return 200, [[*key, state] for key, state in self.health.items()]
            case _:
                return 404, {"error": "unknown"}
        return 200, {}

    def total(self, arn: str, name: str) -> int:
        return sum(one["groups"].get(arn, {}).get(name, 0) for one in self.metrics)


class _Connection(ServerProtocol):
    def __init__(self, connections: set[ServerProtocol], control: FakeControl) -> None:
        super().__init__(connections)
        self._control = control

    def handle(self, request: Request) -> None:
        status, document = self._control.answer(request)
        self.answer(status, b"application/json", b"" if document is None else json_body(document))


@asynccontextmanager
async def fake_control(port: int = 0) -> AsyncIterator[FakeControl]:
    control = FakeControl()
    connections: set[ServerProtocol] = set()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(connections, control), "127.0.0.1", port)
    control.port = server.sockets[0].getsockname()[1]
    try:
        yield control
    finally:
        server.close()
        for connection in list(connections):
            connection.transport.abort()


async def _run(port_file: Path) -> None:
    async with fake_control() as control:
        write_port(port_file, control.port)
        await until_stopped(None)


if __name__ == "__main__":
    asyncio.run(_run(Path(sys.argv[1])))
