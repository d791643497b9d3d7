"""Which instance of a fleet stands out in a period: by its failed requests, or by its slow ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import log
from typing import NamedTuple

from bluegreen.adapters.metrics.buckets import exceedances
from bluegreen.adapters.metrics.counters import Increases

_TAIL = 0.05
"""Instances are compared over the bound that about so many of the fleet's requests are slower than."""
_STANDS_OUT = 2.0
"""Times the others' share of slow requests; less is noise, or a fleet that is slow as a whole."""
_FEW = 10
"""Slow requests, below which one more or less decides."""

Slow = tuple[tuple[float, int], ...]
"""(bound in milliseconds, requests slower)"""


class Noisiest(NamedTuple):
    """The instance with most failed requests."""

    name: str = ""
    errors: int = 0
    requests: int = 0


class Slowest(NamedTuple):
    """The instance that is much slower than the others."""

    name: str = ""
    requests: int = 0
    slow: Slow = ()


def noisiest(counters: Sequence[Increases], failed: Sequence[Increases], number: int, label: str) -> Noisiest:
    """That of period `number`, and all that it answered; nobody where it is alone."""
    errors = Counter({name: total(some, number) for name, some in _by_label(failed, label).items()})
    served = _by_label(counters, label)
    ((name, most),) = errors.most_common(1) or [("", 0)]
    if not name or not most or len(served) < 2:
        return Noisiest()
    return Noisiest(name, most, total(served[name], number))


def slowest(
    buckets: Sequence[Increases], number: int, slow_ms: Sequence[float], milliseconds: float, label: str
) -> Slowest:
    """That of period `number`; nobody where none stands out."""
    requests, slow = exceedances(buckets, number, slow_ms, milliseconds)
    near = [at for at, (_, over) in enumerate(slow) if over >= _FEW]
    if not near:
        return Slowest()
    at = min(near, key=lambda place: abs(log(slow[place][1] / (_TAIL * requests))))
    found = Slowest()
    for name, some in _by_label(buckets, label).items():
        its, its_slow = exceedances(some, number, slow_ms, milliseconds)
        over, others = its_slow[at][1] if len(its_slow) == len(slow) else 0, requests - its
        if name and others and over >= max(_FEW, (found.slow[at][1] if found.slow else 0) + 1):
            rest = max(0, slow[at][1] - over)
            if over * others >= _STANDS_OUT * rest * its:
                found = Slowest(name, its, its_slow)
    return found


def total(rises: Sequence[Increases], number: int) -> int:
    """What they have risen by in period `number`."""
    return sum(one.by_period.get(number, 0) for one in rises)


def _by_label(rises: Sequence[Increases], label: str) -> dict[str, list[Increases]]:
    found: dict[str, list[Increases]] = {}
    for one in rises:
        found.setdefault(one.series.labels.get(label, ""), []).append(one)
    return found
