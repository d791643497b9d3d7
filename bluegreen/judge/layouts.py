"""Whether a histogram's bounds can show a slow release; before one begins, from blue's last hour."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bluegreen.domain.measurement import Period
from bluegreen.judge.latency import FARTHEST
from bluegreen.judge.tail import RATIO, TAIL

_HARDLY = TAIL / 10
"""Share of the requests below which a bound tells nothing of them."""
_SHOWN = 12
"""Bounds that are named."""


def lacking(periods: Iterable[Period], p95_ms: float) -> str:
    """What one source's bounds cannot show, and which it would need; empty where they can.

    `p95_ms` is what the source itself says. Beyond its highest bound a histogram knows no percentile and says
    the bound, and below its lowest it guesses, so how many requests are over the bounds is asked first.
    """
    counted = [one for one in periods if one.slow and one.answered]
    if not counted:
        return ""
    bounds = [ms for ms, _ in counted[-1].slow]
    same = [one for one in counted if [ms for ms, _ in one.slow] == bounds]
    total = sum(one.answered for one in same)
    over = [sum(one.slow[place][1] for one in same) / total for place in range(len(bounds))]
    if over[-1] > TAIL:
        why = f"{over[-1]:.0%} of the requests take longer than the highest, at most {TAIL:.0%} may"
        needed = [bounds[-1] * RATIO**power for power in (2, 4, 6, 8)]
    elif over[0] < _HARDLY:
        why = "hardly a request takes longer than the lowest"
        needed = [bounds[0] / RATIO**power for power in (8, 6, 4, 2)]
    elif not any(1 / FARTHEST <= ms / p95_ms <= FARTHEST for ms in bounds):
        why = f"none is between half and twice the p95 of {p95_ms:.0f} ms"
        needed = [p95_ms, p95_ms * RATIO, p95_ms * RATIO**2]
    else:
        return ""
    return f"has the bounds {_named(bounds)}: {why}; add bounds such as {_named(needed)} (docs/metrics.md)"


def _named(bounds: Sequence[float]) -> str:
    more = ", ..." if len(bounds) > _SHOWN else ""
    return ", ".join(f"{ms:.3g}" for ms in bounds[:_SHOWN]) + f"{more} ms"
