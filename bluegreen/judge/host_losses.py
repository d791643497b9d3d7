"""A host that dies is no fault of the release: which failed requests are its, and which are the release's.

Until the balancer's checks notice a dead host, its share of the requests fails without an answer of
any instance. An instance's own 5xx always count. What the balancer could not deliver is put down to a lost
host where a target of green was found to be lost at that time, for one host in a step, and no more than its
share of the requests: a release whose hosts fall one after the other, or whose instances do not answer while
they stand, is judged by all that it fails.

The balancer's counts may be here before the loss is known. So a period in which it could not deliver more
than is acceptable waits until a host that died in it must have been noticed; what its source counts later
waits behind it, so that periods are judged in order.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import ceil, sqrt

from bluegreen.contract import Tier
from bluegreen.domain.measurement import Period
from bluegreen.domain.stack import HostLost
from bluegreen.judge.batches import Batch
from bluegreen.policy import Judging

_BY_CHANCE = 3.0
"""Standard deviations by which a host may have had more than its share of the requests."""


class HostLosses:
    """Holds batches back while they may be a host's fault, and takes a lost host's requests out of them."""

    def __init__(self, limits: Judging) -> None:
        self.notice = 0.0
        """Seconds within which a lost host is found."""
        self.spared: dict[Tier, Counter[str]] = defaultdict(Counter)
        """Failed requests that are not the release's, by tier and host."""
        self._acceptable = limits.error_acceptable
        self._lost: dict[Tier, list[HostLost]] = defaultdict(list)
        self._queues: dict[tuple[Tier, str], deque[Batch]] = defaultdict(deque)
        self._blamed: dict[tuple[Tier, int], str] = {}

    def lost(self, found: Iterable[HostLost]) -> None:
        """Targets of green that were healthy are no more."""
        for one in found:
            self._lost[one.tier].append(one)

    def add(self, batch: Batch, now: float) -> Iterator[Batch]:
        """Take in a batch; every batch of its source that can be judged by now, in order of arrival."""
        queue = self._queues[batch.tier, batch.source]
        queue.append(batch)
        yield from self._ready(queue, now)

    def due(self, now: float) -> Iterator[Batch]:
        """What has waited long enough."""
        for queue in self._queues.values():
            yield from self._ready(queue, now)

    def waiting(self) -> list[str]:
        """What is not judged yet, and why; nothing passes meanwhile."""
        found = []
        for (tier, source), queue in self._queues.items():
            if queue and (green := queue[0].green) is not None:
                words = f"{tier}: {green.undelivered:,} of {green.requests:,} requests reached no instance"
                found.append(f"{words} ({source}); whether a host is lost shows within {self.notice:.0f} s")
        return found

    def _ready(self, queue: deque[Batch], now: float) -> Iterator[Batch]:
        while queue:
            batch = queue[0]
            green = batch.green
            if green is not None and green.undelivered > self._acceptable * green.requests:
                loss = self._cause(green, batch.window.step)
                if loss is None and now < green.end + self.notice:
                    return
                batch = batch if loss is None else batch._replace(green=self._without(green, loss))
            queue.popleft()
            yield batch

    def _cause(self, green: Period, step: int) -> HostLost | None:
        """The one lost host of the step that green's failures in the period may be put down to."""
        at_that_time = [
            one for one in self._lost[green.tier] if green.start < one.until and one.since < green.end
        ]
        if not at_that_time:
            return None
        blamed = self._blamed.setdefault((green.tier, step), at_that_time[0].target)
        return next((one for one in at_that_time if one.target == blamed), None)

    def _without(self, green: Period, loss: HostLost) -> Period:
        share = green.requests / loss.of
        its = min(green.undelivered, ceil(share + _BY_CHANCE * sqrt(share)))
        self.spared[green.tier][loss.target] += its
        return replace(
            green,
            requests=green.requests - its,
            errors=green.errors - its,
            undelivered=green.undelivered - its,
        )
