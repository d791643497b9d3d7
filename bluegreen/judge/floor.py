"""Where nobody waits: green below the latency floor passes however fast blue is.

A release of 9 ms beside one of 6 ms is half as slow again, and no user can tell. Two one-arm tests (see
`evidence.KnownShare`) hold green's share of requests over the floor against 5 %: a latency fails only if it
is also more, and it passes if it is less. "Worse than acceptable" is then that both are true, so the null
hypothesis of a failure is a union, and its evidence the lesser of the two; the null hypothesis of a pass is
an intersection, and the mean of the two e-processes is one of it.
"""

from __future__ import annotations

from math import inf

from bluegreen.judge.eprocess import FailProcess, PassProcess, Window
from bluegreen.judge.evidence import Counts, KnownShare

_MORE = (1.25, 1.6, 2.5, 5.0, 12.0)
_LESS = tuple(1 / factor for factor in (1.25, 1.6, 2.5, 4.0))


class Floor:
    """Green's requests over the floor, from one source on one tier."""

    def __init__(self, needed: float) -> None:
        """`needed` is the evidence that fails a latency by itself."""
        self._worse = FailProcess(KnownShare(_MORE), needed=needed)
        self._better = PassProcess(KnownShare(_LESS))
        self._counts_worse = self._counts_better = False

    def add_worse(self, counts: Counts | None, window: Window) -> None:
        """Take in green's requests over the floor, or over a bound above it."""
        if counts is not None:
            self._counts_worse = True
            self._worse.add(counts, window)

    def add_better(self, counts: Counts | None) -> None:
        """Take in green's requests over the floor, or over a bound below it, inside the current step."""
        if counts is not None:
            self._counts_better = True
            self._better.add(counts)

    def reset(self) -> None:
        """What was shown does not count for a pass any more."""
        self._better.reset()

    @property
    def evidence(self) -> float:
        """Against green; infinite where the source does not count over the floor."""
        return self._worse.value if self._counts_worse else inf

    @property
    def pass_evidence(self) -> float | None:
        """Log of the evidence that green is below the floor; None where the source does not count there."""
        return self._better.log_value if self._counts_better else None
