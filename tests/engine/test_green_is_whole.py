"""Green is whole before it carries users, and both fleets keep the size that they carry."""

from __future__ import annotations

import json

import pytest

from bluegreen.contract import Tag
from bluegreen.domain.journal import Ending, StepDone, StepStarted, WeightsSet
from bluegreen.domain.plan import StepKind
from bluegreen.lab.cloud.behaviour import Behaviour
from bluegreen.lab.cloud.instances import Instance
from bluegreen.ports import Answer
from tests.engine.test_guards import fleets, promoted
from tests.world import COARSE, RoutedProber, World
from tests.world.releasing import QUICK, loaded, serving


def shifts(world: World) -> list[int]:
    """Green's shares that were set."""
    events = [entry.event for _, entry in world.entries]
    done = [event.result for event in events if isinstance(event, StepDone)]
    return [one.green_percent for one in done if isinstance(one, WeightsSet) and one.green_percent]


class OneSick(World):
    """Of v1.1.0 the instances in one subnet pass no health check."""

    def _behaviour(self, instance: Instance) -> Behaviour:
        sick = instance.tags.get(Tag.RELEASE) == "v1.1.0" and instance.subnet_id == "subnet-a"
        return Behaviour(healthy=not sick, latency=COARSE)


def test_a_green_that_is_half_healthy_is_not_healthy() -> None:
    world = loaded(OneSick(policy=QUICK, latency=COARSE), "v1.0.0")
    result = promoted(world)
    assert result.ending is Ending.ROLLED_BACK, world.story()
    assert "1 of 2 healthy (1 healthy; 1 booting" in result.words
    assert "was abandoned: Heartbeat Timeout" in result.words
    kinds = {entry.event.step.kind for _, entry in world.entries if isinstance(entry.event, StepStarted)}
    assert StepKind.HEALTHY in kinds
    assert StepKind.VERSION not in kinds, "nothing was asked of it"


def test_every_target_must_show_its_version_and_not_one_of_them_many_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = serving("v1.0.0")
    body = json.dumps({"version": "v1.1.0", "instance": "i-1"})
    monkeypatch.setattr(RoutedProber, "send", lambda *_: Answer(status=200, body=body))
    assert promoted(world).ending is Ending.ROLLED_BACK, world.story()
    assert shifts(world) == []


def test_no_weight_goes_to_a_green_that_has_lost_an_instance_since_it_was_healthy() -> None:
    world = serving("v1.0.0")

    def loses_one() -> None:
        group = fleets(world)["v1.1.0"].group
        assert group is not None
        world.raw("ec2").terminate_instances(InstanceIds=[group.instances[0]])
        world.clock.sleep(1)

    world.after_first(StepKind.WATCHDOG, loses_one)
    result = promoted(world)
    assert result.ending is Ending.ROLLED_BACK, world.story()
    assert shifts(world) == []
    assert world.cloud.traffic.failed() == 0


def test_green_grows_with_a_blue_that_grew_while_it_was_built() -> None:
    world = serving("v1.0.0")

    def grows() -> None:
        name = "sc-sim-app-1"
        world.raw("autoscaling").set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=4)

    world.after_first(StepKind.FLEET, grows)
    sizes: list[int] = []

    def looks() -> None:
        group = fleets(world)["v1.1.0"].group
        assert group is not None
        sizes.append(group.in_service)

    world.after_first(StepKind.HEALTHY, looks)
    assert promoted(world).ending is Ending.RELEASED, world.story()
    assert sizes == [4]


def test_while_green_is_judged_blue_cannot_be_scaled_in() -> None:
    world = serving("v1.0.0")
    seen: list[tuple[int, int]] = []

    def looks() -> None:
        group = fleets(world)["v1.0.0"].group
        assert group is not None
        seen.append((group.minimum, group.desired))

    world.after_first(StepKind.WATCHDOG, looks)
    assert promoted(world).ending is Ending.RELEASED, world.story()
    assert seen == [(2, 2)], "the contract's minimum is 1"
    after = fleets(world)["v1.1.0"].group
    assert after is not None
    assert (after.minimum, after.maximum) == (1, 4), "and green scales freely afterwards"


def test_the_fleet_that_serves_is_the_one_with_the_colour_blue() -> None:
    world = serving("v1.0.0")
    colours: list[str] = []

    def looks() -> None:
        colours.append(fleets(world)["v1.1.0"].color)

    world.after_first(StepKind.HEALTHY, looks)
    assert promoted(world).ending is Ending.RELEASED, world.story()
    (fleet,) = fleets(world).values()
    assert (colours, fleet.color) == (["green"], "blue")
    assert fleet.group is not None
    assert fleet.group.tags[Tag.COLOR] == "blue"
