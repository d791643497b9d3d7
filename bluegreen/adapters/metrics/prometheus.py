"""Counts from Prometheus: what the instances themselves say, every 15 seconds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from math import ceil, floor, inf

from bluegreen.adapters.metrics.buckets import exceedances, unfit
from bluegreen.adapters.metrics.counters import GAP, Increases, Series, increases
from bluegreen.adapters.metrics.instances import Slowest, noisiest, total
from bluegreen.adapters.metrics.instances import slowest as find_slowest
from bluegreen.adapters.metrics.metrics_http import unusable
from bluegreen.adapters.metrics.prometheus_api import PrometheusApi
from bluegreen.adapters.metrics.selectors import selector
from bluegreen.adapters.threads import parallel
from bluegreen.contract import Tier
from bluegreen.domain.measurement import Period
from bluegreen.domain.release import Color
from bluegreen.domain.stack import TargetGroup
from bluegreen.policy import Prometheus
from bluegreen.ports import Arms, Clock, Collected, Halves

SOURCE = "prometheus"
_READ_AGAIN = 4
"""Periods that are read once more, to see whether their data was late."""
_LATE_SHARE = 0.01
_LATE_REQUESTS = 10
"""Periods that grow by more than this after they were used came too late to be judged by."""

Key = tuple[str, ...]
"""The fleets that are asked for together, by their target groups."""


class PrometheusMetrics:
    """The fleets' own counters. `feeds` says which of errors, latency and accuracy are wanted."""

    def __init__(self, api: PrometheusApi, policy: Prometheus, *, feeds: Iterable[str], clock: Clock) -> None:
        self._api, self._policy, self._clock = api, policy, clock
        self._feeds = frozenset(feeds)
        self._failed = re.compile(policy.failed)
        self._histogram = f"{policy.duration}_bucket"
        self._used: dict[tuple[Key, Tier, Color, int], int] = {}
        self._read_until: dict[Key, float] = {}

    def collect(
        self, arms: Sequence[Arms], *, since: float, until: float, slow_ms: Mapping[Tier, Sequence[float]]
    ) -> Collected:
        """Every period that is over for `settle` seconds; raises CloudUnavailable for broken answers.

        Once read, a stretch of time is not asked for again but for its last periods: those that have
        grown meanwhile show that data comes later than it is waited for.
        """
        fleets = [(one.tier, arm, group) for one in arms for arm in Color if (group := one.of(arm))]
        key = tuple(group.arn for *_, group in fleets)
        length = self._policy.period
        since = max(since, self._read_until.get(key, -inf) - _READ_AGAIN * length)
        first, last = ceil(since / length), self._last(until)
        if last < first:
            return Collected()
        self._tell_apart(arms)
        found = parallel([partial(self._rises, group, tier, first, last) for tier, _, group in fleets])
        periods: list[Period] = []
        coarse: list[str] = []
        for (tier, arm, _), rises in zip(fleets, found, strict=True):
            limits = slow_ms.get(tier, ())
            if words := self._too_coarse(rises, limits):
                coarse.append(f"{SOURCE}: {tier} {arm}: {self._policy.duration} {words}")
                limits = ()
            periods += self._periods(tier, arm, rises, range(first, last + 1), limits)
        self._read_until[key] = (last + 1) * length
        periods.sort(key=lambda period: period.start)
        return Collected(periods=tuple(periods), troubles=(*coarse, *self._late(key, periods)))

    def p95_ms(self, target_group: TargetGroup, *, since: float, until: float) -> float | None:
        """The histogram's 95th percentile over that time, as far as its buckets tell it."""
        matchers = selector(self._policy.selector, target_group)
        rate = f"rate({self._histogram}{{{matchers}}}[{round(until - since)}s])"
        value = self._api.number(f"histogram_quantile(0.95, sum by (le) ({rate}))", at=until)
        return None if value is None else value * self._milliseconds

    def halves(
        self, arms: Arms, *, since: float, until: float, slow_ms: Mapping[Tier, Sequence[float]]
    ) -> tuple[Halves, ...]:
        """Every other instance of the fleet against the rest."""
        first, last = ceil(since / self._policy.period), self._last(until)
        rises = self._rises(arms.green, arms.tier, first, last) if last >= first else ()
        numbers, limits = range(first, last + 1), slow_ms.get(arms.tier, ())
        label = self._policy.instance_label
        names = sorted({one.series.labels.get(label, "") for one in rises})
        if len(names) < 2:
            return ()
        periods: list[Period] = []
        for arm, some in ((Color.GREEN, names[::2]), (Color.BLUE, names[1::2])):
            mine = [one for one in rises if one.series.labels.get(label, "") in some]
            periods += self._periods(arms.tier, arm, mine, numbers, limits)
        words = f"{len(names[::2])} of {len(names)} instances against the others"
        return (Halves(words=words, periods=tuple(sorted(periods, key=lambda period: period.start))),)

    @property
    def _milliseconds(self) -> float:
        return 1000.0 if self._policy.duration_unit == "s" else 1.0

    def _last(self, until: float) -> int:
        """The number of the last period that is settled and began before `until`."""
        length = self._policy.period
        settled = floor((self._clock.now() - self._policy.settle) / length) - 1
        return min(settled, ceil(until / length) - 1)

    def _tell_apart(self, arms: Sequence[Arms]) -> None:
        for one in arms:
            green = selector(self._policy.selector, one.green)
            if one.blue is not None and green == selector(self._policy.selector, one.blue):
                raise unusable(
                    SOURCE,
                    f"metrics.prometheus.selector gives {green} for green and for blue ({one.tier}): "
                    'tell fleets of the same release apart by fleet="{fleet}"',
                )

    def _names(self, tier: Tier) -> list[str]:
        """The counters that are wanted of a tier."""
        policy, names = self._policy, []
        if "errors" in self._feeds:
            names.append(policy.requests)
        if "latency" in self._feeds:
            names.append(self._histogram)
        if "accuracy" in self._feeds and tier is Tier.AI:
            names += [policy.labelled, policy.wrong]
        return names

    def _rises(self, group: TargetGroup, tier: Tier, first: int, last: int) -> tuple[Increases, ...]:
        names, length = self._names(tier), self._policy.period
        if not names:
            return ()
        end, seconds = (last + 1) * length, (last + 1 - first) * length + GAP
        matchers = selector(self._policy.selector, group)
        series = self._api.samples(names, matchers, until=end, seconds=seconds)
        return increases(series, period=length, instance_label=self._policy.instance_label)

    def _periods(
        self,
        tier: Tier,
        arm: Color,
        rises: Sequence[Increases],
        numbers: range,
        slow_ms: Sequence[float],
    ) -> list[Period]:
        """A period for each number in which anything was scraped; none where nothing was."""
        self._check(f"{tier} {arm}", rises)
        heard = sorted({number for one in rises for number in one.heard if number in numbers})
        return [self._period(tier, arm, rises, number, slow_ms) for number in heard]

    def _too_coarse(self, rises: Sequence[Increases], slow_ms: Sequence[float]) -> str:
        """Why the histogram cannot tell slow from fast here; errors are counted all the same."""
        buckets = _named(rises, self._histogram)
        return unfit(buckets, slow_ms, self._milliseconds) if buckets and slow_ms else ""

    def _check(self, fleet: str, rises: Sequence[Increases]) -> None:
        """A fleet that is scraped, but not for what it shall be judged by, is a broken metric."""
        counter, histogram = self._policy.requests, self._histogram
        counters, buckets = _named(rises, counter), _named(rises, histogram)
        served = any(rise for one in buckets for rise in one.by_period.values())
        if "errors" in self._feeds and served and not counters:
            raise unusable(SOURCE, f"{fleet} is scraped, but has no {counter} (metrics.prometheus.requests)")
        if "latency" in self._feeds and counters and not buckets:
            raise unusable(
                SOURCE, f"{fleet} is scraped, but has no {histogram} (metrics.prometheus.duration)"
            )

    def _period(
        self, tier: Tier, arm: Color, rises: Sequence[Increases], number: int, slow_ms: Sequence[float]
    ) -> Period:
        policy = self._policy
        counters = _named(rises, policy.requests)
        failed = [one for one in counters if self._failed.fullmatch(self._status(one.series))]
        labels = total(_named(rises, policy.labelled), number)
        buckets, label = _named(rises, self._histogram), policy.instance_label
        answered, slow = exceedances(buckets, number, slow_ms, self._milliseconds)
        requests = total(counters, number) if "errors" in self._feeds else answered
        noisy, slowest = noisiest(counters, failed, number, label), Slowest()
        if arm is Color.GREEN:
            slowest = find_slowest(buckets, number, slow_ms, self._milliseconds, label)
        return Period(
            source=SOURCE,
            tier=tier,
            arm=arm,
            start=number * policy.period,
            seconds=policy.period,
            requests=requests,
            errors=total(failed, number),
            # Two counters of one request may be scraped between its two increments.
            slow=tuple((ms, min(count, requests)) for ms, count in slow),
            labels=labels,
            wrong=min(total(_named(rises, policy.wrong), number), labels),
            counts_errors="errors" in self._feeds,
            noisiest=noisy.name,
            noisiest_errors=noisy.errors,
            noisiest_requests=noisy.requests,
            slowest=slowest.name,
            slowest_requests=slowest.requests,
            slowest_slow=slowest.slow,
        )

    def _status(self, series: Series) -> str:
        status = series.labels.get(self._policy.status_label)
        if status is None:
            raise unusable(
                SOURCE,
                f"{series.name} has no label {self._policy.status_label} (metrics.prometheus.status_label)",
            )
        return status

    def _late(self, key: Key, periods: Sequence[Period]) -> tuple[str, ...]:
        before = after = 0
        for period in periods:
            place = (key, period.tier, period.arm, round(period.start / period.seconds))
            counted = period.requests or period.labels
            before += self._used.setdefault(place, counted)
            after += counted
        grown = after - before
        if grown <= max(_LATE_REQUESTS, _LATE_SHARE * after):
            return ()
        words = (
            f"{grown:,} of {after:,} requests came later than {self._policy.settle:g} s after their period"
        )
        return (f"{SOURCE}: {words} and were not judged: raise metrics.prometheus.settle",)


def _named(rises: Sequence[Increases], name: str) -> list[Increases]:
    return [one for one in rises if one.series.name == name]
