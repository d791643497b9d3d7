"""What was measured: counts of bad events per settled period and arm.

A metric source (CloudWatch, Prometheus, probes, ...) delivers `Period`s; the journal stores them, and
the judge reads nothing else. Counts, not percentages or percentiles: they add up, and a verdict over
them has known error rates.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any, Self

from bluegreen.contract import Tier
from bluegreen.domain.release import Color
from bluegreen.errors import Fault

__all__ = ["Metric", "Period", "periods_from_json", "periods_to_json"]


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

    @property
    def end(self) -> float:
        """Epoch seconds at which the period is over."""
        return self.start + self.seconds

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
            yield f"start {self.start!r} is no time"
        if not _is_number(self.seconds) or self.seconds <= 0:
            yield f"length of {self.seconds!r} seconds"

    def _count_problems(self) -> Iterable[str]:
        pairs = (
            ("errors", self.errors, "requests", self.requests),
            ("wrong", self.wrong, "labels", self.labels),
            ("probes_failed", self.probes_failed, "probes", self.probes),
        )
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
            if not _is_number(limit) or limit <= 0 or not _is_count(count)
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

    def to_json(self) -> list[Any]:
        """The period as a compact list, for the journal."""
        return [
            self.source,
            self.tier.value,
            self.arm.value,
            self.start,
            self.seconds,
            self.requests,
            self.errors,
            [list(pair) for pair in self.slow],
            self.labels,
            self.wrong,
            self.probes,
            self.probes_failed,
            self.p95_ms,
            self.key,
            *([self.own] if self.own else []),
            *([] if self.counts_errors else [False]),
        ]

    @classmethod
    def from_json(cls, item: Sequence[Any]) -> Self:
        """The period that `to_json` wrote; raises ValueError for anything else.

        Values are taken as they stand: a NaN in the journal is named by `faults`, not hidden here.
        """
        try:
            source, tier, arm, start, seconds, requests, errors, slow, *rest = item
            labels, wrong, probes, probes_failed, p95_ms, key, *more = rest
            own = more.pop(0) if more and type(more[0]) is int else 0
            return cls(
                source=source,
                tier=Tier(tier),
                arm=Color(arm),
                start=start,
                seconds=seconds,
                requests=requests,
                errors=errors,
                slow=tuple((limit, count) for limit, count in slow),
                labels=labels,
                wrong=wrong,
                probes=probes,
                probes_failed=probes_failed,
                p95_ms=p95_ms,
                key=key,
                counts_errors=_flag(more),
                own=own,
            )
        except (TypeError, ValueError) as error:
            raise ValueError(f"not a measured period: {item!r} ({error})") from error


def _flag(rest: Sequence[Any]) -> bool:
    if rest not in ([], [False]):
        raise ValueError(f"{rest!r} after the key")
    return not rest


_NUMBERS = (float, int)
"""By exact type: a bool is no number here."""


def _is_number(value: object) -> bool:
    return type(value) in _NUMBERS and math.isfinite(value)  # type: ignore[arg-type]  # it is a number


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def periods_to_json(periods: Iterable[Period]) -> list[list[Any]]:
    """A batch of periods for the journal."""
    return [period.to_json() for period in periods]


def periods_from_json(items: Iterable[Sequence[Any]]) -> tuple[Period, ...]:
    """The batch that `periods_to_json` wrote; raises ValueError for anything else."""
    return tuple(Period.from_json(item) for item in items)
