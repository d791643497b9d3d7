"""The deployer dies after every single change it makes; another one resumes and the run ends as planned."""

from __future__ import annotations

import pytest

from bluegreen.domain.journal import Ending
from bluegreen.errors import Refused
from bluegreen.lab.faults import Crashed
from tests.world import World
from tests.world.points import Point, points_of_promotion, prepared, promote


def resumed(world: World, attempt: int) -> None:
    """Another machine takes over, once the lease of the dead one has run out."""
    deployer = world.deployer(f"second@host:{attempt}")
    unfinished = next((h for h in deployer.history(5) if h.ending.open), None)
    if unfinished is None:
        newest = deployer.history(1)[0]
        if newest.version != "v1.2.0":
            promote(world, "second@host:2")
        return
    deployer.resume()


def died_and_resumed(point: Point, *, bad: bool) -> World:
    world = prepared(bad=bad)
    world.faults.add(point.death)
    with pytest.raises(Crashed):
        promote(world)
    world.faults.clear()
    # Every other time the watchdog has put blue back before somebody resumes.
    world.clock.sleep(5 if point.index % 2 else 15)
    try:
        resumed(world, point.index)
    except Refused as error:
        raise AssertionError(f"{error}\n{world.story()}") from error
    return world


def ended(world: World, ending: Ending, version: str) -> None:
    """The newest deployment ended so, `version` has all traffic, and nothing is left over."""
    assert world.deployer().history(1)[0].ending is ending, world.story()
    assert world.weights() == {"app": {version: 100}}
    assert world.orphans() == []
    assert world.violations == []


@pytest.mark.parametrize("bad", [False, True], ids=["good", "bad"])
def test_the_points_are_those_of_a_whole_run(*, bad: bool) -> None:
    world = prepared(bad=bad)
    promote(world)
    ended(world, Ending.ROLLED_BACK if bad else Ending.RELEASED, "v1.0.0" if bad else "v1.2.0")
    points = points_of_promotion(bad=bad)
    assert len(points) > 40
    assert points[-1].during.startswith("run-ended"), points[-1]


@pytest.mark.parametrize("point", points_of_promotion(bad=False), ids=str)
def test_a_good_release_is_released_wherever_the_deployer_dies(point: Point) -> None:
    world = died_and_resumed(point, bad=False)
    ended(world, Ending.RELEASED, "v1.2.0")
    assert world.cloud.traffic.failed() == 0


@pytest.mark.parametrize("point", points_of_promotion(bad=True), ids=str)
def test_a_bad_release_is_rolled_back_wherever_the_deployer_dies(point: Point) -> None:
    ended(died_and_resumed(point, bad=True), Ending.ROLLED_BACK, "v1.0.0")
