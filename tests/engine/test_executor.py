"""Which error a run ends with when several steps fail at once, and what no signal interrupts."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from bluegreen.contract import Tier
from bluegreen.domain.journal import Decided, Ending, Entry, StageStarted, StepDone, StepStarted
from bluegreen.domain.plan import Step, StepKind
from bluegreen.engine.run import Done, Run
from bluegreen.engine.steps.handlers import HANDLERS
from bluegreen.errors import DeployError, Halted, LeaseLost, StepFailed
from bluegreen.lab.cloud.behaviour import Behaviour
from tests.world import LATENCY, World
from tests.world.releasing import QUICK, serving

FAILED, HALTED, LOST = StepFailed("bad"), Halted("a human decides"), LeaseLost("another has it")


def failing(monkeypatch: pytest.MonkeyPatch, errors: Mapping[Tier, DeployError]) -> World:
    """A first release whose tiers' health checks end in these errors."""

    def ends(_run: Run, step: Step) -> Done:
        assert step.tier is not None
        raise errors[step.tier]

    monkeypatch.setitem(HANDLERS, StepKind.HEALTHY, ends)  # type: ignore[arg-type]  # a dict behind Mapping
    return World(policy=QUICK, tiers=("app", "ai"))


@pytest.mark.parametrize("tiers", [(Tier.APP, Tier.AI), (Tier.AI, Tier.APP)])
def test_a_halt_beside_a_failure_halts(monkeypatch: pytest.MonkeyPatch, tiers: tuple[Tier, Tier]) -> None:
    world = failing(monkeypatch, dict(zip(tiers, (FAILED, HALTED), strict=True)))
    deployer = world.deployer()
    assert deployer.run(deployer.plan_promotion("v1.0.0")).ending is Ending.HALTED


def test_a_lost_lease_beside_a_halt_ends_the_process_there(monkeypatch: pytest.MonkeyPatch) -> None:
    world = failing(monkeypatch, {Tier.APP: HALTED, Tier.AI: LOST})
    deployer = world.deployer()
    with pytest.raises(LeaseLost):
        deployer.run(deployer.plan_promotion("v1.0.0"))


def test_every_step_is_journalled_as_begun_before_it_is_done() -> None:
    world = serving("v1.0.0")
    deployer = world.deployer()
    deployer.run(deployer.plan_promotion("v1.1.0"))
    begun: set[Step] = set()
    stages: list[str] = []
    for event in (entry.event for _, entry in world.entries):
        if isinstance(event, StageStarted):
            stages.append(event.stage)
        if isinstance(event, StepStarted):
            assert event.stage == stages[-1]
            begun.add(event.step)
        if isinstance(event, StepDone):
            assert event.step in begun
    assert begun


def test_a_signal_does_not_keep_traffic_from_going_back_to_blue() -> None:
    world = serving("v1.0.0")
    world.behaviours["v1.1.0"] = Behaviour(error_rate=0.3, latency=LATENCY)
    deployer = world.deployer()

    def stops(entry: Entry) -> None:
        if isinstance(entry.event, Decided):
            # Blue has lost an instance, so that it is looked at several times before it gets everything.
            group = world.ports().fleets.group("sc-sim-app-1")
            assert group is not None
            world.raw("ec2").terminate_instances(InstanceIds=[group.instances[0]])
            world.clock.sleep(1)
            deployer.interrupt()

    world.listeners.append(stops)
    result = deployer.run(deployer.plan_promotion("v1.1.0"))
    assert result.ending is Ending.INTERRUPTED, world.story()
    assert world.weights() == {"app": {"v1.0.0": 100}}
