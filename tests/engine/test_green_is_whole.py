"""Green is whole before it carries users, and both fleets keep the size that they carry."""

from __future__ import annotations

import json

import pytest

from bluegreen.contract import Tag
from bluegreen.domain.journal import Ending, Entry, StepDone, StepStarted, WeightsSet
from bluegreen.domain.plan import StepKind
from bluegreen.lab.cloud.behaviour import Behaviour
from bluegreen.lab.cloud.instances import Instance
from bluegreen.ports import Answer
from tests.engine.test_guards import fleets, promoted
from tests.world import LATENCY, RoutedProber, World
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
        return Behaviour(healthy=not sick, latency=LATENCY)


def test_a_green_that_is_half_healthy_is_not_healthy() -> None:
    world = loaded(OneSick(policy=QUICK), "v1.0.0")
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


def healthy_at_each_shift(world: World) -> list[tuple[int, int]]:
    """(green's share, its healthy targets) whenever a weight is set, as the run continues."""
    found: list[tuple[int, int]] = []

    def listen(entry: Entry) -> None:
        event = entry.event
        result = event.result if isinstance(event, StepDone) else None
        if isinstance(result, WeightsSet) and result.green_percent:
            target = fleets(world)["v1.1.0"].target_group
            assert target is not None
            found.append((result.green_percent, world.ports().balancer.health(target.arn).healthy))

    world.listeners.append(listen)
    return found


def grow_blue(world: World) -> None:
    world.raw("autoscaling").set_desired_capacity(AutoScalingGroupName="sc-sim-app-1", DesiredCapacity=4)


def end_green(world: World, count: int) -> None:
    """EC2 terminates so many instances of green."""
    group = fleets(world)["v1.1.0"].group
    assert group is not None
    world.raw("ec2").terminate_instances(InstanceIds=list(group.instances[:count]))


def test_a_green_that_has_lost_an_instance_gets_no_more_than_the_others_can_carry() -> None:
    world = serving("v1.0.0")
    seen = healthy_at_each_shift(world)

    def loses_one() -> None:
        world.cloud.world.conditions.set({"boot_extra_seconds": 8.0})
        end_green(world, 1)

    world.after_first(StepKind.WATCHDOG, loses_one)
    assert promoted(world).ending is Ending.RELEASED, world.story()
    assert seen == [(50, 1), (100, 2)]
    assert world.cloud.traffic.failed() == 0


def test_a_green_that_cannot_grow_with_blue_is_paused_and_not_blamed() -> None:
    world = serving("v1.0.0")

    def grows_alone() -> None:
        grow_blue(world)
        world.cloud.world.conditions.set({"full_zones": ["*"]})

    world.after_first(StepKind.WEIGHTS, grows_alone)
    result = promoted(world)
    assert result.ending is Ending.HALTED, world.story()
    assert "app: 2 healthy targets of the 4 that 100 % of the traffic needs" in result.words
    assert world.weights() == {"app": {"v1.0.0": 50, "v1.1.0": 50}}


def test_a_green_that_is_lost_before_any_user_is_on_it_is_removed() -> None:
    world = serving("v1.0.0")

    def loses_all() -> None:
        world.cloud.world.conditions.set({"full_zones": ["*"]})
        end_green(world, 2)

    world.after_first(StepKind.WATCHDOG, loses_all)
    assert promoted(world).ending is Ending.ROLLED_BACK, world.story()
    assert shifts(world) == []


def test_green_grows_with_a_blue_that_grew_during_the_ramp() -> None:
    world = serving("v1.0.0")
    seen = healthy_at_each_shift(world)
    world.after_first(StepKind.WEIGHTS, lambda: grow_blue(world))
    assert promoted(world).ending is Ending.RELEASED, world.story()
    assert seen == [(50, 2), (100, 4)]


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
