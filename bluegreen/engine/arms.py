"""The fleets that a release compares, as metric sources and rules know them."""

from __future__ import annotations

from bluegreen.contract import Tag, Tier
from bluegreen.domain.journal import TargetGroupMade
from bluegreen.domain.plan import TierPlan
from bluegreen.domain.release import FULL
from bluegreen.domain.stack import StackState, TargetGroup
from bluegreen.engine.run import Run
from bluegreen.ports import Arms


def expected_weights(plan: TierPlan, green_arn: str, percent: int) -> dict[str, int]:
    """What the live rule must say at `percent`; without blue, green has everything."""
    if plan.blue is None:
        return {green_arn: FULL}
    return {plan.blue.target_group_arn: FULL - percent, green_arn: percent}


def arms_of(run: Run) -> tuple[Arms, ...]:
    """Green and blue of every tier of the plan in force."""
    return tuple(_arms(run, plan) for plan in run.plan.tiers)


def _arms(run: Run, plan: TierPlan) -> Arms:
    stack, spec = run.contract.stack, plan.green
    name, version = (spec.name, spec.version) if spec else ("", "")
    tags = _tags(stack, plan.tier, run.plan.number, version)
    green = TargetGroup(arn=run.result(TargetGroupMade, plan.tier).arn, name=name, tags=tags)
    return Arms(tier=plan.tier, green=green, blue=blue_of(plan, stack))


def blue_of(plan: TierPlan, stack: str) -> TargetGroup | None:
    """The target group of blue; None where the tier has none yet."""
    if (blue := plan.blue) is None:
        return None
    tags = _tags(stack, plan.tier, blue.deployment, blue.version)
    return TargetGroup(arn=blue.target_group_arn, name=blue.target_group_name, tags=tags)


def _tags(stack: str, tier: Tier, number: int, version: str) -> dict[str, str]:
    """Of the target group's tags those that name its fleet: not every source knows an ARN."""
    tags = {Tag.STACK: stack, Tag.TIER: tier, Tag.DEPLOYMENT: number, Tag.RELEASE: version}
    return {str(key): str(value) for key, value in tags.items()}


def serving(state: StackState) -> tuple[Arms, ...]:
    """The live fleets, each as an arm of its own: to look at blue alone."""
    return tuple(
        Arms(tier=tier.tier, green=tier.live.target_group)
        for tier in state.tiers
        if tier.live is not None and tier.live.target_group is not None
    )
