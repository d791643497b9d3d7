"""Green carries no share of the traffic for which it is too small: asked before each weight.

What was planned hours ago does not hold: blue may have grown since. A fleet that its scaling policies have
grown beyond the size that it was held at is used to the full; one that stays there carries its share of what
that size carried in the beginning. Green needs its share of both together.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from bluegreen.contract import Tier
from bluegreen.domain.journal import SizeHeld, TargetGroupMade, TargetsHealthy, WeightsSet
from bluegreen.domain.plan import Plan, Step, StepKind, TierPlan
from bluegreen.domain.promotion import fleet_name
from bluegreen.domain.release import FULL
from bluegreen.domain.stack import Group
from bluegreen.engine.run import Run

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """Whether green can carry a share."""

    enough: bool
    words: str


def whole(run: Run, tier: Tier) -> int:
    """The instances that carry all of the tier's traffic, as green was built."""
    spec = run.plan.tier(tier).green
    made = run.find_result(TargetsHealthy, tier)
    return max(made.healthy if made else 0, spec.desired if spec else 1)


def least(run: Run, tier: Tier, percent: int) -> int:
    """The fewest healthy targets of green below which its share of the traffic is in danger."""
    part = run.policy.judge.least_healthy * percent / FULL
    return max(1, ceil(part * whole(run, tier) - _ROUNDING))


def least_of_blue(run: Run, tier: Tier, percent: int) -> int:
    """The healthy targets that blue needs beside a green of `percent`, as when it had all the traffic."""
    blue, held = run.plan.tier(tier).blue, run.find_result(SizeHeld, tier)
    size = held.size if held else blue.desired if blue else 0
    return max(1, ceil((FULL - percent) / FULL * size - _ROUNDING))


def ensure(run: Run, tier: Tier, percent: int) -> Capacity:
    """Whether green has the healthy targets for `percent`; it is grown where it is too small for that."""
    plan, name = run.plan.tier(tier), fleet_name(run.contract.stack, tier, run.plan.number)
    green = run.ports.fleets.group(name)
    needed = _needed(run, plan, green, percent)
    if green is not None and green.desired < needed:
        run.ports.fleets.resize(name, minimum=needed)
    health = run.ports.balancer.health(run.result(TargetGroupMade, tier).arn)
    words = f"{tier}: {health.healthy} healthy targets of the {needed} that {percent} % of the traffic needs"
    return Capacity(enough=health.healthy >= needed, words=f"{words} ({health})")


def _needed(run: Run, plan: TierPlan, green: Group | None, percent: int) -> int:
    size = whole(run, plan.tier)
    if plan.blue is None:
        return size
    moved = run.find_result(WeightsSet, plan.tier)
    share = (moved.green_percent if moved else 0) / FULL
    held = run.find_result(SizeHeld, plan.tier)
    blue = run.ports.fleets.group(plan.blue.group_name)
    work = _work(blue, held.size if held else plan.blue.desired, (1 - share) * size)
    work += _work(green, max(size, green.minimum if green else 0), share * size)
    needed = ceil(percent / FULL * work - _ROUNDING)
    return min(max(needed, 1), run.contract.tier(plan.tier).fleet.maximum)


def _work(group: Group | None, floor: int, share: float) -> float:
    """What a fleet carries, in instances."""
    return float(group.desired) if group is not None and group.desired > floor else share


def next_percent(plan: Plan, step: Step) -> int | None:
    """Green's share after the judge step `step`; None where it is the last."""
    later = plan.steps[plan.steps.index(step) + 1 :]
    return next((one.percent for one in later if one.kind is StepKind.WEIGHTS), None)
