"""Green's last host is gone: blue carries green's share until a new host serves.

A fleet of one has no other target while its host is replaced, which takes a boot. That is no fault of the
release, and no reason to leave its users with nothing meanwhile.
"""

from __future__ import annotations

from bluegreen.domain.plan import Step
from bluegreen.domain.stack import Health
from bluegreen.engine import capacity
from bluegreen.engine.arms import expected_weights
from bluegreen.engine.run import Run
from bluegreen.errors import StepFailed
from bluegreen.ports import Arms


def gone(health: Health) -> bool:
    """No target is left and none fails its checks: the hosts went, not the application on them."""
    return not health.healthy and not health.unhealthy


def until_replaced(run: Run, step: Step, one: Arms, percent: int) -> None:
    """Blue has all traffic of the tier until green can carry `percent` again, and then green has it.

    Raises StepFailed where green has no new host within `health.deadline`, or where the tier has no blue.
    """
    tier, blue = run.contract.tier(one.tier), one.blue
    if blue is None:
        raise StepFailed(f"{one.tier}: green has no healthy target, and there is no blue to stand in")
    plan = run.plan.tier(one.tier)
    healthy = run.ports.balancer.health(blue.arn).healthy
    words = "blue carries its share" if healthy else "blue has no healthy target either"
    run.warn(f"{one.tier}: green's last host is gone; {words} until Auto Scaling has replaced it")
    if healthy:
        _give(run, one, 0, urgent=True)

    def look() -> tuple[bool, str]:
        found = capacity.ensure(run, one.tier, percent)
        return found.enough, found.words

    policy = run.policy.health
    run.until(
        step,
        look,
        goal="a new host of green",
        deadline=max(policy.deadline, float(tier.boot_budget_seconds)),
        every=policy.poll,
        otherwise=f"see the scaling activities of {plan.green.name if plan.green else 'green'}",
    )
    if healthy:
        _give(run, one, percent)
    run.progress(step, f"{one.tier}: {percent} % on green again")


def _give(run: Run, one: Arms, percent: int, *, urgent: bool = False) -> None:
    plan, tier = run.plan.tier(one.tier), run.contract.tier(one.tier)
    wanted = expected_weights(plan, one.green.arn, percent)
    run.ports.balancer.set_weights(tier, wanted, run.rule_tags(one.tier), urgent=urgent)
    run.routed_at = run.ports.clock.now()
