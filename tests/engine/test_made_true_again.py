"""What a process that takes over makes true again: its predecessor's world has moved on meanwhile."""

from __future__ import annotations

from bluegreen.domain.journal import Ending, StepStarted
from bluegreen.domain.plan import Step, StepKind
from tests.world import World
from tests.world.releasing import died_at_half, serving

AGAIN = [(StepKind.HEALTHY, None), (StepKind.WATCHDOG, None), (StepKind.WEIGHTS, 50)]


def begun_again(world: World) -> list[Step]:
    """The steps that the resuming process began, up to the judge."""
    world.entries.clear()
    deployer = world.deployer("other@host:2")
    assert deployer.resume().ending is Ending.RELEASED, world.story()
    events = (entry.event for _, entry in world.entries)
    steps = [event.step for event in events if isinstance(event, StepStarted)]
    return steps[: next(n for n, step in enumerate(steps) if step.kind is StepKind.JUDGE)]


def test_health_watchdog_and_the_last_weight_and_nothing_that_was_built() -> None:
    world = serving("v1.0.0")
    died_at_half(world)
    world.clock.sleep(40)
    assert [(step.kind, step.percent) for step in begun_again(world)] == AGAIN
    assert world.weights() == {"app": {"v1.1.0": 100}}
    assert world.cloud.traffic.failed() == 0


def test_a_weight_that_was_set_and_put_back_by_the_watchdog_is_set_again() -> None:
    world = serving("v1.0.0")
    deployer = world.deployer()
    world.after_first(StepKind.WEIGHTS, deployer.interrupt)
    assert deployer.run(deployer.plan_promotion("v1.1.0")).ending is Ending.INTERRUPTED
    world.clock.sleep(70)
    assert world.weights() == {"app": {"v1.0.0": 100}}
    assert [(step.kind, step.percent) for step in begun_again(world)] == AGAIN
