"""When a change may be made: the age of the last renewal, by a clock that nobody sets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bluegreen.contract import MANAGED_BY, RUN_COMMAND, Tag
from bluegreen.engine.heartbeat import Heartbeat
from bluegreen.errors import CloudUnavailable, LeaseLost, StepFailed
from bluegreen.lab.faults import Effect, Fault
from bluegreen.ports import Ports
from tests.world import World

TTL = 30.0


def holding() -> tuple[World, Ports, Heartbeat]:
    """A heartbeat that has just renewed its lease, and closes the fence of its ports."""
    world = World()
    ports = world.ports()
    holder = ports.lease.acquire(owner="me", why="test", deployment=1, ttl=TTL, now=world.clock.now())
    heartbeat = Heartbeat(ports, holder=holder, ttl=TTL)
    heartbeat.must_hold()
    ports.fence.close(heartbeat.must_hold)
    return world, ports, heartbeat


TASK = f"{RUN_COMMAND} x@sha256:{'a' * 64} -- npm run migrate"


def changes(ports: Ports) -> list[Callable[[], Any]]:
    """Calls of three services that need nothing to stand."""
    return [
        lambda: ports.watchdog.disarm("sc-sim-app-1"),
        lambda: ports.commands.start("i-0", TASK, token="t"),
        lambda: ports.database.ensure_snapshot("db", "before-1", {}),
    ]


def taken(world: World, ports: Ports) -> None:
    """Another deployer saw the lease unrenewed and took it."""
    now, dead = world.clock.now(), ports.lease.holder()
    ports.lease.acquire(owner="other", why="resume", deployment=1, ttl=TTL, now=now, dead=dead)


def outage(world: World) -> None:
    world.faults.add(Fault(effect=Effect.ERROR, service="dynamodb", action="UpdateItem", times=0))


def test_while_dynamodb_is_away_a_young_renewal_counts_and_an_old_one_does_not() -> None:
    world, ports, _heartbeat = holding()
    outage(world)
    world.clock.sleep(TTL - 1)
    ports.watchdog.disarm("sc-sim-app-1")
    world.clock.sleep(2)
    with pytest.raises(CloudUnavailable):
        ports.watchdog.disarm("sc-sim-app-1")
    world.faults.clear()
    ports.watchdog.disarm("sc-sim-app-1")


def test_an_old_renewal_is_repeated_and_no_change_is_made_once_the_lease_is_another_s() -> None:
    world, ports, _heartbeat = holding()
    world.clock.sleep(TTL + 1)
    taken(world, ports)
    for change in changes(ports):
        with pytest.raises(LeaseLost, match="other has it"):
            change()


def test_a_wall_clock_set_back_makes_no_renewal_young(monkeypatch: pytest.MonkeyPatch) -> None:
    world, ports, _heartbeat = holding()
    was = world.clock.now()
    world.clock.sleep(TTL + 1)
    taken(world, ports)
    monkeypatch.setattr(world.clock, "now", lambda: was)
    monkeypatch.setattr(world.clock, "monotonic", lambda: was + TTL + 1)
    with pytest.raises(LeaseLost):
        ports.watchdog.disarm("sc-sim-app-1")


def test_what_only_looks_needs_no_lease() -> None:
    world, ports, _heartbeat = holding()
    outage(world)
    world.clock.sleep(10 * TTL)
    assert ports.balancer.rules() == ()
    assert ports.watchdog.armed() == ()


def guarded() -> tuple[World, Ports, Heartbeat]:
    """A heartbeat that guards the one rule of the stack."""
    world, ports, heartbeat = holding()
    tier = world.contract.tiers[0]
    groups = world.raw("elbv2").create_target_group(Name="b", Protocol="HTTP", Port=80, VpcId="vpc-0abc")
    blue = groups["TargetGroups"][0]["TargetGroupArn"]
    tags = {str(Tag.MANAGED_BY): MANAGED_BY, str(Tag.STACK): "sim", str(Tag.TIER): str(tier.name)}
    rule = ports.balancer.set_weights(tier, {blue: 100}, tags)
    heartbeat.guard("sc-sim-app-1", rule.arn, {blue: 100})
    return world, ports, heartbeat


def test_a_watchdog_acts_two_ttls_after_the_last_push_and_is_pushed_all_the_time() -> None:
    world, ports, heartbeat = guarded()
    assert heartbeat.acts_at("sc-sim-app-1") == world.clock.now() + 2 * TTL
    heartbeat.wait(5 * TTL)
    at = heartbeat.acts_at("sc-sim-app-1")
    assert at is not None
    assert at > world.clock.now() + TTL, "a renewal may be late by a ttl"
    assert ports.watchdog.armed() == ("sc-sim-app-1",)
    world.clock.sleep(2 * TTL + 2)
    assert ports.watchdog.armed() == (), "a dead deployer pushes nothing"


def test_a_watchdog_that_is_gone_ends_the_shift_but_no_rollback() -> None:
    _world, ports, heartbeat = guarded()
    ports.watchdog.disarm("sc-sim-app-1")
    with pytest.raises(StepFailed):
        heartbeat.wait(TTL)
    assert heartbeat.acts_at("sc-sim-app-1") is None
    _world, ports, heartbeat = guarded()
    ports.watchdog.disarm("sc-sim-app-1")
    heartbeat.rolling_back()
    heartbeat.wait(TTL)


def test_a_slow_renewal_counts_from_when_it_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    world, ports, heartbeat = holding()
    renew, renewals = ports.lease.renew, list[float]()

    def slow(*given: Any, **more: Any) -> Any:
        found = renew(*given, **more)
        renewals.append(world.clock.now())
        world.clock.sleep(TTL - 1)
        return found

    monkeypatch.setattr(type(ports.lease), "renew", lambda _self, *given, **more: slow(*given, **more))
    world.clock.sleep(TTL + 1)
    heartbeat.must_hold()
    heartbeat.must_hold()
    assert len(renewals) == 1
    world.clock.sleep(2)
    heartbeat.must_hold()
    assert len(renewals) == 2
