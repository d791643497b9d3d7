"""How much more failed requests vary than independent ones: clusters, retries, a queue that overflows."""

from __future__ import annotations

_MOST = 5.0
"""More than this is an incident, and no way in which requests usually fail."""
_FEW = 2.0
"""Failed requests, as if counted before with no more than counting noise."""


class Spread:
    """Blue's failed requests from period to period (Pearson's chi-square of neighbours).

    Neighbours, because a rate that drifts is no cluster. Weighted by what was expected, so that rare
    failures count for little.
    """

    def __init__(self) -> None:
        self._found = self._expected = _FEW
        self._pairs = 0
        self._last: tuple[int, int] | None = None

    def learn(self, bad: int, total: int) -> None:
        """Take in a period of blue's, once it is judged."""
        if not total:
            return
        before, self._last = self._last, (bad, total)
        if before is None:
            return
        share = (bad + before[0]) / (total + before[1])
        # The difference of two shares has the variance share (1 - share) / size.
        size = total * before[1] / (total + before[1])
        self._found += size**2 * (bad / total - before[0] / before[1]) ** 2
        self._expected += size * share * (1 - share)
        self._pairs += 1

    @property
    def phi(self) -> float:
        """The variance as a multiple of counting noise, from 1 to 5; the most of it until blue has shown."""
        return min(_MOST, max(1.0, self._found / self._expected, _MOST / (1 + self._pairs / 2)))
