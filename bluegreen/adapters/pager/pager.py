"""Delivers pages from threads of its own, one a channel, that never keep the process from ending."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

from bluegreen.adapters.pager.channels import Channel
from bluegreen.adapters.threads import parallel
from bluegreen.domain.page import Delivery, Page

_WAITING = 200
"""Pages that may wait for a channel that hangs; what comes after them is dropped, and told."""
_APART = 1.0
"""Seconds between two pages: Slack takes one a second from a webhook, PagerDuty two a second by key."""


class _Lane:
    """A channel and the pages on their way through it, in order: one that hangs holds up no other one."""

    def __init__(self, channel: Channel, sleep: Callable[[float], None]) -> None:
        self.channel, self._sleep = channel, sleep
        self.waiting: queue.Queue[Page] = queue.Queue(_WAITING)
        self.failure: Delivery | None = None
        self._worker: threading.Thread | None = None

    def put(self, page: Page) -> None:
        """Called by the run's threads, one at a time."""
        try:
            self.waiting.put_nowait(page)
        except queue.Full:
            self.failure = self.failed("too many pages wait for delivery")
            return
        if self._worker is None:
            self._worker = threading.Thread(target=self._work, name=self.channel.name, daemon=True)
            self._worker.start()

    def try_to(self, call: Callable[[], Delivery | None]) -> Delivery | None:
        try:
            return call()
        except Exception as error:  # noqa: BLE001  (a channel's bug is no bug of the run)
            return self.failed(f"a bug of sc-deploy: {type(error).__name__}")

    def deliver(self, page: Page) -> Delivery | None:
        return self.try_to(partial(self.channel.deliver, page))

    def failed(self, words: str) -> Delivery:
        return Delivery(channel=self.channel.name, to="", failure=words)

    def send(self, page: Page) -> bool:
        """Whether the page takes this way; what went wrong is kept."""
        found = self.deliver(page)
        if found is not None and found.failure:
            self.failure = found
        return found is not None

    def _work(self) -> None:
        while True:
            sent = self.send(self.waiting.get())
            self.waiting.task_done()
            if sent:
                self._sleep(_APART)


class ChannelPager:
    """`ports.Pager` over channels, each with a lane of its own."""

    def __init__(
        self,
        channels: Sequence[Channel],
        *,
        at_once: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`at_once`: `send` delivers before it returns, for callers that have no use for a thread."""
        self._lanes = tuple(_Lane(one, sleep) for one in channels)
        self._at_once = at_once
        self._lock = threading.Lock()

    def send(self, page: Page) -> None:
        with self._lock:
            for lane in self._lanes:
                if self._at_once:
                    lane.send(page)
                else:
                    lane.put(page)

    def flush(self, seconds: float) -> tuple[Delivery, ...]:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends and any(one.waiting.unfinished_tasks for one in self._lanes):
            time.sleep(0.02)
        found = []
        for lane in self._lanes:
            late, failure = lane.waiting.unfinished_tasks, lane.failure
            lane.failure = None
            if late:
                words = f"{late} page{'s' * (late != 1)} not delivered within {seconds:g} s"
                failure = lane.failed(f"{words} (before: {failure.failure})" if failure else words)
            if failure is not None:
                found.append(failure)
        return tuple(found)

    def deliver(self, page: Page) -> tuple[Delivery, ...]:
        found = parallel([partial(one.deliver, page) for one in self._lanes])
        return tuple(one for one in found if one is not None)

    def channels(self) -> tuple[Delivery, ...]:
        found = parallel([partial(one.try_to, one.channel.usable) for one in self._lanes])
        return tuple(one for one in found if one is not None)
