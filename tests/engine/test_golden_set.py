"""AI validation: green answers questions with known answers before any user meets it (P5, R4)."""

from __future__ import annotations

from typing import Any

import pytest

from bluegreen.domain.journal import Ending, GoldenCompared, StepDone, WeightsSet
from bluegreen.domain.plan import StepKind
from bluegreen.domain.reports import Result
from bluegreen.engine.probes import GoldenScore, golden_fault
from bluegreen.errors import ExitCode
from bluegreen.policy import GoldenSet
from tests.world import World
from tests.world.releasing import QUICK

GOLDEN = GoldenSet.model_validate(
    {
        "file": "golden.jsonl",
        "path": "/ai/classify",
        "rows": [{"input": number, "label": "yes"} for number in range(100)],
    }
)


def asked(**accuracy: float) -> World:
    """A stack with an AI tier whose releases are right on these shares of the golden set."""
    world = World(policy=QUICK, tiers=("ai",))
    world.policy = world.policy.model_copy(update={"golden": GOLDEN})
    world.accuracy = {f"v1.{name[1:]}.0": share for name, share in accuracy.items()}
    return world


def promoted(world: World, version: str) -> Result:
    deployer = world.deployer()
    return deployer.run(deployer.plan_promotion(version))


def results(world: World, kind: type[Any]) -> list[Any]:
    events = [entry.event for _, entry in world.entries]
    return [e.result for e in events if isinstance(e, StepDone) and isinstance(e.result, kind)]


def test_a_green_that_answers_worse_than_blue_meets_no_user() -> None:
    world = asked(r0=0.95, r1=0.80)
    assert promoted(world, "v1.0.0").ending is Ending.RELEASED, world.story()
    world.entries.clear()
    result = promoted(world, "v1.1.0")
    assert (result.ending, result.exit_code) == (Ending.ROLLED_BACK, ExitCode.ROLLED_BACK), world.story()
    assert results(world, WeightsSet) == [], "no traffic was moved"
    assert world.weights() == {"ai": {"v1.0.0": 100}}
    assert world.orphans() == []


def test_a_small_fall_against_blue_is_allowed() -> None:
    world = asked(r0=0.95, r1=0.90)
    assert promoted(world, "v1.0.0").ending is Ending.RELEASED, world.story()
    world.entries.clear()
    deployer = world.deployer()
    world.after_first(StepKind.GOLDEN, deployer.interrupt)
    deployer.run(deployer.plan_promotion("v1.1.0"))
    assert results(world, GoldenCompared) == [GoldenCompared(green=0.90, blue=0.95)]


def test_without_blue_the_known_answers_are_the_measure() -> None:
    world = asked(r0=0.85, r1=0.95)
    assert promoted(world, "v1.0.0").ending is not Ending.RELEASED
    assert world.weights() == {"ai": {}}
    assert promoted(world, "v1.1.0").ending is Ending.RELEASED, world.story()
    assert results(world, GoldenCompared) == [GoldenCompared(green=0.95, blue=None)]


@pytest.mark.parametrize(
    ("green", "blue", "fails"),
    [(90, 100, False), (89, 100, True), (45, 50, False), (44, 50, True), (90, None, False), (89, None, True)],
)
def test_the_fall_is_relative_and_the_limit_itself_is_allowed(
    green: int, blue: int | None, *, fails: bool
) -> None:
    found = GoldenScore(asked=100, right=green, first_fault="e.g.")
    fault = golden_fault(found, None if blue is None else blue / 100, 0.1, who="green", than="blue's")
    assert bool(fault) is fails
