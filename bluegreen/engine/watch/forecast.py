"""What the expected traffic of a stack can show about a release: measured, then put to the judge's maths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from bluegreen.contract import Contract, Tier
from bluegreen.domain.forecast import (
    ExpectedTraffic,
    MetricForecast,
    ReleaseForecast,
    StepForecast,
    TierForecast,
)
from bluegreen.domain.measurement import Metric, Period
from bluegreen.domain.plan import Plan, StepKind
from bluegreen.domain.release import FULL
from bluegreen.engine.arms import blue_of
from bluegreen.engine.checks import preflight
from bluegreen.engine.checks.foreseen import foreseen
from bluegreen.errors import CloudUnavailable
from bluegreen.judge.forecast import Feed, metric_forecasts
from bluegreen.judge.layouts import lacking
from bluegreen.judge.tail import asked_for
from bluegreen.policy import Policy, Source
from bluegreen.ports import Arms, Collected, Ports

MEMORY = 3600.0
"""Seconds of blue's past that are taken for its usual traffic."""


def ramp_percents(plan: Plan) -> tuple[int, ...]:
    """Green's shares that are judged against blue."""
    percents = (step.percent for step in plan.steps if step.kind is StepKind.JUDGE and step.percent)
    return tuple(percent for percent in percents if percent < FULL)


def release_forecast(plan: Plan, contract: Contract, policy: Policy, ports: Ports) -> ReleaseForecast:
    """What each ramp step of `plan` can show, from blue's last hour; changes nothing, raises nothing."""
    words = preflight.accuracy_words([tier.tier for tier in plan.tiers if tier.green], policy)
    if words:
        then = {"refuse": "`promote` refuses it", "warn": "it is released all the same"}
        words += f": {then[policy.judge.without_accuracy]} (judge.without_accuracy)"
    told = tuple(foreseen(plan, contract, policy, ports))
    return replace(_shown(plan, policy, ports), unjudged=words, foreseen=told)


def _shown(plan: Plan, policy: Policy, ports: Ports) -> ReleaseForecast:
    found = ((tier.tier, blue_of(tier, plan.stack)) for tier in plan.tiers)
    blues = [Arms(tier=tier, green=blue) for tier, blue in found if blue]
    percents = ramp_percents(plan)
    if not blues or not percents:
        return ReleaseForecast()
    try:
        expected, troubles = expected_traffic(blues, blue_p95(blues, ports), policy, ports)
    except CloudUnavailable as error:
        return ReleaseForecast(troubles=(error.what,))
    return ReleaseForecast(tiers=tier_forecasts(expected, percents, policy), troubles=troubles)


def blue_p95(arms: Sequence[Arms], ports: Ports) -> dict[Tier, float]:
    """The latency p95 in ms of the last hour of the fleets given as green; raises CloudUnavailable."""
    now, p95_ms = ports.clock.now(), ports.metrics.p95_ms
    figures = ports.parallel([partial(p95_ms, one.green, since=now - MEMORY, until=now) for one in arms])
    return {one.tier: p95 for one, p95 in zip(arms, figures, strict=True) if p95}


def expected_traffic(
    arms: Sequence[Arms], p95_ms: Mapping[Tier, float], policy: Policy, ports: Ports
) -> tuple[tuple[ExpectedTraffic, ...], tuple[str, ...]]:
    """The last hour of the fleets given as green, and what the sources object to.

    Latency thresholds are asked for as the judge will ask, so that a histogram that cannot serve them is
    known before the release. Raises CloudUnavailable.
    """
    now, limits = ports.clock.now(), policy.judge
    slow_ms = {tier: asked_for(p95, limits) for tier, p95 in p95_ms.items()}
    found = ports.metrics.collect(arms, since=now - MEMORY, until=now, slow_ms=slow_ms)
    if found.troubles and not found.periods:
        raise CloudUnavailable("; ".join(found.troubles))
    traffic = tuple(_expected(one.tier, found, now - policy.judge.settle) for one in arms)
    return traffic, (*found.troubles, *_layouts(found, p95_ms, slow_ms))


def _layouts(
    found: Collected, p95_ms: Mapping[Tier, float], slow_ms: Mapping[Tier, Sequence[float]]
) -> Iterator[str]:
    """The sources with bounds of their own that cannot show whether a release is too slow."""
    streams: dict[tuple[str, Tier], list[Period]] = {}
    for period in found.periods:
        asked = slow_ms.get(period.tier, ())
        if period.slow and not set(asked).issuperset(ms for ms, _ in period.slow):
            streams.setdefault((period.source, period.tier), []).append(period)
    for (source, tier), periods in streams.items():
        if words := lacking(periods, p95_ms[tier]):
            yield f"{source}: {tier}: the latency histogram {words}"


def _expected(tier: Tier, found: Collected, until: float) -> ExpectedTraffic:
    counted: dict[str, list[Period]] = {}
    labelled: dict[str, list[Period]] = {}
    for period in found.periods:
        if period.tier is tier:
            for kind, fits in ((counted, period.counts_errors), (labelled, bool(period.labels))):
                if fits:
                    kind.setdefault(period.source, []).append(period)
    requests = counted.get(Source.CLOUDWATCH) or next(iter(counted.values()), [])
    labels = next(iter(labelled.values()), [])
    total, known = sum(one.requests for one in requests), sum(one.labels for one in labels)
    wrong = sum(one.wrong for one in labels)
    return ExpectedTraffic(
        tier=tier,
        requests_per_second=total / _covered(requests, until),
        error_rate=(sum(one.errors for one in requests) + 0.5) / (total + 1),
        labels=known,
        labels_per_second=known / _covered(labels, until),
        accuracy=1 - wrong / known if known else 0.9,
    )


def _covered(periods: Sequence[Period], until: float) -> float:
    """Seconds from the first period with traffic; later ones without any count as quiet."""
    if not periods:
        return 1.0
    return max(until, *(one.end for one in periods)) - min(one.start for one in periods)


def tier_forecasts(
    expected: Sequence[ExpectedTraffic], percents: Sequence[int], policy: Policy
) -> tuple[TierForecast, ...]:
    """What each step of the ramp can show, for every tier; `percents` below 100."""
    return tuple(
        TierForecast(traffic=one, steps=tuple(_step(one, percent, policy) for percent in percents))
        for one in expected
    )


def _step(expected: ExpectedTraffic, percent: int, policy: Policy) -> StepForecast:
    rollout, synthetic, share = policy.rollout, policy.probes.synthetic, percent / 100
    # Synthetic requests go to green by the preview rule, and again by the weights.
    green = expected.requests_per_second * share + synthetic * (1 + share)
    total = expected.requests_per_second + 2 * synthetic
    shown = percent if not total else min(99, max(1, round(100 * green / total)))
    both = replace(expected, requests_per_second=total)
    return StepForecast(
        percent=percent,
        requests_per_second=green,
        seconds=rollout.bake,
        metrics=tuple(_metrics(both, shown, policy)),
        patience_seconds=rollout.bake + rollout.extension,
    )


def _metrics(expected: ExpectedTraffic, percent: int, policy: Policy) -> Iterator[MetricForecast]:
    """A defect is found by the fastest source of a metric; a pass needs the slowest, too."""
    for metric in (Metric.ERRORS, Metric.LATENCY, Metric.ACCURACY):
        feeds = [_feed(source, policy) for source in getattr(policy.metrics, metric.value)]
        if not feeds or (metric is Metric.ACCURACY and not expected.labels_per_second):
            continue
        fast = _by(min(feeds, key=sum), metric, expected, percent, policy)
        slow = _by(max(feeds, key=sum), metric, expected, percent, policy)
        yield replace(fast, seconds_to_pass=slow.seconds_to_pass)


def _feed(source: Source, policy: Policy) -> Feed:
    judging, prometheus, new_relic = policy.judge, policy.metrics.prometheus, policy.metrics.newrelic
    return {
        Source.CLOUDWATCH: Feed(judging.period, judging.settle),
        Source.PROMETHEUS: Feed(prometheus.period, prometheus.settle),
        Source.NEW_RELIC: Feed(new_relic.period, new_relic.settle),
    }[source]


def _by(
    feed: Feed, metric: Metric, expected: ExpectedTraffic, percent: int, policy: Policy
) -> MetricForecast:
    found = metric_forecasts(
        expected, feed, percent=percent, seconds=policy.rollout.bake, limits=policy.judge
    )
    return next(one for one in found if one.metric is metric)
