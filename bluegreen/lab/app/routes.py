"""What the application answers, by path."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from bluegreen.lab.app.behaviour import Behaviour, Release
from bluegreen.lab.app.classifier import classify, true_label
from bluegreen.lab.app.exposition import CONTENT_TYPE as EXPOSITION
from bluegreen.lab.app.exposition import Exposition
from bluegreen.lab.http1.message import Request, json_body

Answer = tuple[int, dict[str, object]]
"""Status and document."""

CONTROL_PATH = "/_ctl"
_JSON = b"application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer and the seconds it takes."""

    status: int
    body: bytes
    content_type: bytes = _JSON
    after: float = 0.0
    business: bool = False
    """Counted as traffic."""
    work: Callable[[], Awaitable[Answer]] | None = None
    """What the answer has to wait for: it gives status and document."""


class RowStore(Protocol):
    """The application's rows (`rows.Rows`); where the database is away each method gives 503."""

    async def write(self, body: bytes) -> Answer: ...
    async def count(self, key: str) -> Answer: ...
    async def user(self, number: str) -> Answer: ...


class Advisor(Protocol):
    """Another tier that is asked (`neighbour.Neighbour`)."""

    async def advice(self, question: str) -> Answer: ...


class Routes:
    """Answers requests as `release` with `behaviour` would."""

    def __init__(
        self,
        release: Release,
        behaviour: Behaviour,
        exposition: Exposition,
        *,
        cut: Callable[[], None],
        rows: RowStore | None = None,
        advisor: Advisor | None = None,
    ) -> None:
        self._release, self._advisor = release, advisor
        self._rows = rows
        self._behaviour = behaviour
        self._exposition = exposition
        self._cut = cut

    def reply(self, request: Request, peer: str) -> Reply | None:
        """The answer to `request`; None where it hangs for ever."""
        path = request.path
        if path == CONTROL_PATH:
            return self._control(request, peer)
        if self._behaviour.hang:
            return None
        return self._operations(path) or self._slow(request, path) or self._business(request, path)

    def _slow(self, request: Request, path: str) -> Reply | None:
        """`/slow?seconds=30` takes as long as it is asked to."""
        asked = request.query("seconds") or ""
        if path != "/slow" or not asked.isdecimal():
            return None
        return Reply(status=200, body=json_body({"seconds": int(asked)}), after=float(asked))

    def _operations(self, path: str) -> Reply | None:
        if path == self._release.health_path:
            return self._health()
        if path == self._release.version_path:
            return Reply(status=200, body=json_body(self._identity()))
        if path == "/metrics":
            return Reply(status=200, body=self._exposition.metrics(), content_type=EXPOSITION)
        if path == "/ai-metrics" and self._release.tier == "ai":
            return Reply(status=200, body=self._exposition.ai_metrics(), content_type=EXPOSITION)
        return None

    def _identity(self) -> dict[str, str]:
        known = {
            "version": self._release.version,
            "instance": self._release.instance,
            "tier": self._release.tier,
        }
        return known | ({"model": self._release.model} if self._release.model else {})

    def _health(self) -> Reply:
        healthy = self._behaviour.healthy
        return Reply(
            status=200 if healthy else 503, body=json_body({"status": "ok" if healthy else "unhealthy"})
        )

    def _business(self, request: Request, path: str) -> Reply:
        status, document = self._outcome(request, path)
        after = self._behaviour.service_time()
        work = self._work(request, path) if status == 200 else None
        return Reply(status=status, body=json_body(document), after=after, business=True, work=work)

    def _work(self, request: Request, path: str) -> Callable[[], Awaitable[Answer]] | None:
        if path == "/api/advice" and self._advisor is not None:
            return partial(self._advisor.advice, request.query("input") or "")
        if self._rows is None or path not in ("/api/feedback", "/api/users"):
            return None
        if path == "/api/users":
            return partial(self._rows.user, request.query("id") or "")
        if request.method == b"POST":
            return partial(self._rows.write, request.body)
        return partial(self._rows.count, request.query("id") or "")

    def _outcome(self, request: Request, path: str) -> Answer:
        if not self._behaviour.healthy:
            return 503, {"error": "the instance is not ready"}
        if self._behaviour.fails(path):
            return 500, {"error": "internal error", "path": path}
        if path == "/ai/classify":
            return self._classify(request)
        if path == "/api/feedback" and self._rows is None:
            return 503, {"error": "no database"}
        if path == "/api/advice" and self._advisor is None:
            return 503, {"error": "nobody to ask: INTERNAL_URL is not set"}
        return 200, self._page(request, path)

    def _page(self, request: Request, path: str) -> dict[str, object]:
        if path == "/api/login":
            token = hashlib.sha256(request.body or request.target).hexdigest()[:32]
            return {"token": token, "expires_in": 3600}
        if path == "/api/sessions":
            return {"sessions": [{"id": n, "sport": "running", "minutes": 30 + n} for n in range(1, 4)]}
        return {"page": "SportCoach", "path": path, "version": self._release.version}

    def _classify(self, request: Request) -> tuple[int, dict[str, object]]:
        question: object = request.query("input")
        if request.body:
            try:
                document = json.loads(request.body)
                question = document["input"]
            except (ValueError, KeyError, TypeError):
                return 400, {"error": 'expected {"input": ...}'}
        if question is None:
            return 400, {"error": 'expected {"input": ...}'}
        label = classify(question, self._release.accuracy)
        self._exposition.predicted(label, right=label == true_label(question))
        return 200, {"label": label, "model": self._release.model}

    def _control(self, request: Request, peer: str) -> Reply:
        # The balancer speaks from the loopback, too; what came through it was not asked by the lab.
        if peer != "127.0.0.1" or request.header(b"x-forwarded-for") is not None:
            return Reply(status=404, body=json_body({"error": "not found"}))
        if request.method == b"POST":
            try:
                document = json.loads(request.body)
                if document == {"cut": True}:
                    self._cut()
                else:
                    self._behaviour.change(document)
            except ValueError as error:
                return Reply(status=400, body=json_body({"error": str(error)}))
        elif request.method != b"GET":
            return Reply(status=405, body=json_body({"error": "GET or POST"}))
        return Reply(status=200, body=json_body(self._behaviour.shown()))
