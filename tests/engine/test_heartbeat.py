"""When a change may be made: the age of the last renewal, by a clock that nobody sets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bluegreen.engine.heartbeat import Heartbeat
from bluegreen.errors import CloudUnavailable, LeaseLost
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


def changes(ports: Ports) -> list[Callable[[], Any]]:
    """Calls of three services that need nothing to stand."""
    return [
        lambda: ports.watchdog.disarm("sc-sim-app-1"),
        lambda: ports.commands.start("i-0", "true", token="t", timeout=60.0),
        lambda: ports.database.ensure_snapshot("db", "before-1", {}),
    ]


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
    ports.lease.acquire(owner="other", why="resume", deployment=1, ttl=TTL, now=world.clock.now())
    for change in changes(ports):
        with pytest.raises(LeaseLost, match="other has it"):
            change()


def test_a_wall_clock_set_back_makes_no_renewal_young(monkeypatch: pytest.MonkeyPatch) -> None:
    world, ports, _heartbeat = holding()
    was = world.clock.now()
    world.clock.sleep(TTL + 1)
    ports.lease.acquire(owner="other", why="resume", deployment=1, ttl=TTL, now=world.clock.now())
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
