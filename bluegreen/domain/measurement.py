"""What was measured: counts of bad events per settled period and arm.

A metric source (CloudWatch, Prometheus, probes, ...) delivers `Period`s; the journal stores them, and
the judge reads nothing else. Counts, not percentages or percentiles: they add up, and a verdict over
them has known error rates.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from bluegreen.contract import Tier
from bluegreen.domain.release import Color
from bluegreen.errors import Fault


class Metric(StrEnum):
    """The four families of rollback triggers: R3, R2, R4 and R1."""

    ERRORS = "errors"
    LATENCY = "latency"
    ACCURACY = "accuracy"
    AVAILABILITY = "availability"


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """One settled stretch of time on one fleet of one tier, as one source counted it."""

    source: str
    """`cloudwatch`, `prometheus`, `newrelic`, `probes`, ..."""
    tier: Tier
    arm: Color
    start: float
    """Epoch seconds."""
    seconds: float
    """Length of the period."""
    requests: int
    errors: int
    """Requests that failed, the load balancer's own failures for this fleet included."""
    slow: tuple[tuple[float, int], ...] = ()
    """(threshold in milliseconds, requests slower than it), thresholds ascending."""
    labels: int = 0
    """AI answers whose truth is known."""
    wrong: int = 0
    """Of the labelled answers, the wrong ones."""
    probes: int = 0
    probes_failed: int = 0
    p95_ms: float | None = None
    """For people only; the judge uses counts."""
    key: str = ""
    """The key function that was probed, empty for requests."""
    counts_errors: bool = True
    """False where a source counts requests for latency alone: its `errors` say nothing."""
    own: int = 0
    """Of probes: the requests that we sent since the period before, synthetic ones included. Every source
    counts them as it counts users': green's arrive by the preview rule, blue's by the front door, where
    the weights decide who answers."""
    undelivered: int = 0
    """Of `errors`, those that no instance answered: the balancer could not connect, or waited in vain."""
    noisiest: str = ""
    """The instance with most of `errors`, where the source counts instances and there are others."""
    noisiest_errors: int = 0
    noisiest_requests: int = 0
    """What it answered."""
    slowest: str = ""
    """The instance that is much slower than the others, where the source counts instances."""
    slowest_requests: int = 0
    slowest_slow: tuple[tuple[float, int], ...] = ()
    """What it answered, and how slowly; as `slow`."""

    @property
    def end(self) -> float:
        """Epoch seconds at which the period is over."""
        return self.start + self.seconds

    @property
    def answered(self) -> int:
        """Requests that an instance answered: the others have no latency, and would count as fast."""
        return self.requests - self.undelivered

    @property
    def stream(self) -> tuple[str, Tier, Color, str]:
        """What the period belongs to: the periods of a stream do not overlap."""
        return (self.source, self.tier, self.arm, self.key)

    @property
    def name(self) -> str:
        """The period in an operator's words, e.g. `cloudwatch app green at 1700000060`."""
        key = f" {self.key}" if self.key else ""
        return f"{self.source} {self.tier} {self.arm}{key} at {self.start:.10g}"

    def faults(self) -> list[Fault]:
        """Everything that makes these counts unusable; empty for a good period."""
        problems = [*self.time_problems(), *self._count_problems(), *self._latency_problems()]
        return [Fault(self.name, problem) for problem in problems] if problems else []

    def time_problems(self) -> Iterable[str]:
        """What is wrong with its start and length."""
        if not _is_number(self.start) or self.start < 0:
            yield f"start {self.start!r} is not a time"
        if not _is_number(self.seconds) or self.seconds <= 0:
            yield f"length of {self.seconds!r} seconds"

    def _count_problems(self) -> Iterable[str]:
        pairs = (
            ("errors", self.errors, "requests", self.requests),
            ("undelivered", self.undelivered, "errors", self.errors),
            ("noisiest_errors", self.noisiest_errors, "noisiest_requests", self.noisiest_requests),
            ("wrong", self.wrong, "labels", self.labels),
            ("probes_failed", self.probes_failed, "probes", self.probes),
        )
        its = [self.slowest_requests, *(count for _, count in self.slowest_slow)]
        if not all(_is_count(one) and one <= its[0] for one in its):
            yield f"{self.slowest or 'an instance'} was slower in {its[1:]} of {its[0]} requests"
        if not _is_count(self.own):
            yield f"own is {self.own!r}, not a count"
        for bad_name, bad, total_name, total in pairs:
            if type(bad) is int and type(total) is int and 0 <= bad <= total:
                continue
            broken = [
                f"{name} is {count!r}, not a count"
                for name, count in ((total_name, total), (bad_name, bad))
                if not _is_count(count)
            ]
            yield from broken
            if not broken and bad > total:
                yield f"{bad} {bad_name} of {total} {total_name}"

    def _latency_problems(self) -> Iterable[str]:
        if self.p95_ms is not None and (not _is_number(self.p95_ms) or self.p95_ms < 0):
            yield f"p95_ms is {self.p95_ms!r}"
            return
        broken = [
            f"slow requests over {limit!r} ms are {count!r}"
            for limit, count in self.slow
            if type(count) is not int or count < 0 or type(limit) not in _NUMBERS or not 0 < limit < math.inf
        ]
        yield from broken
        if broken or not self.slow or not _is_count(self.requests):
            return
        if self.slow[0][1] > self.requests:
            yield f"{self.slow[0][1]} requests over {self.slow[0][0]:g} ms of {self.requests} requests"
        for (low, above_low), (high, above_high) in pairwise(self.slow):
            if high <= low:
                yield f"latency thresholds {low:g} and {high:g} ms are not ascending"
            elif above_high > above_low:
                yield f"{above_high} requests over {high:g} ms but only {above_low} over {low:g} ms"
        yield from self._unit_problems()

    def _unit_problems(self) -> Iterable[str]:
        # More than 5 % slower than t puts the 95th percentile above t, whatever the distribution. Half of
        # t leaves room for approximated percentiles; beyond it, milliseconds and seconds were mixed up.
        if self.p95_ms is None or not self.requests:
            return
        for limit, count in self.slow:
            if count > 0.06 * self.requests and self.p95_ms < limit / 2:
                yield (
                    f"p95 of {self.p95_ms:g} ms contradicts {count} of {self.requests} requests over "
                    f"{limit:g} ms: the unit has changed"
                )
                return


_NUMBERS = (float, int)
"""By exact type: a bool is not a number here."""


def _is_number(value: object) -> bool:
    return type(value) in _NUMBERS and math.isfinite(value)  # type: ignore[arg-type]  # it is a number


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


_FIELDS = tuple(one.name for one in fields(Period))
_DEFAULTS = {at: one.default for at, one in enumerate(fields(Period)) if one.default is not MISSING}


def period_row(period: Period) -> list[Any]:
    """The period as a compact list, by the order of its fields, without defaults at its end.

    A journal holds thousands of periods, and an item of DynamoDB 400 KB.
    """
    row = [getattr(period, name) for name in _FIELDS]
    while row[-1] is _DEFAULTS.get(len(row) - 1, MISSING):
        row.pop()
    return [list(map(list, value)) if isinstance(value, tuple) else value for value in row]


def period_of(row: Any) -> Period:
    """The period that `period_row` wrote; raises ValueError for anything else.

    Values are taken as they are: a NaN in the journal is named by `Period.faults`, not hidden here.
    """
    if isinstance(row, Period):
        return row
    try:
        source, tier, arm, *rest = row
        counted = dict(zip(_FIELDS[3:], rest, strict=False))
        for name in ("slow", "slowest_slow"):
            counted[name] = tuple((limit, count) for limit, count in counted.get(name, ()))
        period = Period(source=source, tier=Tier(tier), arm=Color(arm), **counted)
    except (TypeError, ValueError) as error:
        raise ValueError(f"not a measured period: {row!r} ({error})") from error
    if len(row) > len(_FIELDS):
        raise ValueError(f"not a measured period: {row!r} ({len(row)} values)")
    return period


PeriodRow = Annotated[
    Period,
    PlainSerializer(period_row),
    PlainValidator(period_of),
    WithJsonSchema({"type": "array", "description": ", ".join(_FIELDS)}),
]
"""A period where it is stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlueBaseline:
    """Blue's figures before a release, measured at its first ramp step."""

    p95_ms: Mapping[Tier, float]
    """Of the tiers that had traffic."""
    wrong: Mapping[Tier, tuple[int, int]] = field(default_factory=dict)
    """(wrong, labelled) answers of the last hour, of the tiers whose answers are labelled."""
    thin: tuple[Tier, ...] = ()
    """Tiers whose users send too little to judge by."""
    at: float = 0.0
    """Epoch seconds."""
