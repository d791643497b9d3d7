"""A guard for the good day does not bar the way out of a bad one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bluegreen.contract import Tier
from bluegreen.domain.journal import Ending
from bluegreen.domain.plan import Plan, StepKind
from bluegreen.engine.checks.preflight import GUARDS
from bluegreen.errors import Refused
from bluegreen.lab.cloud.behaviour import Behaviour
from tests.engine.test_may_not_start import fires, freezes, lacks_parameter
from tests.world import World
from tests.world.releasing import QUICK, loaded, serving

Trouble = Callable[[World], None]
KEPT = QUICK.replace("[retire]\n", '[retire]\nkeep_blue = "until-next"\n')


def falls_ill(world: World) -> None:
    """No target of what serves is healthy any more."""
    world.behaviours["v1.1.0"] = Behaviour(healthy=False)
    world.clock.sleep(60)


def is_deleted(world: World) -> None:
    """Somebody has deleted the live fleet in the console."""
    for tier in world.deployer().observe().tiers:
        assert tier.live
        assert tier.live.group
        world.raw("autoscaling").delete_auto_scaling_group(
            AutoScalingGroupName=tier.live.group.name, ForceDelete=True
        )
    world.clock.sleep(60)


def loses_everything(world: World) -> None:
    """Rules, target groups and fleets: whatever a hand can delete."""
    is_deleted(world)
    elb = world.raw("elbv2")
    for tier in world.deployer().observe().tiers:
        for rule in (*([tier.rule] if tier.rule else []), *tier.previews):
            elb.delete_rule(RuleArn=rule.arn)
        for fleet in tier.fleets:
            assert fleet.target_group
            elb.delete_target_group(TargetGroupArn=fleet.target_group.arn)


def goes_well(world: World, plan: Plan) -> None:
    result = world.deployer().run(plan)
    assert result.ending in {Ending.RELEASED, Ending.ROLLED_BACK}, f"{result.words}\n{world.story()}"
    assert int(result.exit_code) == 0
    assert world.orphans() == []


@pytest.mark.parametrize("wrong", [falls_ill, is_deleted, loses_everything])
def test_a_rollback_asks_nothing_of_what_it_leaves(wrong: Trouble) -> None:
    """Where every fleet is gone, and nobody said that it was bad, the newest good one is built again."""
    world = serving("v1.0.0", "v1.1.0")
    wrong(world)
    fires(world)
    freezes(world)
    goes_well(world, world.deployer().plan_rollback())
    back = "v1.0.0" if wrong is falls_ill else "v1.1.0"
    assert world.weights() == {"app": {back: 100}}


@pytest.mark.parametrize("wrong", [falls_ill, is_deleted])
def test_a_kept_blue_serves_at_once(wrong: Trouble) -> None:
    world = loaded(World(policy=KEPT, tiers=("app",)), "v1.0.0", "v1.1.0")
    wrong(world)
    plan = world.deployer().plan_rollback()
    assert not plan.has(StepKind.FLEET)
    goes_well(world, plan)
    assert world.weights() == {"app": {"v1.0.0": 100}}


def test_a_total_outage_of_all_tiers_ends_with_one_command() -> None:
    """The AI tier was released alone since: each tier gets what it ran."""
    world = serving("v1.0.0", tiers=("app", "ai"))
    deployer = world.deployer()
    assert deployer.run(deployer.plan_promotion("v1.1.0", tiers=[Tier.AI])).ending is Ending.RELEASED
    loses_everything(world)
    goes_well(world, world.deployer().plan_rollback())
    assert world.weights() == {"app": {"v1.0.0": 100}, "ai": {"v1.1.0": 100}}


def test_where_nothing_was_ever_released_there_is_nothing_to_return_to() -> None:
    with pytest.raises(Refused, match="nothing is live"):
        World(policy=QUICK, tiers=("app",)).deployer().plan_rollback()


@pytest.mark.parametrize("wrong", [falls_ill, is_deleted, fires, freezes])
def test_a_promotion_may_be_told_to_go_on(wrong: Trouble) -> None:
    world = serving("v1.0.0", "v1.1.0")
    wrong(world)
    deployer = world.deployer()
    with pytest.raises(Refused, match="may not start") as caught:
        deployer.run(deployer.plan_promotion("v1.2.0"))
    assert '`--despite "why"`' in caught.value.next_step
    plan = world.deployer().plan_promotion("v1.2.0", despite="v1.1.0 crashes")
    no_ramp = wrong in (falls_ill, is_deleted)
    shares = [step.percent for step in plan.steps if step.kind is StepKind.WEIGHTS]
    assert shares == ([100] if no_ramp else [50, 100])
    assert plan.has(StepKind.WATCHDOG) is not no_ramp
    assert any("despite preflight checks that do not hold: v1.1.0 crashes" in note for note in plan.notes)
    goes_well(world, plan)
    assert world.weights() == {"app": {"v1.2.0": 100}}
    header = world.deployer().history(1)[0]
    assert "v1.1.0 crashes" in header.reason
    assert "despite: v1.1.0 crashes" in world.story()


def test_a_sick_tier_beside_a_well_one() -> None:
    world = serving("v1.0.0", "v1.1.0", tiers=("web", "app"))
    groups = {tier.tier: tier.live for tier in world.deployer().observe().tiers}
    app = groups[Tier.APP]
    assert app
    assert app.group
    world.raw("autoscaling").delete_auto_scaling_group(AutoScalingGroupName=app.group.name, ForceDelete=True)
    world.clock.sleep(60)
    goes_well(world, world.deployer().plan_promotion("v1.2.0", despite="app is gone"))
    assert world.weights() == {"web": {"v1.2.0": 100}, "app": {"v1.2.0": 100}}


def test_what_comes_must_stand_whoever_insists() -> None:
    """A parameter that the release reads does not exist: no `--despite` makes up for it."""
    world = serving("v1.0.0")
    lacks_parameter(world)
    fires(world)
    deployer = world.deployer()
    with pytest.raises(Refused) as caught:
        deployer.run(deployer.plan_promotion("v1.1.0", despite="in a hurry"))
    assert "/sportcoach/sim/url" in str(caught.value.faults)
    assert "alarm" not in str(caught.value.faults)
    assert "--despite" not in caught.value.next_step


def test_no_guard_that_may_be_overruled_bars_a_rollback() -> None:
    assert not [one for one in GUARDS if one.overruled and one.bars_rollback]
    assert len([one for one in GUARDS if one.overruled]) == 4


def test_a_green_that_fails_beside_a_deleted_blue_is_removed_all_the_same() -> None:
    """Nothing can be tagged on a group that is gone, and that bars nobody from ending the deployment."""
    world = serving("v1.0.0")
    (group,) = world.ports().fleets.groups()
    world.raw("autoscaling").delete_auto_scaling_group(AutoScalingGroupName=group.name, ForceDelete=True)
    world.clock.sleep(60)
    world.behaviours["v1.1.0"] = Behaviour(healthy=False)
    deployer = world.deployer()
    result = deployer.run(deployer.plan_promotion("v1.1.0", despite="the live fleet was deleted"))
    assert result.ending is Ending.ROLLED_BACK, world.story()
    assert world.orphans() == []


FAILS_USERS = Behaviour(error_rate=0.05)
"""Its health checks pass all the while."""


def test_a_fix_is_released_over_one_that_fails_its_users() -> None:
    world = serving("v1.0.0")
    world.behaviours["v1.0.0"] = FAILS_USERS
    world.clock.sleep(30)
    goes_well(world, world.deployer().plan_promotion("v1.1.0", despite="v1.0.0 loses orders"))
    assert world.weights() == {"app": {"v1.1.0": 100}}


def test_without_a_word_about_it_nothing_is_released_over_an_unhealthy_blue() -> None:
    world = serving("v1.0.0")
    world.behaviours["v1.0.0"] = FAILS_USERS
    world.clock.sleep(30)
    deployer = world.deployer()
    result = deployer.run(deployer.plan_promotion("v1.1.0"))
    assert result.ending is Ending.HALTED, world.story()
    assert "blue itself is unhealthy (errors)" in result.words


def test_a_fix_that_fails_users_as_well_is_no_way_out() -> None:
    world = serving("v1.0.0")
    world.behaviours |= {"v1.0.0": FAILS_USERS, "v1.1.0": FAILS_USERS}
    world.clock.sleep(30)
    deployer = world.deployer()
    result = deployer.run(deployer.plan_promotion("v1.1.0", despite="v1.0.0 loses orders"))
    assert result.ending is not Ending.RELEASED, world.story()
    world.clock.sleep(120)
    assert world.weights() == {"app": {"v1.0.0": 100}}


@pytest.mark.parametrize("bad", [False, True])
def test_a_tier_that_nothing_serves_is_judged_beside_one_that_has_a_blue(*, bad: bool) -> None:
    """Somebody deleted the rule of one tier: green has all of it at once, and nothing to be compared with."""
    world = serving("v1.0.0", tiers=("web", "app"))
    (rule,) = [tier.rule for tier in world.deployer().observe().tiers if tier.tier is Tier.APP]
    assert rule is not None
    world.raw("elbv2").delete_rule(RuleArn=rule.arn)
    world.clock.sleep(10)
    if bad:
        world.behaviours["v1.1.0"] = FAILS_USERS
    deployer = world.deployer()
    result = deployer.run(deployer.plan_promotion("v1.1.0", despite="the app tier is gone"))
    assert result.ending is (Ending.ROLLED_BACK if bad else Ending.RELEASED), world.story()
    assert world.weights()["web"] == {"v1.0.0" if bad else "v1.1.0": 100}
