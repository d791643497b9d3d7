"""What a stack's expected traffic can show about a release, step by step, before it is sent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bluegreen.contract import Tier
from bluegreen.domain.measurement import Metric

_THIN = (
    "The run pauses there for your decision (exit code 6). More traffic (probes.synthetic), larger steps "
    "(rollout.ramp) or a longer bake decide it without you"
)
"""Said once, whatever the number of tiers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedTraffic:
    """One tier's traffic over the last hour, both fleets together, as the live fleet has it."""

    tier: Tier
    requests_per_second: float
    error_rate: float
    """Share of failed requests."""
    labels: int = 0
    """Labelled answers of that hour."""
    labels_per_second: float = 0.0
    accuracy: float = 0.9
    """Share of right answers among the labelled ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricForecast:
    """What one metric can show within a ramp step."""

    metric: Metric
    smallest: float | None
    """The smallest regression that is found within the step: an error rate, a multiple of blue's
    latency, a relative fall of accuracy. None where the step shows none."""
    seconds_at_limit: float
    """Until a regression half as large again as the limit is found; infinite where it never is."""
    seconds_to_pass: float
    """Until a release as good as blue has passed; infinite where it never does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepForecast:
    """What one ramp step can show."""

    percent: int
    requests_per_second: float
    """Green's, synthetic requests included."""
    seconds: float
    """Planned watch."""
    metrics: tuple[MetricForecast, ...]
    patience_seconds: float
    """Planned watch and extension; then a step without a verdict goes to the operator."""

    @property
    def seconds_to_pass(self) -> float:
        """Until a good release has passed in every metric but accuracy, which early steps do without."""
        judged = (one for one in self.metrics if one.metric is not Metric.ACCURACY)
        return max((one.seconds_to_pass for one in judged), default=0.0)

    @property
    def thin(self) -> bool:
        """Too little traffic for a pass: even a good release will be asked about."""
        return self.seconds_to_pass > self.patience_seconds

    def of(self, metric: Metric) -> MetricForecast | None:
        """What `metric` can show; None where nothing feeds it."""
        return next((one for one in self.metrics if one.metric is metric), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class TierForecast:
    """What each ramp step of one tier can show."""

    traffic: ExpectedTraffic
    steps: tuple[StepForecast, ...]

    @property
    def thin(self) -> str:
        """The steps at which its traffic is too little for a pass; empty where there is enough."""
        steps = [step for step in self.steps if step.thin]
        if not steps:
            return ""
        shares = ", ".join(f"{step.percent} %" for step in steps)
        within = _in_words(max(step.patience_seconds for step in self.steps))
        rate = self.traffic.requests_per_second
        about = f"{self.traffic.tier}: about {rate:.3g} requests/s"
        return f"{about}, too little for a pass at {shares} within {within}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseForecast:
    """The forecasts of a release, and what could not be measured for them."""

    tiers: tuple[TierForecast, ...] = ()
    troubles: tuple[str, ...] = ()
    unjudged: str = ""
    """What of the release nothing will judge; empty where all is judged."""
    foreseen: tuple[str, ...] = ()
    """What scans and hosts say against it, or against a rollback of it."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Everything the operator should know before it begins."""
        thin = tuple(filter(None, (thin_words(self.tiers),)))
        unjudged = (self.unjudged,) if self.unjudged else ()
        unmeasured = (f"traffic could not be measured: {words}" for words in self.troubles)
        return (*self.foreseen, *unjudged, *thin, *unmeasured)


def thin_words(tiers: Iterable[TierForecast]) -> str:
    """What the operator should know of tiers with little traffic, once for all of them; or nothing."""
    found = [one.thin for one in tiers if one.thin]
    return f"{'; '.join(found)}. {_THIN}" if found else ""


def _in_words(seconds: float) -> str:
    """Below two minutes in seconds: a lab's patience is short."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
