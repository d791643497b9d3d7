"""How long a step has been watched: a bake is time that was counted on both arms, not time that passed."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field
from math import inf

from bluegreen.judge.batches import Batch

_TOLERATED = 0.1
"""Share of a step that may be missing from a source's counts."""
_EXPECTED_REQUESTS = 30.0
"""Fewer requests of green than this may all have stayed away by chance: no gap in the counts."""
_TOUCHING = 1e-6


@dataclass(slots=True)
class _Counted:
    """What one source counted in the step, as stretches without a gap."""

    stretches: list[tuple[float, float]] = field(default_factory=list)
    longest: float = 0.0
    """Seconds of its longest period."""
    seconds: float = 0.0
    requests: int = 0

    def add(self, start: float, end: float, requests: int) -> None:
        self.longest = max(self.longest, end - start)
        self.seconds += end - start
        self.requests += requests
        if self.stretches and abs(self.stretches[-1][1] - start) <= _TOUCHING:
            self.stretches[-1] = (self.stretches[-1][0], end)
        else:
            insort(self.stretches, (start, end))

    def since(self, begun: float) -> float:
        """From when on there is no gap that matters."""
        # Nobody promises that periods begin with the step.
        end, missing, resumed = begun + self.longest, 0.0, begun
        for start, its_end in self.stretches:
            if its_end <= begun + _TOUCHING:
                continue
            if start > end + _TOUCHING:
                missing += start - end
                resumed = start
            end = max(end, its_end)
        if not self.seconds:
            return begun
        expected = self.requests * missing / self.seconds
        allowed = max(self.longest, _TOLERATED * (end - begun))
        return resumed if missing > allowed + _TOUCHING and expected >= _EXPECTED_REQUESTS else begun


class Coverage:
    """The stretches of the current step that each source counted, both arms where there is a control."""

    def __init__(self) -> None:
        self._counted: dict[str, _Counted] = {}
        self._until: dict[str, float] = {}

    def enter(self) -> None:
        """Another step."""
        self._counted.clear()

    def add(self, batch: Batch) -> None:
        """Take in one compared batch."""
        period = batch.period
        self._until[batch.source] = max(self._until.get(batch.source, -inf), period.end)
        if batch.counting:
            counted = self._counted.setdefault(batch.source, _Counted())
            counted.add(period.start, period.end, period.requests)

    @property
    def until(self) -> float:
        """The time up to which every source has counted green; infinite where there is no source."""
        return min(self._until.values(), default=inf)

    def since(self, begun: float) -> tuple[float, str]:
        """From when the step has been counted without gaps, and the source that had the last one."""
        found = max(((one.since(begun), source) for source, one in self._counted.items()), default=None)
        return found if found and found[0] > begun else (begun, "")
