"""A deployment that another version of sc-deploy wrote: seen, never continued, no obstacle to a rollback."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bluegreen.adapters.aws.state.items import deployment_key
from bluegreen.contract import Tier
from bluegreen.domain.journal import SCHEMA, Ending
from bluegreen.domain.plan import Intent, StepKind
from bluegreen.engine.status import look
from bluegreen.errors import Refused
from tests.engine.test_ways_back import release, serving
from tests.world import World
from tests.world.releasing import QUICK
from tools.replaying import ReplayedDeployer

OTHER = rf"deployment #2 was written by another version .* \(journal schema 7, this one reads {SCHEMA}\)"
KEPT = QUICK + '\n[stacks.sim.retire]\nkeep_blue = "until-next"\n'


def of_another_version(world: World, number: int) -> None:
    client, key = world.raw("dynamodb"), deployment_key("sim", number)
    item = client.get_item(TableName=world.contract.state_table, Key=key)["Item"]
    client.put_item(TableName=world.contract.state_table, Item=item | {"schema": {"N": "7"}})


def unfinished() -> World:
    world = serving("v1.0.0")
    deployer = world.deployer()
    world.after_first(StepKind.WEIGHTS, deployer.interrupt)
    assert deployer.run(deployer.plan_promotion("v1.1.0")).ending is Ending.INTERRUPTED
    of_another_version(world, 2)
    return world


@pytest.mark.parametrize(
    "verb",
    [
        ReplayedDeployer.resume,
        ReplayedDeployer.abort,
        lambda deployer: deployer.abort(down=True),
        ReplayedDeployer.plan_rollback,
    ],
    ids=["resume", "abort", "abort with its migration", "rollback"],
)
def test_it_is_not_continued(verb: Callable[[ReplayedDeployer], object]) -> None:
    world = unfinished()
    before = world.weights()
    with pytest.raises(Refused, match=OTHER) as caught:
        verb(world.deployer())
    assert caught.value.next_step
    assert world.weights() == before
    assert world.ports().lease.holder() is None


def test_a_living_deployer_of_another_version_is_not_asked_to_stop() -> None:
    world = unfinished()
    lease = world.ports().lease
    held = lease.acquire(owner="other", why="promotion", deployment=2, ttl=90, now=world.clock.now())
    with pytest.raises(Refused, match=OTHER):
        world.deployer().abort(2)
    assert lease.holder() == held


def test_it_is_listed_and_shown() -> None:
    world = unfinished()
    assert [(one.number, one.schema) for one in world.deployer().history(5)] == [(2, 7), (1, SCHEMA)]
    world.clock.sleep(60)  # nobody holds the lease any more: its journal is looked into for the watchdogs
    status = look(world.contract, world.ports())
    assert status.open
    assert status.open.number == 2


def test_a_rollback_from_it_to_a_kept_blue_stays_possible() -> None:
    world = serving("v1.0.0", policy=KEPT)
    release(world, "v1.1.0")
    of_another_version(world, 2)
    deployer = world.deployer()
    plan = deployer.plan_rollback()
    assert plan.intent is Intent.ROLLBACK
    assert deployer.run(plan).ending is Ending.ROLLED_BACK, world.story()
    assert world.weights() == {Tier.APP: {"v1.0.0": 100}}
