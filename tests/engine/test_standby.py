"""Warm standby instances are never scaled in (E4)."""

from __future__ import annotations

import pytest

from bluegreen.contract import FleetSize
from bluegreen.engine.steps.build import lowest
from tests.world import World
from tests.world.releasing import QUICK, release


def bounds(world: World) -> list[tuple[int, int]]:
    """Minimum and maximum of every Auto Scaling Group."""
    answer = world.raw("autoscaling").describe_auto_scaling_groups()
    return [(one["MinSize"], one["MaxSize"]) for one in answer["AutoScalingGroups"]]


@pytest.mark.parametrize(("standby", "minimum"), [(0, 1), (1, 2), (2, 3)])
def test_a_released_fleet_is_scaled_in_down_to_its_standby_and_one_primary(
    standby: int, minimum: int
) -> None:
    world = World(policy=QUICK)
    size = FleetSize(minimum=1, desired=3, maximum=4, standby=standby)
    tiers = tuple(tier.model_copy(update={"fleet": size}) for tier in world.contract.tiers)
    world.contract = world.contract.model_copy(update={"tiers": tiers})
    release(world, "v1.0.0")
    assert bounds(world) == [(minimum, 4)]


@pytest.mark.parametrize(
    ("minimum", "standby", "floor"), [(1, 0, 1), (3, 1, 3), (2, 3, 4), (4, 3, 4)], ids=str
)
def test_the_greater_of_minimum_and_standby_counts(minimum: int, standby: int, floor: int) -> None:
    assert lowest(FleetSize(minimum=minimum, desired=4, maximum=5, standby=standby)) == floor
