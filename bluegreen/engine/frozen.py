"""Blue's figures before the release, frozen at the first ramp step and kept in the journal."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from bluegreen.domain.plan import Step, StepKind
from bluegreen.domain.weights import FULL
from bluegreen.engine.expectation import MEMORY, forecast, usual_traffic
from bluegreen.engine.run import Run
from bluegreen.errors import CloudUnavailable
from bluegreen.policy import Policy
from bluegreen.ports import Arms

__all__ = ["freeze_baseline"]


def freeze_baseline(run: Run, step: Step, arms: Sequence[Arms]) -> str:
    """Journal blue's p95 per tier, and the tiers with too little traffic; once per deployment.

    Returns what kept it from being measured, or "": without it latency cannot be judged.
    """
    if run.baseline:
        return ""
    now = run.ports.clock.now()
    blues = [Arms(tier=one.tier, green=one.blue) for one in arms if one.blue]
    metrics = run.ports.metrics
    calls: list[Any] = [partial(usual_traffic, blues, metrics, run.policy, now=now)]
    calls += [partial(metrics.p95_ms, one.green, since=now - MEMORY, until=now) for one in blues]
    try:
        usual, *figures = run.ports.parallel(calls)
    except CloudUnavailable as error:
        return f"blue's figures are unknown: {error.what}"
    pairs = zip(blues, figures, strict=True)
    run.baseline.update({str(one.tier): p95 for one, p95 in pairs if p95 is not None})
    words = ", ".join(f"{tier} {p95:.0f} ms" for tier, p95 in run.baseline.items())
    percents = [s.percent for s in run.plan.steps if s.kind is StepKind.JUDGE and s.percent]
    percents = [percent for percent in percents if percent < FULL]
    thin = [one for one in forecast(usual, percents, _without_synthetic(run.policy)) if one.warning]
    run.baseline.update(at=now, thin=[str(one.usual.tier) for one in thin])
    run.progress(step, f"blue's p95: {words or 'no traffic yet'}", baseline=dict(run.baseline))
    for one in forecast(usual, percents, run.policy):
        if one.warning:
            run.warn(one.warning)
    return ""


def _without_synthetic(policy: Policy) -> Policy:
    """The same policy; what users send alone decides whether synthetic requests are needed."""
    return policy.model_copy(update={"probes": policy.probes.model_copy(update={"synthetic": 0.0})})
