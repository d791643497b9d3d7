"""The deployer dies after any change of the first release, of a way back, of an abort and of a removal.

The crash matrix does so for a promotion over a live release. Wherever it dies, `resume` (or the same command
again, where nothing was begun) ends where the run would have ended, and nobody has lost a request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import pytest

from bluegreen.domain.reports import Result
from bluegreen.errors import ExitCode
from bluegreen.lab.faults import Crashed
from tests.world import World
from tests.world.matrix import cells
from tests.world.points import BRIEF, Point, changes
from tests.world.releasing import died_at_half, serving

KEPT = BRIEF + '\n[stacks.sim.retire]\nkeep_blue = "until-next"\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A world, what is done in it, and the version that serves when it is done."""

    name: str
    begin: Callable[[], World]
    act: Callable[[World, str], Result]
    serves: str


def _abandoned() -> World:
    world = serving("v1.0.0", policy=BRIEF)
    died_at_half(world)
    world.clock.sleep(5)
    return world


def _first(world: World, owner: str) -> Result:
    deployer = world.deployer(owner)
    return deployer.run(deployer.plan_promotion("v1.0.0"))


def _back(world: World, owner: str) -> Result:
    deployer = world.deployer(owner)
    return deployer.run(deployer.plan_rollback())


def _abort(world: World, owner: str) -> Result:
    return world.deployer(owner).abort(reason="it is broken")


def _remove(world: World, owner: str) -> Result:
    deployer = world.deployer(owner)
    return deployer.run(deployer.plan_teardown(everything=False))


RUNS = (
    Run(name="first release", begin=lambda: World(policy=BRIEF), act=_first, serves="v1.0.0"),
    Run(
        name="rollback that builds",
        begin=lambda: serving("v1.0.0", "v1.1.0", policy=BRIEF),
        act=_back,
        serves="v1.0.0",
    ),
    Run(
        name="rollback to a kept blue",
        begin=lambda: serving("v1.0.0", "v1.1.0", policy=KEPT),
        act=_back,
        serves="v1.0.0",
    ),
    Run(name="abort", begin=_abandoned, act=_abort, serves="v1.0.0"),
    Run(
        name="removal",
        begin=lambda: serving("v1.0.0", "v1.1.0", policy=KEPT),
        act=_remove,
        serves="v1.1.0",
    ),
)


@cache
def points(run: Run) -> tuple[Point, ...]:
    world = run.begin()
    return changes(world, lambda: run.act(world, "first@host:1"))


def every() -> Iterator[tuple[Run, Point]]:
    for run in RUNS:
        for point in points(run):
            yield run, point


def some() -> Iterator[tuple[Run, Point]]:
    """The last call of each kind of each run: earlier ones of a kind stand in the same code."""
    for run in RUNS:
        lasts = {(point.service, point.action): point for point in points(run)}
        yield from ((run, point) for point in sorted(lasts.values(), key=lambda point: point.index))


def name(cell: tuple[Run, Point]) -> str:
    return f"{cell[0].name} {cell[1]}"


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_the_points_are_those_of_a_whole_run(run: Run) -> None:
    world = run.begin()
    result = run.act(world, "first@host:1")
    assert result.exit_code is ExitCode.RELEASED, f"{result}\n{world.story()}"
    serves(world, run.serves)
    assert points(run)[-1].during.startswith("run-ended"), points(run)[-1]


@pytest.mark.parametrize("cell", cells(list(every()), list(some())), ids=name)
def test_it_ends_where_it_would_have_ended(cell: tuple[Run, Point]) -> None:
    run, point = cell
    world = run.begin()
    before = world.deployer().history(1)[:1]
    world.faults.add(point.death)
    with pytest.raises(Crashed):
        run.act(world, "first@host:1")
    world.faults.clear()
    # Every other time the watchdog of an armed release has acted before somebody comes.
    world.clock.sleep(5 if point.index % 2 else 15)
    now = world.deployer().history(1)[:1]
    if now and now[0].ending.open and run.act is not _abort:
        result: Result | None = world.deployer("second@host:2").resume()
    elif now != before and not now[0].ending.open:
        result = None  # it had ended, but for its lease
    else:
        result = run.act(world, "second@host:2")
    if result is not None:
        assert result.exit_code is ExitCode.RELEASED, f"{result}\n{world.story()}"
    serves(world, run.serves)


def serves(world: World, version: str) -> None:
    assert world.weights() == {"app": {version: 100}}, world.story()
    assert world.cloud.traffic.failed() == 0, world.story()
    assert world.violations == []
    kept = [
        f"app #{fleet.deployment}" for tier in world.deployer().observe().tiers for fleet in tier.leftovers
    ]
    assert [one for one in world.orphans() if one not in kept] == []
