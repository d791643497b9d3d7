"""A release from start to end on the simulated cloud (P9, P4, P5, R3, R6)."""

from __future__ import annotations

from bluegreen.domain.journal import Ending, ShareWatched, StageStarted, StepDone, WeightsSet
from bluegreen.errors import ExitCode
from bluegreen.lab.cloud.behaviour import Behaviour
from tests.world import LATENCY, World


def deployed(world: World, version: str = "v1.0.0") -> None:
    deployer = world.deployer()
    result = deployer.run(deployer.plan_promotion(version))
    assert result.ending is Ending.RELEASED, f"{result}\n{world.story()}"
    world.entries.clear()


def test_first_deployment_goes_to_an_empty_stack() -> None:
    world = World()
    deployed(world)
    assert world.weights() == {"app": {"v1.0.0": 100}}
    assert world.orphans() == []
    assert world.violations == []


def test_promotion_over_a_live_blue_loses_no_request() -> None:
    world = World()
    deployed(world)
    world.load()
    world.clock.sleep(5)
    deployer = world.deployer()
    result = deployer.run(deployer.plan_promotion("v1.1.0"))
    assert result.exit_code is ExitCode.RELEASED, f"{result}\n{world.story()}"
    assert world.weights() == {"app": {"v1.1.0": 100}}
    assert world.cloud.traffic.failed() == 0
    assert world.orphans() == []
    assert world.violations == []
    events = [entry.event for _, entry in world.entries]
    begun = [event.percent for event in events if isinstance(event, StageStarted) and event.percent]
    assert begun == [10, 10, 50, 50, 100, 100], "each share is set, then judged"
    assert [event.percent for event in events if isinstance(event, ShareWatched)] == [10, 50, 100]
    results = [event.result for event in events if isinstance(event, StepDone)]
    assert [one.green_percent for one in results if isinstance(one, WeightsSet)] == [10, 50, 100]


def test_bad_release_is_rolled_back_by_itself() -> None:
    world = World()
    deployed(world)
    world.behaviours["v1.2.0"] = Behaviour(error_rate=0.02, latency=LATENCY)
    world.load(400)
    world.clock.sleep(5)
    deployer = world.deployer()
    result = deployer.run(deployer.plan_promotion("v1.2.0"))
    assert result.exit_code is ExitCode.ROLLED_BACK, f"{result}\n{world.story()}"
    assert world.weights() == {"app": {"v1.0.0": 100}}
    assert world.orphans() == []
    assert world.violations == []
