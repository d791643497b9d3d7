"""Move traffic: the watchdog before the first weight, weights that are read back, the judge's watch."""

from __future__ import annotations

import re

from bluegreen.contract import Tier
from bluegreen.domain.journal import Judged, TargetGroupMade, WatchdogArmed, WeightsSet
from bluegreen.domain.plan import Step
from bluegreen.domain.release import FULL, Color
from bluegreen.engine import capacity
from bluegreen.engine.arms import expected_weights
from bluegreen.engine.run import Done, Run
from bluegreen.engine.watch.step import Watch
from bluegreen.errors import Halted, StepFailed

_GROW = "see the scaling activities of its Auto Scaling group, then `sc-deploy resume` or `sc-deploy abort`"


def watchdog(run: Run, step: Step) -> Done:
    """AWS puts all weight back on blue unless this deployer keeps pushing that moment away.

    Green stays in the rule with weight 0: a target group that no rule names gets no health checks, and
    whoever resumes could not tell that green is well.
    """
    plan = run.tier_plan(step)
    green = run.result(TargetGroupMade, step.tier).arn
    at = run.heartbeat.guard(run.guard_name(plan.tier), plan.rule_arn, expected_weights(plan, green, 0))
    words = f"AWS returns all traffic to blue {run.heartbeat.horizon:g} s after this deployer dies"
    return Done(words=words, result=WatchdogArmed(at=at))


def stand_down(run: Run, step: Step) -> Done:
    """No watchdog is armed."""
    if step.fleet is None:
        # A teardown is a deployment of its own: whatever number left one armed, it goes.
        of_tier = re.compile(rf"sc-{re.escape(run.contract.stack)}-{step.tier}-\d+")
        for name in filter(of_tier.fullmatch, run.ports.watchdog.armed()):
            run.heartbeat.stand_down(name)
    else:
        run.heartbeat.stand_down(run.guard_name(run.tier_plan(step).tier))
    return Done(words="watchdog disarmed")


def weights(run: Run, step: Step) -> Done:
    """The live rule has these weights. Weight only ever goes to a fleet that can carry it."""
    if step.fleet is Color.BLUE:
        blue = run.need_target(step)
        rule = run.ports.balancer.set_weights(
            run.tier(step), _back(run, step, blue.arn), run.rule_tags(step.tier), urgent=step.urgent
        )
        run.routed_at = run.ports.clock.now()
        if rule.replaced:
            run.warn(f"{step.tier}: the live rule had {rule.replaced}, no forward: replaced by blue")
        return Done(words="all traffic on blue", result=WeightsSet(rule_arn=rule.arn, green_percent=0))
    green, plan, percent = run.need_target(step), run.tier_plan(step), step.percent or 0
    _until_it_fits(run, step, plan.tier, percent)
    wanted = expected_weights(plan, green.arn, percent)
    rule = run.ports.balancer.set_weights(run.tier(step), wanted, run.rule_tags(step.tier))
    run.routed_at = run.ports.clock.now()
    shown = percent if plan.blue else FULL
    return Done(words=f"{shown} % on green", result=WeightsSet(rule_arn=rule.arn, green_percent=shown))


def _until_it_fits(run: Run, step: Step, tier: Tier, percent: int) -> None:
    """Wait until green can carry the share: a host that was lost is being replaced, or blue has grown.

    Raises StepFailed where it never can and no user is on green yet, else Halted: a fleet that cannot grow
    is no fault of the release that runs on it.
    """

    def look() -> tuple[bool, str]:
        found = capacity.ensure(run, tier, percent)
        return found.enough, found.words

    health, moved = run.policy.health, run.find_result(WeightsSet, tier)
    goal = f"green to be large enough for {percent} %"
    try:
        run.until(step, look, goal=goal, deadline=health.deadline, every=health.poll, otherwise=_GROW)
    except StepFailed as error:
        if moved and moved.green_percent:
            raise Halted(error.what, next_step=error.next_step) from error
        raise


def _back(run: Run, step: Step, blue_arn: str) -> dict[str, int]:
    failed = run.tier_plan(step).failed
    out = {failed.target_group_arn: 0} if failed and failed.target_group_arn else {}
    return {blue_arn: FULL, **out}


def judge(run: Run, step: Step) -> Done:
    """Green was measured against blue for long enough, and is good enough."""
    verdict = Watch(run, step).until_decided()
    return Done(words=verdict.reason, result=Judged(outcome=verdict.outcome))
