"""A/A: the serving fleets compared with themselves, in space and in time, before any release.

In space: one availability zone against the others, or every other instance against the rest, at the same
time. In time: this hour against the same hour of the day before, or the time just before it where there was
no traffic then. What differs there differs without a release, and no threshold may be below it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from bluegreen.contract import Contract, Tier
from bluegreen.domain.measurement import BlueBaseline, Period
from bluegreen.domain.release import Color
from bluegreen.domain.reports import AAComparison
from bluegreen.engine.arms import serving
from bluegreen.engine.status import observe
from bluegreen.engine.watch.forecast import blue_p95
from bluegreen.errors import CloudUnavailable, Refused
from bluegreen.judge.noise import fleet_noise
from bluegreen.judge.tail import asked_for
from bluegreen.policy import Policy
from bluegreen.ports import Arms, Ports

_DAY = 86_400.0
_LEAST = 3
"""Periods of a tier below which an earlier time was no traffic to compare with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Window:
    since: float
    until: float
    slow_ms: Mapping[Tier, Sequence[float]]


def aa_comparison(
    contract: Contract, policy: Policy, ports: Ports, *, seconds: float
) -> tuple[AAComparison, ...]:
    """Every comparison that the sources allow over the last `seconds`; changes nothing.

    Raises Refused where nothing serves or nothing was measured, and CloudUnavailable.
    """
    arms = serving(observe(contract, ports))
    if not arms:
        raise Refused("nothing serves, so there is nothing to compare", next_step="sc-deploy status")
    limits, p95_ms = policy.judge, blue_p95(arms, ports)
    now = ports.clock.now()
    slow_ms = {tier: asked_for(p95, limits) for tier, p95 in p95_ms.items()}
    window = _Window(since=now - seconds, until=now, slow_ms=slow_ms)
    in_time, troubles = _in_time(arms, ports, window)
    compared = [*_in_space(arms, ports, window), *in_time]
    found = [
        AAComparison(source=source, words=words, noises=noises)
        for source, words, periods in compared
        if (noises := fleet_noise(periods, limits=limits, baseline=BlueBaseline(p95_ms=p95_ms)))
    ]
    if not found and troubles:
        raise CloudUnavailable("; ".join(troubles), next_step="repeat it when the metrics are there again")
    if not found:
        raise Refused(
            f"nothing could be compared in the last {seconds / 60:.0f} minutes: no traffic on both halves",
            next_step="measure longer (--minutes), or when there is traffic",
        )
    return tuple(found)


def _in_space(
    arms: Sequence[Arms], ports: Ports, window: _Window
) -> Iterator[tuple[str, str, tuple[Period, ...]]]:
    """The halves of every tier that its sources can split."""
    calls = [
        partial(ports.metrics.halves, one, since=window.since, until=window.until, slow_ms=window.slow_ms)
        for one in arms
    ]
    for some in ports.parallel(calls):
        for halves in some:
            if halves.periods:
                yield halves.periods[0].source, halves.words, halves.periods


def _in_time(
    arms: Sequence[Arms], ports: Ports, window: _Window
) -> tuple[list[tuple[str, str, tuple[Period, ...]]], tuple[str, ...]]:
    """The same fleets now and earlier, each source by itself; and what the sources object to now."""
    length = window.until - window.since
    ages = ((_DAY, "now against the day before"), (length, "now against the time before it"))
    collect = partial(ports.metrics.collect, arms, slow_ms=window.slow_ms)
    shifts = (0.0, *(age for age, _ in ages))
    calls = [partial(collect, since=window.since - age, until=window.until - age) for age in shifts]
    now, *earlier = ports.parallel(calls)
    compared = []
    for source in dict.fromkeys(period.source for period in now.periods):
        mine = [period for period in now.periods if period.source == source]
        for (age, words), past in zip(ages, earlier, strict=True):
            theirs = [
                replace(period, arm=Color.BLUE, start=period.start + age)
                for period in past.periods
                if period.source == source and (period.requests or period.labels)
            ]
            if len(theirs) >= _LEAST:
                both = sorted((*mine, *theirs), key=lambda period: period.start)
                compared.append((source, words, tuple(both)))
                break
    return compared, now.troubles
