"""What must hold before a change that users would feel, although the world moved on since the last step."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bluegreen.contract import Stickiness, Tier
from bluegreen.domain.journal import Decided, Ending, Entry
from bluegreen.domain.plan import StepKind
from bluegreen.domain.reports import Result
from bluegreen.domain.stack import Fleet
from bluegreen.errors import ExitCode
from bluegreen.lab.cloud.behaviour import Behaviour
from tests.world import LATENCY, World
from tests.world.releasing import QUICK, serving


def fleets(world: World) -> dict[str, Fleet]:
    return {fleet.version: fleet for fleet in world.deployer().observe().of(Tier.APP).fleets}


def reroutes(world: World, **weights: int) -> None:
    """Somebody sets the live rule's weights by hand, by version."""
    standing = fleets(world)
    live = next(rule for rule in world.ports().balancer.rules() if rule.preview_token is None)
    groups = []
    for name, weight in weights.items():
        group = standing[f"v1.{name[1:]}.0"].target_group
        assert group is not None
        groups.append({"TargetGroupArn": group.arn, "Weight": weight})
    forward = {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}
    world.raw("elbv2").modify_rule(RuleArn=live.arn, Actions=[forward])


def promoted(world: World) -> Result:
    deployer = world.deployer()
    return deployer.run(deployer.plan_promotion("v1.1.0"))


def test_a_blue_that_somebody_gave_weight_again_is_not_detached() -> None:
    world = serving("v1.0.0")
    world.after_first(StepKind.QUIET, lambda: reroutes(world, r0=50, r1=50))
    result = promoted(world)
    assert result.exit_code is ExitCode.HALTED, world.story()
    assert world.weights() == {"app": {"v1.0.0": 50, "v1.1.0": 50}}
    assert world.cloud.traffic.failed() == 0


def test_a_blue_that_somebody_routed_to_again_is_not_deleted() -> None:
    world = serving("v1.0.0")
    world.after_first(StepKind.DETACH, lambda: reroutes(world, r0=50, r1=50))
    result = promoted(world)
    assert result.exit_code is ExitCode.HALTED, world.story()
    group = fleets(world)["v1.0.0"].group
    assert group is not None
    assert group.in_service == 2


def test_a_teardown_disarms_the_watchdogs_of_its_own_stack_alone() -> None:
    world = serving("v1.0.0")
    (live,) = world.ports().balancer.rules()
    actions = world.raw("elbv2").describe_rules(RuleArns=[live.arn])["Rules"][0]["Actions"]
    own, others = "sc-sim-app-7", ("nightly-report", "sc-sim-app-7-report", "sc-sim2-app-7")
    for name in (own, *others):
        world.raw("scheduler").create_schedule(
            Name=name,
            GroupName="sportcoach-sim",
            ScheduleExpression="at(2999-01-01T00:00:00)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={
                "Arn": "arn:aws:scheduler:::aws-sdk:elasticloadbalancingv2:modifyRule",
                "RoleArn": world.contract.watchdog.role_arn,
                "Input": json.dumps({"RuleArn": live.arn, "Actions": actions}),
            },
        )
    deployer = world.deployer()
    assert deployer.run(deployer.plan_teardown(everything=True)).ending is Ending.TORN_DOWN, world.story()
    assert sorted(world.ports().watchdog.armed()) == sorted(others)


def test_blue_is_quiet_only_when_no_sticky_client_can_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    world = serving("v1.0.0")
    tiers = tuple(
        tier.model_copy(update={"stickiness": Stickiness(seconds=40)}) for tier in world.contract.tiers
    )
    world.contract = world.contract.model_copy(update={"tiers": tiers})
    asked: list[float] = []

    def requests(_self: object, _group: object, *, since: float, until: float) -> int:
        asked.append(until - since)
        return 0

    monkeypatch.setattr(type(world.ports().metrics), "requests", requests)
    assert promoted(world).ending is Ending.RELEASED, world.story()
    assert asked == [43.0], "retire.quiet and the life of a cookie"


def test_a_blue_of_which_nothing_is_known_is_not_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    world = serving("v1.0.0", policy=QUICK.replace("[retire]\n", '[retire]\ndeadline = "20s"\n'))
    monkeypatch.setattr(type(world.ports().metrics), "requests", lambda *_, **__: None)
    assert promoted(world).exit_code is ExitCode.HALTED, world.story()
    assert world.weights() == {"app": {"v1.1.0": 100}}
    group = fleets(world)["v1.0.0"].group
    assert group is not None
    assert group.in_service == 2


def test_a_kept_blue_stands_for_the_announced_window() -> None:
    world = serving("v1.0.0", policy=QUICK.replace("[retire]\n", '[retire]\nkeep_blue = "10m"\n'))
    accepted: list[float] = []
    removed: list[float] = []
    world.after_first(StepKind.LABEL, lambda: accepted.append(world.clock.now()))
    world.after_first(StepKind.DETACH, lambda: removed.append(world.clock.now()))
    assert promoted(world).ending is Ending.RELEASED, world.story()
    assert removed[0] - accepted[0] >= 600


def test_the_watchdog_would_put_everything_back_on_blue_until_the_last_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = serving("v1.0.0")
    armed: list[dict[str, int]] = []
    watchdog: Any = type(world.ports().watchdog)
    for verb in ("arm", "push"):
        inner = getattr(watchdog, verb)

        def keeps(self: Any, rule: str, weights: Any, *, _inner: Any = inner, **more: Any) -> Any:
            armed.append(dict(weights))
            return _inner(self, rule, weights, **more)

        monkeypatch.setattr(watchdog, verb, keeps)
    blue = fleets(world)["v1.0.0"].target_group
    assert blue is not None
    assert promoted(world).ending is Ending.RELEASED, world.story()
    assert armed
    assert all(weights[blue.arn] == 100 and sum(weights.values()) == 100 for weights in armed)
    assert all(len(weights) == 2 for weights in armed), "green stays in the rule: its health is checked"


def test_traffic_stays_where_it_is_when_blue_is_sicker_than_green() -> None:
    world = serving("v1.0.0")
    world.behaviours["v1.1.0"] = Behaviour(error_rate=0.3, latency=LATENCY)

    def falls_ill(entry: Entry) -> None:
        if isinstance(entry.event, Decided):
            world.behaviours["v1.0.0"] = Behaviour(healthy=False)
            world.clock.sleep(15)

    world.listeners.append(falls_ill)
    assert promoted(world).exit_code is ExitCode.HALTED, world.story()
    assert world.weights() == {"app": {"v1.0.0": 50, "v1.1.0": 50}}


def test_an_abort_while_blue_is_being_removed_comes_too_late() -> None:
    world = serving("v1.0.0", policy=QUICK.replace('ttl = "30s"', 'ttl = "4s"'))
    world.after_first(StepKind.DETACH, lambda: world.ports().lease.request_stop("somebody aborts"))
    assert promoted(world).exit_code is ExitCode.HALTED, world.story()
    assert world.weights() == {"app": {"v1.1.0": 100}}
    assert world.deployer().resume().ending is Ending.RELEASED, world.story()
