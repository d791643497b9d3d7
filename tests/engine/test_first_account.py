"""`doctor --first-account` on the simulated cloud: what works, what does not, and nothing is left."""

from __future__ import annotations

from typing import Any

import pytest

from bluegreen.adapters.aws.trials import trials
from bluegreen.commands import _connect
from bluegreen.domain.reports import Check
from bluegreen.engine.checks.first_account import try_out
from bluegreen.errors import Refused
from tests.world import World
from tests.world.releasing import serving


def tried(world: World) -> dict[str, Check]:
    found = try_out(trials(world.session, world.contract, world.clock), world.clock, seconds=120)
    return {check.name: check for check in found}


def left_behind(world: World) -> tuple[list[Any], list[Any]]:
    rules = world.raw("elbv2").describe_rules(ListenerArn=world.contract.listener_arn)["Rules"]
    schedules = world.raw("scheduler").list_schedules()["Schedules"]
    return [rule for rule in rules if not rule["IsDefault"]], schedules


def test_a_new_account_that_works() -> None:
    world = World()
    begun = world.clock.monotonic()
    found = tried(world)
    assert found["a schedule fires"].ok is True, found
    assert found["a metric arrives"].ok is True, found
    # The simulated registry scans nothing: that is seen.
    assert found["an image is scanned"].ok is False
    # Nothing is there to be tried yet: no verdict, and no failure.
    for name in ("an object is replicated", "the trail delivers"):
        assert found[name].ok is None, found[name]
    assert world.clock.monotonic() - begun <= 130
    assert left_behind(world) == ([], [])


def test_a_schedule_that_never_fires_is_a_failure_and_is_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    monkeypatch.setattr(world.cloud.schedules, "tick", lambda: None)
    monkeypatch.setattr(world.cloud, "_ticks", [])
    found = tried(world)
    assert found["a schedule fires"].ok is False
    assert "nothing was seen within 120 s" in found["a schedule fires"].words
    assert left_behind(world) == ([], [])


def test_a_person_who_stops_it_leaves_nothing() -> None:
    world = World()
    made = trials(world.session, world.contract, world.clock)

    class Impatient:
        name = "impatient"

        def begin(self) -> None: ...

        def look(self) -> None:
            raise KeyboardInterrupt

        def end(self) -> None: ...

    with pytest.raises(KeyboardInterrupt):
        try_out([made[0], Impatient()], world.clock)
    assert left_behind(world) == ([], [])


def test_an_account_that_serves_is_not_tried() -> None:
    world = serving("v1.0.0")
    with pytest.raises(Refused, match="serves a release"):
        _connect.refuse_where_live(world.contract, ["app"])
    _connect.refuse_where_live(world.contract, [])
