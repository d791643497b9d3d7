"""Blue's figures before the release, measured at the first ramp step and kept in the journal."""

from __future__ import annotations

from collections.abc import Sequence

from bluegreen.domain.forecast import thin_words
from bluegreen.domain.journal import BaselineMeasured
from bluegreen.domain.measurement import BlueBaseline
from bluegreen.domain.plan import Step
from bluegreen.engine.run import Run
from bluegreen.engine.watch.forecast import blue_p95, expected_traffic, ramp_percents, tier_forecasts
from bluegreen.errors import CloudUnavailable
from bluegreen.policy import Policy
from bluegreen.ports import Arms


def measure_baseline(run: Run, step: Step, arms: Sequence[Arms]) -> str:
    """Journal blue's p95 per tier, and the tiers with too little traffic; once per deployment.

    Returns what kept it from being measured, or "": without it latency cannot be judged.
    """
    if run.record.baseline is not None:
        return ""
    blues = [Arms(tier=one.tier, green=one.blue) for one in arms if one.blue]
    try:
        p95_ms = blue_p95(blues, run.ports)
        expected, _ = expected_traffic(blues, p95_ms, run.policy, run.ports)
    except CloudUnavailable as error:
        return f"blue's figures are unknown: {error.what}"
    figures = ", ".join(f"{tier} {p95:.0f} ms" for tier, p95 in p95_ms.items())
    percents = ramp_percents(run.plan)
    thin = [one for one in tier_forecasts(expected, percents, _without_synthetic(run.policy)) if one.thin]
    baseline = BlueBaseline(
        p95_ms=p95_ms,
        wrong={
            one.tier: (round((1 - one.accuracy) * one.labels), one.labels) for one in expected if one.labels
        },
        thin=tuple(one.traffic.tier for one in thin),
        at=run.ports.clock.now(),
    )
    words = f"blue's p95: {figures or 'no traffic yet'}"
    run.note(BaselineMeasured(stage=run.stage(step), step=step, words=words, baseline=baseline))
    if words := thin_words(tier_forecasts(expected, percents, run.policy)):
        run.warn(words)
    return ""


def _without_synthetic(policy: Policy) -> Policy:
    """The same policy; what users send alone decides whether synthetic requests are needed."""
    return policy.model_copy(update={"probes": policy.probes.model_copy(update={"synthetic": 0.0})})
