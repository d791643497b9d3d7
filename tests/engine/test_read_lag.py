"""What was created a moment ago and cannot be read yet is "not yet there", for every kind of resource."""

from __future__ import annotations

from bluegreen.domain.journal import Ending
from bluegreen.lab.faults import Effect, Fault, When
from tests.engine.test_guards import promoted
from tests.world import World
from tests.world.releasing import QUICK, loaded, release


def lagging(seconds: float = 10.0) -> World:
    world = World(policy=QUICK)
    world.clock.sleep(seconds + 1)  # the infrastructure is older than that
    world.cloud.world.conditions.set({"read_lag_seconds": seconds})
    return world


def test_releases_are_released_though_reads_lag_by_ten_seconds() -> None:
    """The first one creates the live rule, too."""
    world = loaded(lagging(), "v1.0.0")
    release(world, "v1.1.0")
    assert world.orphans() == []
    assert world.violations == []
    assert world.cloud.traffic.failed() == 0


def test_what_is_rolled_back_at_once_leaves_nothing_behind() -> None:
    """A thing that cannot be read yet is not one that is gone."""
    world = loaded(World(policy=QUICK), "v1.0.0")
    world.clock.sleep(11)  # what stands is older than that
    world.cloud.world.conditions.set({"read_lag_seconds": 10.0})
    world.faults.add(
        Fault(effect=Effect.ERROR, action="PutScalingPolicy", code="AccessDenied", status=403, times=0)
    )
    result = promoted(world)
    assert result.ending is Ending.ROLLED_BACK, world.story()
    assert world.orphans() == []
    assert world.weights() == {"app": {"v1.0.0": 100}}


def test_answers_that_were_lost_are_looked_for_until_they_can_be_read() -> None:
    world = loaded(lagging(), "v1.0.0")
    for action in ("CreateTargetGroup", "CreateRule", "CreateAutoScalingGroup"):
        world.faults.add(Fault(effect=Effect.DROP, action=action, when=When.AFTER, times=3))
    assert promoted(world).ending is Ending.RELEASED, world.story()
    assert world.orphans() == []
