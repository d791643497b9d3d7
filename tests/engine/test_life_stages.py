"""An instance that boots is not sick."""

from __future__ import annotations

from bluegreen.contract import Tier
from bluegreen.domain.release import Color
from bluegreen.domain.stack import Health, HostLost, SickTargets
from bluegreen.engine.watch.life_stages import LifeStages
from tests.domain.stacks import CONTRACT

APP = CONTRACT.tier(Tier.APP)
SICK = SickTargets(ids=("i-1",), left=0, needed=1)
BAD, GOOD = Health(unhealthy=1, unhealthy_ids=("i-1",)), Health(healthy=1, healthy_ids=("i-1",))


def test_it_has_its_budget_to_become_healthy() -> None:
    stages, budget = LifeStages(APP), APP.boot_budget_seconds
    assert stages.sick(BAD, 0.0) == stages.sick(BAD, budget - 1) == stages.sick(BAD, budget) is None
    assert stages.sick(BAD, budget + 2) == SICK


def test_one_that_was_healthy_is_sick_at_the_second_look_in_a_row() -> None:
    stages = LifeStages(APP)
    looks = [stages.sick(health, at) for at, health in enumerate([GOOD, BAD, GOOD, BAD, BAD])]
    assert looks == [None, None, None, None, SICK]


def test_one_that_was_sick_before_needs_no_second_look() -> None:
    """The next step, or another deployer, continues from what the journal says."""
    assert LifeStages(APP, ("i-1",)).sick(BAD, 0.0) == SICK
    stages = LifeStages(APP, ("i-1",))
    assert [stages.sick(health, at) for at, health in enumerate([GOOD, BAD, BAD])] == [None, None, SICK]


def fleet(healthy: str, unhealthy: str = "") -> Health:
    """Targets i-1, i-2 ... by number."""
    well, bad = (tuple(f"i-{one}" for one in names) for names in (healthy, unhealthy))
    return Health(healthy=len(well), unhealthy=len(bad), healthy_ids=well, unhealthy_ids=bad)


def test_one_that_is_lost_of_several_is_no_fault_of_the_release() -> None:
    stages = LifeStages(APP, needed=2)
    looks = [stages.sick(fleet("1234"), 0), *(stages.sick(fleet("123", "4"), at) for at in (1.0, 2.0))]
    assert looks[-1] == SickTargets(ids=("i-4",), left=3, needed=2)
    assert looks[-1].enough


def test_those_that_fall_one_after_the_other_add_up_although_each_is_replaced() -> None:
    stages = LifeStages(APP, needed=2)
    found = []
    for healthy, sick in (("1234", ""), ("123", "4"), ("1235", ""), ("125", "3"), ("1256", ""), ("156", "2")):
        found = [stages.sick(fleet(healthy, sick), at) for at in (1.0, 2.0)]
    assert found[-1] == SickTargets(ids=("i-2",), left=1, needed=2)


def test_a_healthy_target_that_is_no_more_is_lost_once() -> None:
    """It may have died any time since it was last seen well, or a little before, and requests hang on."""
    stages, check = LifeStages(APP, arm=Color.BLUE), APP.health_check
    assert list(stages.lost({}, fleet("12"), 0.0)) == []
    unnoticed = check.interval_seconds * check.unhealthy_threshold + check.timeout_seconds
    lost = HostLost(tier=Tier.APP, arm=Color.BLUE, target="i-1", of=2, since=3.0 - unnoticed, until=65.0)
    assert list(stages.lost({"i-1": 3.0, "i-2": 0.0}, fleet("2", "1"), 5.0)) == [lost]
    assert list(stages.lost({"i-2": 5.0}, fleet("2", "1"), 10.0)) == []
