"""Follows what the machine gives the lab while the demo runs."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any, Self

import httpx

_SECONDS = 2.0


class Witness:
    """Asks the control server at `endpoint` what the machine gives it, from its entering to its leaving.

    Where nothing helps any more, it interrupts this process as Ctrl-C does: a release is stopped at a safe
    point before a starving machine can make it fail.
    """

    def __init__(self, endpoint: str) -> None:
        self._url = f"{endpoint}/_lab/machine"
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._lock = threading.Lock()
        self._worst: dict[str, Any] = {"needed": 1, "words": ""}
        self.starved = ""
        """Why the demo was interrupted; empty where it was not."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def now(self) -> dict[str, Any]:
        """What the control server says; empty where it does not answer."""
        try:
            found: dict[str, Any] = httpx.get(self._url, timeout=_SECONDS).json()
        except (httpx.HTTPError, ValueError):
            return {}
        return found

    def renewed(self) -> dict[str, Any]:
        """The same, and what was worst before is forgotten: a release begins."""
        with self._lock:
            self._worst = {"needed": 1, "words": ""}
        return self.now()

    def outgrown(self, stretch: int) -> str:
        """Where the machine needed more than `stretch` since the release began: what it gave, in words."""
        with self._lock:
            return str(self._worst["words"]) if self._worst["needed"] > stretch else ""

    def _follow(self) -> None:
        while not self._stopping.wait(_SECONDS):
            self._take(self.now())

    def _take(self, found: dict[str, Any]) -> None:
        if not found or self.starved:
            return
        with self._lock:
            if found["needed"] > self._worst["needed"]:
                self._worst = found
        if found["starved"]:
            self.starved = found["words"]
            os.kill(os.getpid(), signal.SIGINT)
