"""A metric source's HTTP server on loopback, and a Prometheus small enough to look through."""

from __future__ import annotations

import json
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs


@dataclass(frozen=True, kw_only=True)
class Asked:
    path: str
    headers: Mapping[str, str]
    body: str

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body).items()}


@dataclass(kw_only=True)
class Reply:
    document: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    wait: threading.Event | None = None


class Server:
    """Answers by `reply`, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.reply: Callable[[Asked], Reply] = lambda _: Reply(document={})
        self.url = ""

    def says(self, document: Any = None, **more: Any) -> None:
        self.reply = lambda _: Reply(document=document, **more)

    def handle(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        return self.reply(asked)


@contextmanager
def serving() -> Iterator[Server]:
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = server.handle(Asked(path=self.path, headers=headers, body=body))
            if reply.wait is not None:
                reply.wait.wait(5)
            content = json.dumps(reply.document).encode() if reply.body is None else reply.body
            self.send_response(reply.status)
            for name, value in ({"Content-Type": "application/json"} | dict(reply.headers)).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            try:
                self.wfile.write(content)
            except OSError:  # the client has given up
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.daemon_threads = True
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    server.url = f"http://127.0.0.1:{made.server_port}/"
    try:
        yield server
    finally:
        made.shutdown()
        made.server_close()
        thread.join()


_LINE = re.compile(r"(\w+)\{(.*)\} (\S+)")
_PAIR = re.compile(r'(\w+)="([^"]*)"')
_QUANTILE = re.compile(r"histogram_quantile\(([\d.]+), sum by \(le\) \(rate\((\w+)\{(.*)\}\[(\d+)s\]\)\)\)")
_QUERY = re.compile(r'\{__name__=~"([^"]*)"(?:,(.*))?\}\[(\d+)ms\]')


class Scraped:
    """Samples of scraped expositions, asked for as the product asks Prometheus."""

    def __init__(self) -> None:
        self._samples: dict[tuple[tuple[str, str], ...], list[list[Any]]] = defaultdict(list)

    def scrape(self, at: float, text: str, **labels: str) -> None:
        """Keep every sample of a text exposition; `labels` are the scraper's own."""
        for name, pairs, value in _LINE.findall(text):
            own = dict(_PAIR.findall(pairs))
            # What a target says of itself gives way to the scraper's labels, as Prometheus has it.
            clash = {f"exported_{key}" if key in labels else key: said for key, said in own.items()}
            series = tuple(sorted({"__name__": name, **clash, **labels}.items()))
            self._samples[series].append([at, value])

    def add(self, at: float, name: str, value: float | str, **labels: str) -> None:
        self._samples[tuple(sorted({"__name__": name, **labels}.items()))].append([at, str(value)])

    def forget(self, instance: str, *, since: float) -> None:
        """Forget what was scraped from an instance since then."""
        for series, samples in self._samples.items():
            if ("instance_id", instance) in series:
                samples[:] = [pair for pair in samples if pair[0] < since]

    def reply(self, asked: Asked) -> Reply:
        """The answer to a range selector, or to a quantile over the buckets of one."""
        query, until = asked.form["query"], float(asked.form["time"])
        if (match := _QUANTILE.fullmatch(query)) is not None:
            found = self._selected(match[2], match[3], until=until, seconds=float(match[4]))
            value = _quantile(float(match[1]), found)
            result = [] if value is None else [{"metric": {}, "value": [until, str(value)]}]
            return _answer("vector", result)
        match = _QUERY.fullmatch(query)
        assert match, query
        found = self._selected(match[1], match[2] or "", until=until, seconds=int(match[3]) / 1000)
        return _answer("matrix", [{"metric": labels, "values": values} for labels, values in found])

    def _selected(
        self, names: str, matchers: str, *, until: float, seconds: float
    ) -> list[tuple[dict[str, str], list[list[Any]]]]:
        """Labels and samples of each series that fits."""
        wanted, result = dict(_PAIR.findall(matchers)), []
        for series, samples in self._samples.items():
            labels = dict(series)
            if not re.fullmatch(names, labels["__name__"]):
                continue
            values = [pair for pair in samples if until - seconds <= pair[0] <= until]
            if values and all(labels.get(key) == value for key, value in wanted.items()):
                result.append((labels, values))
        return result


def _answer(kind: str, result: list[dict[str, Any]]) -> Reply:
    return Reply(document={"status": "success", "data": {"resultType": kind, "result": result}})


def _quantile(wanted: float, found: list[tuple[dict[str, str], list[list[Any]]]]) -> float | None:
    """As Prometheus has it: linear within the bucket; the highest finite bound where it lies beyond.

    A rise is the last sample less the first: what is scraped here resets no counter within a question.
    """
    rises: dict[float, float] = defaultdict(float)
    for labels, values in found:
        rises[float(labels["le"])] += float(values[-1][1]) - float(values[0][1])
    bounds = sorted(rises)
    if len(bounds) < 2 or not rises[bounds[-1]]:
        return None
    rank, below, low = wanted * rises[bounds[-1]], 0.0, 0.0
    for bound in bounds:
        if rises[bound] >= rank:
            if bound == float("inf"):
                return bounds[-2]
            return low + (bound - low) * (rank - below) / (rises[bound] - below)
        below, low = rises[bound], bound
    return None
