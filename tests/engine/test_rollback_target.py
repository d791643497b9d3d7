"""Only a release that was once verified good is a target of a rollback."""

from __future__ import annotations

import pytest

from bluegreen.domain.journal import Ending
from bluegreen.errors import Refused
from bluegreen.lab.cloud.behaviour import Behaviour
from tests.world import World
from tests.world.releasing import release, serving


@pytest.fixture
def world() -> World:
    """v1.0.0, then v1.1.0 which never became healthy, then v1.2.0."""
    made = serving("v1.0.0")
    made.behaviours["v1.1.0"] = Behaviour(healthy=False)
    deployer = made.deployer()
    assert deployer.run(deployer.plan_promotion("v1.1.0")).ending is Ending.ROLLED_BACK, made.story()
    release(made, "v1.2.0")
    return made


def test_the_newest_release_that_failed_is_passed_over(world: World) -> None:
    plan = world.deployer().plan_rollback()
    assert plan.release is not None
    assert plan.release.version == "v1.0.0"


def test_a_release_that_failed_is_refused_by_name(world: World) -> None:
    with pytest.raises(Refused) as caught:
        world.deployer().plan_rollback(to="v1.1.0")
    assert "v1.0.0" in caught.value.next_step
    assert "v1.1.0" not in caught.value.next_step
