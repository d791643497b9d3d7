"""A deployer is paused, another machine takes over: once it wakes it changes nothing and ends with LeaseLost.

The pause is a call to AWS during which the other machine works: the laptop that slept knows nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from bluegreen.domain.journal import Ending, StageStarted
from bluegreen.errors import DeployError, LeaseLost
from bluegreen.lab.cloud.behaviour import Behaviour
from bluegreen.lab.faults import Crashed, Effect, Fault, When
from tests.world import LATENCY, World
from tests.world.releasing import QUICK

READS = ("Describe", "Get", "List", "Query", "Head", "BatchGet", "Scan")
Point = tuple[str, str]
"""Stage and operation: its first call there."""


class Pausing:
    """A world whose first deployer can be held in one of its calls to AWS."""

    def __init__(self, *, bad: bool) -> None:
        self.after: list[tuple[str, str]] = []
        self.point: Point | None = None
        self.meanwhile: Callable[[], None] = lambda: None
        self._watching = self._woken = False
        self.world = World(policy=QUICK, on_call=self._call)
        deployer = self.world.deployer()
        assert deployer.run(deployer.plan_promotion("v1.0.0")).ending is Ending.RELEASED
        if bad:
            self.world.behaviours["v1.2.0"] = Behaviour(error_rate=0.05, latency=LATENCY)
        self.world.load(600)
        self.world.clock.sleep(3)
        self.world.entries.clear()

    def _stage(self) -> str:
        started = [
            entry.event.stage for _, entry in self.world.entries if isinstance(entry.event, StageStarted)
        ]
        return started[-1] if started else ""

    def _call(self, service: str, operation: str) -> None:
        if not self._watching:
            return
        if self._woken:
            self.after.append((service, operation))
            return
        if (self._stage(), operation) == self.point:
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


FORWARD = [
    ("watch-over", "DescribeRules", resumes),  # before the watchdog is armed
    ("shift-50", "DescribeRules", resumes),  # before a weight
    ("shift-50", "DescribeTargetHealth", starts_a_third),
    ("judge-50", "UpdateItem", resumes),  # in the renewal, which comes before the push
    ("judge-50", "UpdateItem", starts_a_third),
    ("judge-50", "DescribeTargetHealth", aborts),
    ("shift-100", "DescribeRules", aborts),
    ("judge-100", "DescribeTargetHealth", starts_a_third),
]
BACK = [
    ("prove-blue", "DescribeTargetHealth", resumes),
    ("shift-back", "DescribeRules", starts_a_third),  # the urgent change
]


@pytest.mark.parametrize(
    ("stage", "operation", "other", "bad"),
    [(*one, False) for one in FORWARD] + [(*one, True) for one in BACK],
)
def test_paused_and_overtaken_it_changes_nothing(
    stage: str, operation: str, other: Callable[[World], None], *, bad: bool
) -> None:
    run, left = Pausing(bad=bad), list[Mapping[str, Any]]()

    def meanwhile() -> None:
        try:
            other(run.world)
        except DeployError as error:
            raise AssertionError(f"the other machine: {error}\n{run.world.story()}") from error
        left.append(run.stands())

    run.point, run.meanwhile = (stage, operation), meanwhile
    with pytest.raises(LeaseLost):
        run.promote()
    assert left, "it was never paused"
    assert run.changed() == [], run.world.story()
    assert run.stands() == left[0]
    assert run.world.violations == []


def test_asleep_with_nobody_else_there_its_watchdog_is_not_made_anew() -> None:
    run = Pausing(bad=False)
    run.point, run.meanwhile = ("judge-50", "UpdateItem"), lambda: run.world.clock.sleep(600)
    run.promote()
    assert ("scheduler", "CreateSchedule") not in run.after
    assert run.world.deployer().history(1)[0].ending is Ending.ROLLED_BACK, run.world.story()
    assert run.world.weights() == {"app": {"v1.0.0": 100}}
    assert run.world.orphans() == []
