"""The fleets that a release compares, as metric sources and rules know them."""

from __future__ import annotations

from bluegreen.contract import Tag
from bluegreen.domain.journal import TargetGroupMade
from bluegreen.domain.plan import FleetRef, FleetSpec, TierPlan
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
    arn = run.result(TargetGroupMade, plan.tier).arn
    name, blue = (plan.green.name if plan.green else ""), plan.blue
    green = TargetGroup(arn=arn, name=name, tags=_tags(run, plan, plan.green, run.plan.number))
    control = None
    if blue:
        tags = _tags(run, plan, blue, blue.deployment)
        control = TargetGroup(arn=blue.target_group_arn, name=blue.target_group_name, tags=tags)
    return Arms(tier=plan.tier, green=green, blue=control)


def _tags(run: Run, plan: TierPlan, fleet: FleetRef | FleetSpec | None, number: int) -> dict[str, str]:
    """Of the target group's tags those that name its fleet: not every source knows an ARN."""
    return {
        str(Tag.STACK): run.contract.stack,
        str(Tag.TIER): str(plan.tier),
        str(Tag.DEPLOYMENT): str(number),
        str(Tag.RELEASE): fleet.version if fleet else "",
    }


def serving(state: StackState) -> tuple[Arms, ...]:
    """The live fleets, each as an arm of its own: to look at blue alone."""
    return tuple(
        Arms(tier=tier.tier, green=tier.live.target_group)
        for tier in state.tiers
        if tier.live is not None and tier.live.target_group is not None
    )
