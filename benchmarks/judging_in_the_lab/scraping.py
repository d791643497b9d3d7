"""A small Prometheus for the lab: scrapes its instances, and answers as the real API does."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx

from bluegreen.lab.faults import breakage
from bluegreen.lab.lifecycle import LabInfo
from tools.metric_server import Scraped, serving

CLIENT_DEFAULTS = frozenset(
    map(str, (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, "+Inf"))
)
"""The bounds of Prometheus' client libraries for Go, Python and Java."""
_BUCKET = re.compile(r'^\w+_bucket\{.*\ble="([^"]+)".*$')
_EVERY_SECONDS = 1.0


@contextmanager
def prometheus(lab: LabInfo) -> Iterator[str]:
    """Within it the lab's instances are scraped every second; the address of the API."""
    over = threading.Event()
    with serving() as server:
        scraped = Scraped()
        server.reply = scraped.reply
        thread = threading.Thread(target=_scrape, args=(lab, scraped, over), daemon=True)
        thread.start()
        try:
            yield server.url
        finally:
            over.set()
            thread.join(10)


def _scrape(lab: LabInfo, scraped: Scraped, over: threading.Event) -> None:
    with httpx.Client(timeout=2.0, trust_env=False) as client:
        while not over.wait(_EVERY_SECONDS):
            with suppress(httpx.HTTPError):
                for one in breakage.state(lab)["instances"]:
                    if one.get("address"):
                        _scrape_one(client, one, scraped)


def _scrape_one(client: httpx.Client, instance: dict[str, object], scraped: Scraped) -> None:
    with suppress(httpx.HTTPError):
        host, port = instance["address"]  # type: ignore[misc]  # a pair
        text = client.get(f"http://{host}:{port}/metrics").text
        scraped.scrape(time.time(), "\n".join(filter(_known, text.splitlines())))


def _known(line: str) -> bool:
    found = _BUCKET.match(line)
    return found is None or found[1] in CLIENT_DEFAULTS
