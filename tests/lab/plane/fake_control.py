"""A control server small enough to read: serves one snapshot, remembers what it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

GREEN = "arn:green"
BLUE = "arn:blue"
RULE = "arn:rule"


def health_check(**changes: Any) -> dict[str, Any]:
    standard = {
        "path": "/healthz",
        "interval": 5,
        "timeout": 100,
        "healthy": 2,
        "unhealthy": 3,
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


def fixed(status: int) -> dict[str, Any]:
    return {"type": "fixed-response", "status": status, "content_type": "text/html", "body": "maintenance"}


def default_rule() -> dict[str, Any]:
    return {"arn": "arn:default", "priority": "default", "conditions": [], "action": fixed(503)}


def snapshot(rules: list[dict[str, Any]], groups: dict[str, Any], *, version: int = 1) -> dict[str, Any]:
    return {
        "version": version,
        "listener": {"port": 443},
        "rules": [*rules, default_rule()],
        "groups": groups,
    }


class FakeControl:
    """A control server: `snapshot` is what it serves, `health` and `metrics` what it was told."""

    def __init__(self, port: int = 0) -> None:
        self.snapshot: dict[str, Any] = {"version": 0, "listener": {"port": None}, "rules": [], "groups": {}}
        self.health: dict[tuple[str, str], tuple[str, str]] = {}
        self.metrics: list[dict[str, Any]] = []
        self.status = 200
        """What it answers when it is told something; 500: it did not take it."""
        control = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                known = self.path.endswith(f"?version={control.snapshot['version']}")
                self._answer(304 if known else 200, b"" if known else json.dumps(control.snapshot).encode())

            def do_POST(self) -> None:
                document = json.loads(self.rfile.read(int(self.headers["content-length"])))
                if control.status == 200:
                    control.hear(self.path, document)
                self._answer(control.status, b"{}")

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self._server.server_port

    def put(self, document: dict[str, Any]) -> None:
        self.snapshot = document | {"version": self.snapshot["version"] + 1}

    def hear(self, path: str, document: dict[str, Any]) -> None:
        if path == "/_lab/metrics":
            self.metrics.append(document)
            return
        for one in document["targets"]:
            self.health[one["group"], one["id"]] = one["state"], one["reason"]

    def group_total(self, arn: str, name: str) -> int:
        return sum(one["groups"].get(arn, {}).get(name) or 0 for one in self.metrics)

    def elb_total(self, name: str) -> int:
        return sum(one["elb"].get(name, 0) for one in self.metrics)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
