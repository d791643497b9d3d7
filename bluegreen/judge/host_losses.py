"""A host that dies is no fault of its release: which failed requests are its, and which are the release's.

Until the balancer's checks notice a dead host, its share of the requests fails without an answer of
any instance. An instance's own 5xx always count. What the balancer could not deliver is put down to a lost
host where a target of the fleet was found to be lost at that time, for one host in a step, and no more than
its share of the requests: a release whose hosts fall one after the other, or whose instances do not answer
while they stand, is judged by all that it fails. The same holds for blue, or it would be taken for sick.

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
from bluegreen.domain.release import Color
from bluegreen.domain.stack import HostLost
from bluegreen.judge.batches import Batch
from bluegreen.judge.settings import StepMark
from bluegreen.policy import Judging

_BY_CHANCE = 3.0
"""Standard deviations by which a host may have had more than its share of the requests."""


class HostLosses:
    """Holds batches back while they may be a host's fault, and takes a lost host's requests out of them."""

    def __init__(self, limits: Judging) -> None:
        self.spared: dict[Tier, Counter[str]] = defaultdict(Counter)
        """Failed requests that are not their release's, by tier and host."""
        self._notice = dict.fromkeys(Color, 0.0)
        self._acceptable = limits.error_acceptable
        self._lost: dict[tuple[Tier, Color], list[HostLost]] = defaultdict(list)
        self._queues: dict[tuple[Tier, str], deque[Batch]] = defaultdict(deque)
        self._blamed: dict[tuple[Tier, Color, int], str] = {}

    def begin(self, step: StepMark) -> None:
        """A ramp step begins, with the seconds within which a lost host is found in it."""
        self._notice = {Color.GREEN: step.notice, Color.BLUE: step.blue_notice}

    def lost(self, found: Iterable[HostLost]) -> None:
        """Targets that were healthy are no more."""
        for one in found:
            self._lost[one.tier, one.arm].append(one)

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
            for one in self._unexplained(queue[0]) if queue else ():
                words = f"{tier}: {one.undelivered:,} of {one.requests:,} requests reached no instance"
                words += f" of {one.arm} ({source})"
                found.append(f"{words}; whether a host is lost shows within {self._notice[one.arm]:.0f} s")
        return found

    def _ready(self, queue: deque[Batch], now: float) -> Iterator[Batch]:
        while queue:
            batch = queue[0]
            if any(now < one.end + self._notice[one.arm] for one in self._unexplained(batch)):
                return
            queue.popleft()
            step = batch.window.step
            yield batch._replace(green=self._spare(batch.green, step), blue=self._spare(batch.blue, step))

    def _unexplained(self, batch: Batch) -> Iterator[Period]:
        """The periods of which too much was not delivered, while no host is known to be lost."""
        for one in (batch.green, batch.blue):
            if one is not None and self._suspect(one) and self._cause(one, batch.window.step) is None:
                yield one

    def _suspect(self, one: Period) -> bool:
        # Where blue serves little, a failed request now and then keeps nobody waiting.
        beyond = 0.0 if one.arm is Color.GREEN else _BY_CHANCE * sqrt(one.undelivered)
        return one.undelivered - beyond > self._acceptable * one.requests

    def _cause(self, period: Period, step: int) -> HostLost | None:
        """The one lost host of the step that the failures in the period may be put down to."""
        at_that_time = [
            one
            for one in self._lost[period.tier, period.arm]
            if period.start < one.until and one.since < period.end
        ]
        if not at_that_time:
            return None
        blamed = self._blamed.setdefault((period.tier, period.arm, step), at_that_time[0].target)
        return next((one for one in at_that_time if one.target == blamed), None)

    def _spare(self, period: Period | None, step: int) -> Period | None:
        """The period without what its lost host has lost."""
        if period is None or not self._suspect(period) or (loss := self._cause(period, step)) is None:
            return period
        share = period.requests / loss.of
        its = min(period.undelivered, ceil(share + _BY_CHANCE * sqrt(share)))
        self.spared[period.tier][loss.target] += its
        return replace(
            period,
            requests=period.requests - its,
            errors=period.errors - its,
            undelivered=period.undelivered - its,
        )
