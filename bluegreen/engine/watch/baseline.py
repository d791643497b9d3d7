"""Blue's figures before the release, measured at the first ramp step and kept in the journal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bluegreen.contract import Tier
from bluegreen.domain.forecast import thin_words
from bluegreen.domain.journal import BaselineMeasured
from bluegreen.domain.measurement import BlueBaseline
from bluegreen.domain.plan import Step
from bluegreen.domain.release import Color
from bluegreen.engine.run import Run
from bluegreen.engine.watch.forecast import blue_p95, expected_traffic, ramp_percents, tier_forecasts
from bluegreen.errors import CloudUnavailable
from bluegreen.policy import Policy
from bluegreen.ports import Arms


def measure_baseline(run: Run, step: Step, arms: Sequence[Arms]) -> str:
    """Journal blue's p95 per tier, and the tiers with too little traffic; once per deployment.

    A tier without traffic in the last hour has no p95. Where users come during the ramp it is measured then,
    and journalled with what is known of the others.

    Returns what kept it from being measured, or "": without it latency cannot be judged.
    """
    blues = [Arms(tier=one.tier, green=one.blue) for one in arms if one.blue]
    try:
        if (known := run.record.baseline) is not None:
            _add_to(known, run, step, [one for one in blues if _came_late(one.tier, run)])
            return ""
        p95_ms = blue_p95(blues, run.ports)
        expected, _ = expected_traffic(blues, p95_ms, run.policy, run.ports)
    except CloudUnavailable as error:
        return f"blue's figures are unknown: {error.what}"
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
    words = f"blue's p95: {_words(p95_ms) or 'no traffic yet'}"
    run.note(BaselineMeasured(stage=run.stage(step), step=step, words=words, baseline=baseline))
    if words := thin_words(tier_forecasts(expected, percents, run.policy)):
        run.warn(words)
    return ""


def _came_late(tier: Tier, run: Run) -> bool:
    """Whether blue of a tier without traffic in the hour before the ramp has served since then."""
    if tier in run.record.p95_ms:
        return False
    return any(one.tier is tier and one.arm is Color.BLUE and one.requests for one in run.record.periods)


def _add_to(known: BlueBaseline, run: Run, step: Step, blues: Sequence[Arms]) -> None:
    found = blue_p95(blues, run.ports) if blues else {}
    if found:
        baseline = replace(known, p95_ms={**known.p95_ms, **found})
        words = f"blue's p95, with traffic now: {_words(found)}"
        run.note(BaselineMeasured(stage=run.stage(step), step=step, words=words, baseline=baseline))


def _words(p95_ms: Mapping[Tier, float]) -> str:
    return ", ".join(f"{tier} {p95:.0f} ms" for tier, p95 in p95_ms.items())


def _without_synthetic(policy: Policy) -> Policy:
    """The same policy; what users send alone decides whether synthetic requests are needed."""
    return policy.model_copy(update={"probes": policy.probes.model_copy(update={"synthetic": 0.0})})
