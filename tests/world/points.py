"""Where a deployer can die: after every single change that it makes in AWS.

Dying before a change leaves the same world as dying after the change before it, so "after each" is all.
The points are read off one complete run, once per process, when pytest collects.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import pytest

from bluegreen.domain.journal import Event, StepEvent
from bluegreen.engine.deployer import Deployer
from bluegreen.lab.cloud.behaviour import Behaviour
from bluegreen.lab.cloud.cloud import Call
from bluegreen.lab.faults import Effect, Fault, FaultPlan, When
from tests.world.calls import threadless
from tests.world.releasing import QUICK, loaded
from tools.world import LATENCY, World

__all__ = ["Point", "changes", "points_of_promotion", "prepared", "promote"]

BRIEF = QUICK.replace('ttl = "30s"', 'ttl = "4s"')
"""The watchdog acts within a judged step, unless whoever resumes pushes it forward again."""
_READS = ("Describe", "Get", "List", "Query", "Head")


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One changing call of a run."""

    index: int
    service: str
    action: str
    nth: int
    """How often the run has called `action`, this call included."""
    during: str
    """The last entry of the journal before it."""

    def __str__(self) -> str:
        return f"{self.index:03} {self.action} {self.nth} during {self.during}"

    @property
    def death(self) -> Fault:
        """The deployer dies when the call has taken effect."""
        return Fault(
            effect=Effect.CRASH, service=self.service, action=self.action, when=When.AFTER, nth=self.nth
        )


def prepared(*, bad: bool) -> World:
    """v1.0.0 serves 600 requests a second; v1.2.0 fails one in twenty when `bad`."""
    world = World(policy=BRIEF)
    if bad:
        world.behaviours["v1.2.0"] = Behaviour(error_rate=0.05, latency=LATENCY)
    return loaded(world, "v1.0.0")


def promote(world: World, owner: str = "first@host:1") -> Deployer:
    """Release v1.2.0, however it ends."""
    deployer = world.deployer(owner)
    deployer.run(deployer.plan_promotion("v1.2.0"))
    return deployer


def changes(world: World, act: Callable[[], object]) -> tuple[Point, ...]:
    """Every changing AWS call of `act`; one that is refused changes nothing and is no point.

    Raises what `act` raises: a table that ends early would take cases away without a word.
    """
    seen, found = Counter[tuple[str, str]](), list[Point]()
    strike = FaultPlan.strike

    def listen(plan: FaultPlan, service: str, action: str) -> Fault | None:
        if not action.startswith(_READS):
            seen[service, action] += 1
            during = _told(world.entries[-1][1].event) if world.entries else "the plan"
            point = Point(
                index=len(found), service=service, action=action, nth=seen[service, action], during=during
            )
            found.append(point)
        return strike(plan, service, action)

    def refused(call: Call) -> None:
        if call.error and found and found[-1].action == call.operation:
            found.pop()

    world.cloud.after_call.append(refused)
    with pytest.MonkeyPatch.context() as patch, threadless():
        patch.setattr(FaultPlan, "strike", listen)
        act()
    return tuple(found)


def _told(event: Event) -> str:
    """The kind of an event, and its step or stage."""
    place = event.step.id if isinstance(event, StepEvent) else getattr(event, "stage", "")
    return f"{event.kind} {place}".strip()


@cache
def points_of_promotion(*, bad: bool) -> tuple[Point, ...]:
    """The changes of the promotion of v1.2.0 over v1.0.0."""
    world = prepared(bad=bad)
    return changes(world, lambda: promote(world))
