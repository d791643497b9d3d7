"""An instance that boots is not sick."""

from __future__ import annotations

from bluegreen.contract import Tier
from bluegreen.domain.stack import Health
from bluegreen.engine.watch.life_stages import LifeStages
from tests.domain.stacks import CONTRACT

APP = CONTRACT.tier(Tier.APP)
BAD, GOOD = Health(unhealthy=1, unhealthy_ids=("i-1",)), Health(healthy=1, healthy_ids=("i-1",))


def test_it_has_its_budget_to_become_healthy() -> None:
    stages, budget = LifeStages(APP), APP.boot_budget_seconds
    assert stages.sick(BAD, 0.0) == stages.sick(BAD, budget - 1) == stages.sick(BAD, budget) == ()
    assert stages.sick(BAD, budget + 2) == ("i-1",)


def test_one_that_was_healthy_is_sick_at_the_second_look_in_a_row() -> None:
    stages = LifeStages(APP)
    looks = [stages.sick(health, at) for at, health in enumerate([GOOD, BAD, GOOD, BAD, BAD])]
    assert looks == [(), (), (), (), ("i-1",)]


def test_one_that_was_sick_before_needs_no_second_look() -> None:
    """The next step, or another deployer, continues from what the journal says."""
    assert LifeStages(APP, ("i-1",)).sick(BAD, 0.0) == ("i-1",)
    stages = LifeStages(APP, ("i-1",))
    assert [stages.sick(health, at) for at, health in enumerate([GOOD, BAD, BAD])] == [(), (), ("i-1",)]
