"""After a rollback: the fleets that have their traffic back serve as they did before the release (R10)."""

from __future__ import annotations

from bluegreen.domain.plan import Step
from bluegreen.domain.verdict import Outcome, Verdict
from bluegreen.engine.arms import blue_of
from bluegreen.engine.before import figures_before
from bluegreen.engine.run import Done, Run
from bluegreen.errors import StepFailed
from bluegreen.judge.as_before import Before, decides_after, figures, verdict_as_before, worse
from bluegreen.judge.tail import asked_for
from bluegreen.ports import Arms
from bluegreen.ports.wait import steadily, until


def as_before(run: Run, step: Step) -> Done:
    """Errors are within the limit and latency is what it was, on every tier.

    What cannot be shown by the time that data takes to settle is warned of: users are on the release that
    was good before, and waiting longer would give them nothing. Raises StepFailed on evidence against it,
    unless a person who was asked for that reason orders the end.
    """
    now, rollout, judging = run.ports.clock.now, run.policy.rollout, run.policy.judge
    fleets = [(plan.tier, blue_of(plan, run.contract.stack)) for plan in run.plan.tiers]
    arms = [Arms(tier=tier, green=blue) for tier, blue in fleets if blue]
    before = figures_before(run)
    since = (run.routed_at or now()) + rollout.dwell
    # One look more than decides: the first of them may come just too early.
    within = max(since - now(), 0.0) + decides_after(run.policy) + max(judging.period, rollout.tick)
    told, troubles = "", tuple[str, ...]()

    def look() -> Verdict | None:
        nonlocal told, troubles
        run.heartbeat.beat()
        verdict, troubles = _verdict(run, arms, before, since)
        words = figures(verdict.findings, before.baseline)
        if words != told:
            run.progress(step, words)
            told = words
        return verdict if verdict.outcome in (Outcome.PASS, Outcome.FAIL) else None

    pauses = steadily(rollout.tick, within=within, now=now)
    found = until(look, pauses, run.heartbeat.wait)
    if found is None:
        known = told or "nothing was measured"
        why = "; ".join(troubles) or f"too little traffic to tell ({known})"
        run.warn(f"whether blue serves as before could not be shown within {within:.0f} s: {why}")
        return Done(words=known)
    if found.outcome is Outcome.FAIL:
        run.not_as_before(
            step,
            StepFailed(
                f"rolled back, but blue does not serve as before: {worse(found, before.baseline)}",
                next_step="the cause is not the release alone: look at what both share (database, cache, AI"
                " requests), then `sc-deploy resume` measures again; `sc-deploy abort` ends it as it is",
            ),
        )
    return Done(words=told)


def _verdict(run: Run, arms: list[Arms], before: Before, since: float) -> tuple[Verdict, tuple[str, ...]]:
    """The verdict now, and what the sources object to."""
    now = run.ports.clock.now()
    slow_ms = {tier: asked_for(p95, run.policy.judge) for tier, p95 in before.baseline.p95_ms.items()}
    collected = run.ports.metrics.collect(arms, since=since, until=now, slow_ms=slow_ms)
    verdict = verdict_as_before(
        collected.periods,
        tiers=tuple(one.tier for one in arms),
        before=before,
        policy=run.policy,
        since=since,
        now=now,
    )
    return verdict, collected.troubles
