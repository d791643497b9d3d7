"""Delivers pages in order, from a thread of its own that never keeps the process from ending."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence

from bluegreen.adapters.pager.channels import Channel
from bluegreen.adapters.threads import parallel
from bluegreen.domain.page import Delivery, Page

_WAITING = 200
"""Pages that may wait while every channel hangs; what comes after them is dropped, and told."""


class ChannelPager:
    """`ports.Pager` over channels that are asked at the same time."""

    def __init__(self, channels: Sequence[Channel], *, at_once: bool = False) -> None:
        """`at_once`: `send` delivers before it returns, for callers that have no use for a thread."""
        self._channels, self._at_once = tuple(channels), at_once
        self._waiting: queue.Queue[Page] = queue.Queue(_WAITING)
        self._failed: dict[str, Delivery] = {}
        self._lock = threading.Lock()
        self._worker: threading.Thread | None = None

    def send(self, page: Page) -> None:
        if self._at_once:
            self._keep(self.deliver(page))
            return
        try:
            self._waiting.put_nowait(page)
        except queue.Full:
            self._keep((Delivery(channel="pager", to="", failure="too many pages wait for delivery"),))
            return
        with self._lock:
            if self._worker is None:
                self._worker = threading.Thread(target=self._work, name="pager", daemon=True)
                self._worker.start()

    def flush(self, seconds: float) -> tuple[Delivery, ...]:
        ends = time.monotonic() + seconds
        while self._waiting.unfinished_tasks and time.monotonic() < ends:
            time.sleep(0.02)
        late = self._waiting.unfinished_tasks
        if late:
            words = f"{late} page{'s' * (late != 1)} not delivered within {seconds:g} s"
            self._keep((Delivery(channel="pager", to="", failure=words),))
        with self._lock:
            failed, self._failed = tuple(self._failed.values()), {}
        return failed

    def deliver(self, page: Page) -> tuple[Delivery, ...]:
        found = parallel([lambda one=one: one.deliver(page) for one in self._channels])  # type: ignore[misc]
        return tuple(one for one in found if one is not None)

    def channels(self) -> tuple[Delivery, ...]:
        return tuple(parallel([one.usable for one in self._channels]))

    def _work(self) -> None:
        while True:
            page = self._waiting.get()
            try:
                self._keep(self.deliver(page))
            except Exception as error:  # noqa: BLE001  (a channel's bug must not end the thread)
                words = f"a bug of sc-deploy: {type(error).__name__}"
                self._keep((Delivery(channel="pager", to="", failure=words),))
            finally:
                self._waiting.task_done()

    def _keep(self, deliveries: Sequence[Delivery]) -> None:
        """Remember what failed, each channel once."""
        with self._lock:
            self._failed.update({one.channel: one for one in deliveries if one.failure})
