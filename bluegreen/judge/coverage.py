"""How long a step has been watched: a bake is time that was counted on both arms, not time that passed."""

from __future__ import annotations

from collections import defaultdict
from math import inf

from bluegreen.judge.batches import Batch

_TOLERATED = 0.1
"""Share of a step that may be missing from a source's counts."""
_EXPECTED_REQUESTS = 30.0
"""Fewer requests of green than this may all have stayed away by chance: no gap in the counts."""


class Coverage:
    """The stretches of the current step that each source counted, both arms where there is a control."""

    def __init__(self) -> None:
        self._spans: dict[str, list[tuple[float, float, int]]] = defaultdict(list)
        self._until: dict[str, float] = {}

    def add(self, batch: Batch, *, current: bool) -> None:
        """Take in one compared batch."""
        period = batch.period
        self._until[batch.source] = max(self._until.get(batch.source, -inf), period.end)
        if current and batch.inside:
            self._spans[batch.source].append((period.start, period.end, period.requests))

    @property
    def until(self) -> float:
        """The time up to which every source has counted green; infinite where there is no source."""
        return min(self._until.values(), default=inf)

    def since(self, begun: float) -> tuple[float, str]:
        """From when the step has been counted without gaps, and the source that had the last one."""
        found = max((self._gap(source, begun), source) for source in self._spans) if self._spans else None
        return found if found and found[0] > begun else (begun, "")

    def _gap(self, source: str, begun: float) -> float:
        spans = sorted(span for span in self._spans[source] if span[0] >= begun - 1e-6)
        if not spans:
            return begun
        # Nobody promises that periods begin with the step.
        longest = max(end - start for start, end, _ in spans)
        end, missing, resumed = begun + longest, 0.0, begun
        for start, its_end, _ in spans:
            if start > end + 1e-6:
                missing += start - end
                resumed = start
            end = max(end, its_end)
        counted = sum(its_end - start for start, its_end, _ in spans)
        expected = sum(requests for _, _, requests in spans) * missing / counted
        allowed = max(longest, _TOLERATED * (end - begun))
        return resumed if missing > allowed + 1e-6 and expected >= _EXPECTED_REQUESTS else begun
