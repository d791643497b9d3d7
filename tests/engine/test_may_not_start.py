"""The before-checklist (C1): what keeps a release from starting, and not a rollback."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from bluegreen.contract import DatabaseContract
from bluegreen.domain.journal import Ending
from bluegreen.engine.checks.doctor import examine
from bluegreen.engine.checks.preflight import environment_faults
from bluegreen.errors import ExitCode, Refused
from bluegreen.lab.cloud.behaviour import Behaviour
from bluegreen.policy import Freeze
from tests.world import World
from tests.world.releasing import QUICK, serving


def with_tier(world: World, **more: Any) -> None:
    tiers = tuple(tier.model_copy(update=more) for tier in world.contract.tiers)
    world.contract = world.contract.model_copy(update={"tiers": tiers})


def fires(world: World) -> None:
    cloudwatch = world.raw("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="sportcoach/sim/5xx",
        Namespace="n",
        MetricName="m",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        Statistic="Sum",
    )
    cloudwatch.set_alarm_state(AlarmName="sportcoach/sim/5xx", StateValue="ALARM", StateReason="too many")


def freezes(world: World, *, start: float = -60, end: float = 600) -> None:
    """A freeze from `start` to `end`, in seconds from now."""

    def at(seconds: float) -> str:
        return datetime.fromtimestamp(round(world.clock.now()) + seconds, UTC).isoformat()

    freeze = Freeze(start=at(start), end=at(end), reason="sale")
    world.policy = world.policy.model_copy(update={"freeze": (freeze,)})


def lacks_parameter(world: World) -> None:
    with_tier(world, required_parameters=("/sportcoach/sim/url", "/sportcoach/sim/model"))


def lacks_secret(world: World) -> None:
    with_tier(world, required_secrets=("sim/database",))


def falls_ill(world: World) -> None:
    world.behaviours["v1.0.0"] = Behaviour(healthy=False)
    world.clock.sleep(30)


WRONG: Mapping[str, tuple[Callable[[World], None], str]] = {
    "alarm": (fires, "alarm"),
    "freeze": (freezes, "freeze"),
    "parameter": (lacks_parameter, "/sportcoach/sim/url"),
    "secret": (lacks_secret, "sim/database"),
    "blue": (falls_ill, "app: blue"),
}


@pytest.mark.parametrize("what", WRONG)
def test_it_is_refused_with_nothing_changed(what: str) -> None:
    world = serving("v1.0.0")
    spoil, where = WRONG[what]
    spoil(world)
    groups = world.ports().balancer.target_groups()
    deployer = world.deployer()
    with pytest.raises(Refused) as caught:
        deployer.run(deployer.plan_promotion("v1.1.0"))
    assert caught.value.exit_code is ExitCode.REFUSED
    (fault,) = caught.value.faults
    assert fault.where.startswith(where)
    assert world.ports().balancer.target_groups() == groups
    assert deployer.history(1)[0].ending is Ending.ABORTED, "the next release is not held up by this one"


@pytest.mark.parametrize(("start", "end", "frozen"), [(5, 600, False), (-600, 0, False), (0, 600, True)])
def test_a_freeze_holds_from_its_start_up_to_its_end(start: float, end: float, *, frozen: bool) -> None:
    world = serving("v1.0.0")
    world.clock.sleep(round(world.clock.now()) + 1 - world.clock.now())
    freezes(world, start=start, end=end)
    deployer = world.deployer()
    plan = deployer.plan_promotion("v1.1.0")
    if frozen:
        with pytest.raises(Refused):
            deployer.run(plan)
    else:
        assert deployer.run(plan).ending is Ending.RELEASED, world.story()


@pytest.mark.parametrize("what", ["alarm", "freeze"])
def test_a_rollback_is_held_up_by_neither_alarm_nor_freeze(what: str) -> None:
    world = serving("v1.0.0", "v1.1.0")
    WRONG[what][0](world)
    deployer = world.deployer()
    result = deployer.run(deployer.plan_rollback())
    assert result.exit_code is ExitCode.RELEASED, world.story()
    assert world.weights() == {"app": {"v1.0.0": 100}}


def test_a_listener_that_is_gone_is_a_fault() -> None:
    world = World()
    assert list(environment_faults(world.contract, world.ports())) == []
    world.raw("elbv2").delete_listener(ListenerArn=world.contract.listener_arn)
    (fault,) = environment_faults(world.contract, world.ports())
    assert fault.where == world.contract.listener_arn


@pytest.mark.parametrize(("vcpus", "enough"), [(0, True), (2, True), (200, False)])
def test_green_must_fit_the_quota_of_vcpus(vcpus: int, *, enough: bool) -> None:
    """The simulated account may run 256, and a release needs them beside what blue runs."""
    world = serving("v1.0.0")
    with_tier(world, vcpus=vcpus)
    deployer = world.deployer()
    plan = deployer.plan_promotion("v1.1.0")
    green = plan.tiers[0].green
    assert green is not None
    (row,) = [one for one in examine(world.contract, world.policy, world.ports()) if one.name == "vCPUs"]
    if enough:
        assert deployer.run(plan).exit_code is ExitCode.RELEASED
        assert row.ok is (True if vcpus else None)
        return
    with pytest.raises(Refused) as caught:
        deployer.run(plan)
    (fault,) = caught.value.faults
    assert f"green needs {green.desired * vcpus} vCPUs" in fault.problem
    assert row.ok is False
    assert "L-1216C47A" in row.next_step


def test_a_full_load_balancer_is_refused_unless_what_is_cleared_first_makes_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = serving("v1.0.0")
    monkeypatch.setattr(type(world.ports().balancer), "room", lambda _: {"rules": 0, "target-groups": 5})
    deployer = world.deployer()
    with pytest.raises(Refused) as caught:
        deployer.run(deployer.plan_promotion("v1.1.0"))
    assert ["rules" in fault.where for fault in caught.value.faults] == [True]


def test_a_snapshot_of_an_earlier_life_of_the_stack_is_found_before_anything_begins() -> None:
    """The migration would have run behind a backup of another year."""
    migrating = QUICK.replace("snapshot = false", "snapshot = true")
    migrating += '[migration]\ncommand = "sportcoach-run {image} -- migrate"\n'
    world = World(policy=migrating)
    world.contract = world.contract.model_copy(update={"database": DatabaseContract(identifier="sim-db")})
    rds = world.raw("rds")
    rds.create_db_instance(DBInstanceIdentifier="sim-db", DBInstanceClass="db.m5.large", Engine="postgres")
    world.clock.sleep(600)
    rds.create_db_snapshot(DBInstanceIdentifier="sim-db", DBSnapshotIdentifier="sc-sim-before-1")
    deployer = world.deployer()
    with pytest.raises(Refused) as caught:
        deployer.run(deployer.plan_promotion("v1.0.0"))
    (fault,) = caught.value.faults
    assert "DB snapshot sc-sim-before-1: exists, made at 20" in str(fault)
    assert "delete-db-snapshot" in str(fault)
    assert world.weights() == {"app": {}}
