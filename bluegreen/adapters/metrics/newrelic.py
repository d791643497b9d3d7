"""Counts from New Relic: what its agents say of each fleet, by the minute."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import ceil, floor, inf
from typing import Any, NamedTuple, TypeGuard

from bluegreen.adapters.metrics.metrics_http import unusable
from bluegreen.adapters.metrics.nerdgraph import SOURCE, NerdGraph
from bluegreen.adapters.metrics.selectors import selector
from bluegreen.contract import Tier
from bluegreen.domain.measurement import Period
from bluegreen.domain.release import Color
from bluegreen.domain.stack import TargetGroup
from bluegreen.policy import NewRelic
from bluegreen.ports import Arms, Clock, Collected, Halves

_MOST_BUCKETS = 366
"""TIMESERIES returns at most this many."""


class _Asked(NamedTuple):
    tier: Tier
    arm: Color
    event: str
    nrql: str


class NewRelicMetrics:
    """Events per fleet, counted by the minute. `feeds` says which of errors, latency, accuracy are wanted."""

    def __init__(self, graph: NerdGraph, policy: NewRelic, *, feeds: Iterable[str], clock: Clock) -> None:
        self._graph, self._policy, self._clock = graph, policy, clock
        self._feeds = frozenset(feeds)

    def collect(
        self, arms: Sequence[Arms], *, since: float, until: float, slow_ms: Mapping[Tier, Sequence[float]]
    ) -> Collected:
        """Every minute with events that is over for `settle` seconds."""
        length = self._policy.period
        settled = floor((self._clock.now() - self._policy.settle) / length)
        last = min(settled, ceil(until / length))
        first = max(ceil(since / length), last - _MOST_BUCKETS)
        if last <= first:
            return Collected()
        window = f"SINCE {round(first * length * 1000)} UNTIL {round(last * length * 1000)}"
        asked = [
            one
            for some in arms
            for arm in Color
            if (group := some.of(arm)) is not None
            for one in self._queries(some.tier, arm, group, slow_ms.get(some.tier, ()), window)
        ]
        if not asked:
            return Collected()
        answers = self._graph.ask([one.nrql for one in asked])
        found: dict[tuple[Tier, Color, float], Period] = {}
        for one, rows in zip(asked, answers, strict=True):
            for row in rows:
                self._add(found, one, row, slow_ms.get(one.tier, ()))
        return Collected(periods=tuple(found[place] for place in sorted(found, key=lambda place: place[2])))

    def p95_ms(self, target_group: TargetGroup, *, since: float, until: float) -> float | None:
        """The 95th percentile as New Relic estimates it."""
        policy = self._policy
        window = f"SINCE {round(since * 1000)} UNTIL {round(until * 1000)}"
        what = f"FROM {policy.event} SELECT percentile({policy.duration}, 95)"
        (rows,) = self._graph.ask([f"{what} WHERE {selector(policy.where, target_group)} {window}"])
        values = [one.get("95") for row in rows for one in row.values() if isinstance(one, dict)]
        return next((float(one) * 1000 for one in values if _is_number(one) and one), None)

    def halves(
        self, arms: Arms, *, since: float, until: float, slow_ms: Mapping[Tier, Sequence[float]]
    ) -> tuple[Halves, ...]:
        """None: the events name no part of a fleet that every agent reports alike."""
        del arms, since, until, slow_ms
        return ()

    def _queries(
        self, tier: Tier, arm: Color, group: TargetGroup, slow_ms: Sequence[float], window: str
    ) -> Iterator[_Asked]:
        policy = self._policy
        rest = f"WHERE {selector(policy.where, group)} {window} TIMESERIES {round(policy.period)} seconds"
        if self._feeds & {"errors", "latency"}:
            counts = "count(*) AS 'requests'"
            if "errors" in self._feeds:
                counts += f", filter(count(*), WHERE {policy.failed}) AS 'failed'"
            for number, ms in enumerate(slow_ms if "latency" in self._feeds else ()):
                slow = f"{policy.duration} > {ms / 1000:.6g}"
                counts += f", filter(count(*), WHERE {slow}) AS 'slow{number}'"
            yield _Asked(tier, arm, policy.event, f"FROM {policy.event} SELECT {counts} {rest}")
        if "accuracy" in self._feeds and tier is Tier.AI:
            counts = f"count(*) AS 'labels', filter(count(*), WHERE {policy.wrong}) AS 'wrong'"
            yield _Asked(tier, arm, policy.label_event, f"FROM {policy.label_event} SELECT {counts} {rest}")

    def _add(
        self,
        found: dict[tuple[Tier, Color, float], Period],
        asked: _Asked,
        row: Mapping[str, Any],
        slow_ms: Sequence[float],
    ) -> None:
        """Take in one bucket of a TIMESERIES; one without any event says nothing: no data looks the same."""
        start, end = _count(row, "beginTimeSeconds"), _count(row, "endTimeSeconds")
        if end - start != round(self._policy.period) or start % round(self._policy.period):
            raise unusable(SOURCE, f"a bucket from {start} to {end} is not the period that was asked for")
        place = (asked.tier, asked.arm, float(start))
        counts: dict[str, Any]
        if asked.event == self._policy.label_event:
            counts = {"labels": _count(row, "labels"), "wrong": _count(row, "wrong")}
        else:
            wanted = slow_ms if "latency" in self._feeds else ()
            counts = {
                "requests": _count(row, "requests"),
                "errors": _count(row, "failed") if "errors" in self._feeds else 0,
                "slow": tuple((ms, _count(row, f"slow{n}")) for n, ms in enumerate(wanted)),
            }
        nothing = Period(
            source=SOURCE,
            tier=asked.tier,
            arm=asked.arm,
            start=float(start),
            seconds=self._policy.period,
            requests=0,
            errors=0,
            counts_errors="errors" in self._feeds,
        )
        period = replace(found.get(place, nothing), **counts)
        if period.requests or period.labels:
            found[place] = period


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _count(row: Mapping[str, Any], name: str) -> int:
    value = row.get(name)
    if _is_number(value) and 0 <= value < inf:
        return round(value)
    raise unusable(SOURCE, f"{name} is {value!r}, not a count")
