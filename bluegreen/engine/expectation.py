"""What the usual traffic of a stack can show about a release, before it is sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from bluegreen.contract import Tier
from bluegreen.domain.measurement import Metric, Period
from bluegreen.engine.judge.power import Detectable, ExpectedTraffic, detectable
from bluegreen.engine.limits import thresholds
from bluegreen.errors import CloudUnavailable
from bluegreen.policy import Policy, Source
from bluegreen.ports import Arms, Collected, Metrics

__all__ = ["MEMORY", "Forecast", "StepPower", "Usual", "forecast", "usual_traffic"]

MEMORY = 3600.0
"""Seconds of blue's past that are taken for its usual traffic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """One tier's traffic over the last hour, all fleets that serve it."""

    tier: Tier
    requests_per_second: float
    error_rate: float
    """Share of failed requests."""
    labels_per_second: float = 0.0
    accuracy: float = 0.9
    """Share of right answers among the labelled ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPower:
    """What one ramp step can show."""

    percent: int
    requests_per_second: float
    """Green's, synthetic requests included."""
    seconds: float
    """Planned watch."""
    metrics: tuple[Detectable, ...]
    patience_seconds: float
    """Planned watch and extension; then an undecided step goes to the operator."""

    @property
    def thin(self) -> bool:
        """Too little traffic for a pass: even a good release will be asked about.

        Labels are left out: early steps go on without them.
        """
        judged = (one for one in self.metrics if one.metric is not Metric.ACCURACY)
        return any(one.seconds_to_pass > self.patience_seconds for one in judged)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What each ramp step of one tier can show with its usual traffic."""

    usual: Usual
    steps: tuple[StepPower, ...]

    @property
    def warning(self) -> str:
        """What the operator should know before it begins; empty where there is enough traffic."""
        thin = [f"{step.percent} %" for step in self.steps if step.thin]
        if not thin:
            return ""
        minutes = max(step.patience_seconds for step in self.steps) / 60
        return (
            f"{self.usual.tier}: about {self.usual.requests_per_second:.3g} requests/s, too little for a "
            f"pass at {', '.join(thin)} within {minutes:.0f} min: the run will ask you. More traffic "
            "(probes.synthetic), larger steps (rollout.ramp) or a longer bake decide it without you"
        )


def usual_traffic(arms: Sequence[Arms], metrics: Metrics, policy: Policy, *, now: float) -> tuple[Usual, ...]:
    """The last hour of the fleets given as green; raises CloudUnavailable."""
    found = metrics.collect(arms, since=now - MEMORY, until=now, slow_ms={})
    if found.troubles and not found.periods:
        raise CloudUnavailable("; ".join(found.troubles))
    return tuple(_usual(one.tier, found, now - policy.judge.settle) for one in arms)


def _usual(tier: Tier, found: Collected, until: float) -> Usual:
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
    return Usual(
        tier=tier,
        requests_per_second=total / _covered(requests, until),
        error_rate=(sum(one.errors for one in requests) + 0.5) / (total + 1),
        labels_per_second=known / _covered(labels, until),
        accuracy=1 - wrong / known if known else 0.9,
    )


def _covered(periods: Sequence[Period], until: float) -> float:
    """Seconds from the first period with traffic; later ones without any count as quiet."""
    if not periods:
        return 1.0
    return max(until, *(one.end for one in periods)) - min(one.start for one in periods)


def forecast(usual: Sequence[Usual], percents: Sequence[int], policy: Policy) -> tuple[Forecast, ...]:
    """What each step of the ramp can show, for every tier; `percents` below 100."""
    return tuple(
        Forecast(usual=one, steps=tuple(_step(one, percent, policy) for percent in percents)) for one in usual
    )


def _step(usual: Usual, percent: int, policy: Policy) -> StepPower:
    rollout, synthetic, share = policy.rollout, policy.probes.synthetic, percent / 100
    # Synthetic requests go to green by the preview rule, and again by the weights.
    green = usual.requests_per_second * share + synthetic * (1 + share)
    total = usual.requests_per_second + 2 * synthetic
    shown = percent if not total else min(99, max(1, round(100 * green / total)))
    both = replace(usual, requests_per_second=total)
    return StepPower(
        percent=percent,
        requests_per_second=green,
        seconds=rollout.bake,
        metrics=tuple(replace(one, percent=percent) for one in _metrics(both, shown, policy)),
        patience_seconds=rollout.bake + rollout.extension,
    )


def _metrics(usual: Usual, percent: int, policy: Policy) -> Iterator[Detectable]:
    """A defect is found by the fastest source of a metric; a pass needs the slowest, too."""
    for metric in (Metric.ERRORS, Metric.LATENCY, Metric.ACCURACY):
        feeds = [_feed(source, policy) for source in getattr(policy.metrics, metric.value)]
        if not feeds or (metric is Metric.ACCURACY and not usual.labels_per_second):
            continue
        fast = _detectable(metric, _traffic(usual, min(feeds, key=sum)), percent, policy)
        slow = _detectable(metric, _traffic(usual, max(feeds, key=sum)), percent, policy)
        yield replace(fast, seconds_to_pass=slow.seconds_to_pass)


def _feed(source: Source, policy: Policy) -> tuple[float, float]:
    """Length of the source's periods, and how late they can be used, in seconds."""
    judging, prometheus, new_relic = policy.judge, policy.metrics.prometheus, policy.metrics.newrelic
    return {
        Source.CLOUDWATCH: (judging.period, judging.settle),
        Source.PROMETHEUS: (prometheus.period, prometheus.settle),
        Source.NEW_RELIC: (new_relic.period, new_relic.settle),
    }[source]


def _traffic(usual: Usual, feed: tuple[float, float]) -> ExpectedTraffic:
    return ExpectedTraffic(
        requests_per_second=usual.requests_per_second,
        labels_per_second=usual.labels_per_second,
        error_rate=usual.error_rate,
        accuracy=usual.accuracy,
        period_seconds=feed[0],
        late_seconds=feed[1],
    )


def _detectable(metric: Metric, traffic: ExpectedTraffic, percent: int, policy: Policy) -> Detectable:
    limits, seconds = thresholds(policy.judge), policy.rollout.bake
    found = detectable(traffic, percent=percent, seconds=seconds, thresholds=limits)
    return next(one for one in found if one.metric is metric)
