"""A deployer is paused, another machine takes over: once it wakes it changes nothing and ends with LeaseLost.

The pause is a call to AWS during which the other machine works: the laptop that slept knows nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import pytest

from bluegreen.domain.journal import Ending, EntryKind
from bluegreen.errors import DeployError, LeaseLost
from bluegreen.lab.cloud.behaviour import Behaviour
from bluegreen.lab.faults import Crashed, Effect, Fault, When
from tests.engine.test_crash_matrix import POLICY
from tests.world import LATENCY, World

READS = ("Describe", "Get", "List", "Query", "Head", "BatchGet", "Scan")
FROM = ("watch-over", "shift-50", "judge-50", "shift-100", "judge-100", "verify", "accept")
BACK = ("prove-blue", "shift-back", "verify", "accept")

Point = tuple[str, str, str]
"""Stage, service and operation: its first call there."""


class Pausing:
    """A world whose first deployer can be held in one of its calls to AWS."""

    def __init__(self, *, bad: bool) -> None:
        self.seen: list[Point] = []
        self.after: list[tuple[str, str]] = []
        self.point: Point | None = None
        self.meanwhile: Callable[[], None] = lambda: None
        self._watching = self._woken = False
        self.world = World(policy=POLICY, on_call=self._call)
        deployer = self.world.deployer()
        assert deployer.run(deployer.plan_promotion("v1.0.0")).ending is Ending.RELEASED
        if bad:
            self.world.behaviours["v1.2.0"] = Behaviour(error_rate=0.05, latency=LATENCY)
        self.world.load(600)
        self.world.clock.sleep(3)
        self.world.entries.clear()

    def _stage(self) -> str:
        started = [e for _, e in self.world.entries if e.kind is EntryKind.STAGE_STARTED]
        return ("back-" if any("prove-blue" in e.stage for e in started) else "") + (
            started[-1].stage if started else ""
        )

    def _call(self, service: str, operation: str) -> None:
        if not self._watching:
            return
        if self._woken:
            self.after.append((service, operation))
            return
        here = (self._stage(), service, operation)
        self.seen.append(here)
        if here == self.point:
            self._watching = False
            self.meanwhile()
            self._watching = self._woken = True

    def promote(self) -> None:
        self._watching = True
        try:
            deployer = self.world.deployer("laptop@host:1")
            deployer.run(deployer.plan_promotion("v1.2.0"))
        finally:
            self._watching = False

    def changed(self) -> list[tuple[str, str]]:
        """The changes made after waking, beside those of journal and lease, which are conditional."""
        return [
            (service, operation)
            for service, operation in self.after
            if service != "dynamodb" and not operation.startswith(READS)
        ]

    def stands(self) -> Mapping[str, Any]:
        """Rules and schedules."""
        scheduler = self.world.raw("scheduler")
        group = self.world.contract.watchdog.schedule_group
        return {
            "weights": self.world.weights(),
            "schedules": {
                name: scheduler.get_schedule(Name=name, GroupName=group)["ScheduleExpression"]
                for name in self.world.ports().watchdog.armed()
            },
        }


@cache
def points(*, bad: bool) -> tuple[Point, ...]:
    """The first call of each kind in each stage that moves or judges traffic."""
    run = Pausing(bad=bad)
    run.promote()
    stages = tuple(f"back-{name}" for name in BACK) if bad else FROM
    # A change that was sent is beyond any fence: the pause is before the fence is asked, or in a look.
    return tuple(
        point
        for point in dict.fromkeys(run.seen)
        if point[0] in stages and (point[1] == "dynamodb" or point[2].startswith(READS))
    )


def resumes(world: World) -> None:
    world.deployer("other@host:2").resume()


def aborts(world: World) -> None:
    world.deployer("other@host:2").abort()


def starts_a_third(world: World) -> None:
    """Aborts, and dies at half of another deployment: its watchdog is armed, nobody pushes it."""
    aborts(world)
    fault = Fault(
        effect=Effect.CRASH, service="elastic-load-balancing-v2", action="ModifyRule", when=When.AFTER
    )
    world.faults.add(fault)
    third = world.deployer("other@host:3")
    with pytest.raises(Crashed):
        third.run(third.plan_promotion("v1.1.0"))
    world.faults.clear()
    assert world.weights() == {"app": {"v1.0.0": 50, "v1.1.0": 50}}


@pytest.mark.parametrize("other", [resumes, aborts, starts_a_third])
@pytest.mark.parametrize("bad", [False, True], ids=["forward", "back"])
def test_paused_anywhere_and_overtaken_it_changes_nothing(
    other: Callable[[World], None], *, bad: bool
) -> None:
    found = points(bad=bad)
    assert len(found) > 10
    for point in found:
        run = Pausing(bad=bad)
        left: list[Mapping[str, Any]] = []

        def meanwhile(run: Pausing = run, left: list[Mapping[str, Any]] = left) -> None:
            try:
                other(run.world)
            except DeployError as error:
                raise AssertionError(f"the other machine: {error}\n{run.world.story()}") from error
            left.append(run.stands())

        run.point, run.meanwhile = point, meanwhile
        with pytest.raises(LeaseLost):
            run.promote()
        assert left, f"{point} was not met"
        assert run.changed() == [], f"{point}\n{run.world.story()}"
        assert run.stands() == left[0], point
        assert run.world.violations == [], point
