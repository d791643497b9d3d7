"""The deployer dies after every single change it makes; another one resumes and the run ends as planned.

Dying before a change leaves the same world as dying after the change before it, so "after each" is all.
"""

from __future__ import annotations

from collections import Counter
from functools import cache

import pytest

from bluegreen.domain.journal import Ending
from bluegreen.engine.deployer import Deployer
from bluegreen.errors import Refused
from bluegreen.lab.cloud.behaviour import Behaviour
from bluegreen.lab.faults import Crashed, Effect, Fault, FaultPlan, When
from tests.world import LATENCY, World

POLICY = """
[rollout]
ramp = ["50%"]
bake = "6s"
min_bake = "4s"
extension = "60s"
final_bake = "6s"
dwell = "1s"
tick = "3s"
[judge]
period = "1s"
settle = "3s"
burst = "2s"
cold_start = "1s"
[health]
deadline = "60s"
poll = "3s"
[probes]
interval = "5s"
[retire]
quiet = "3s"
[lease]
ttl = "30s"
patience = "60s"
[backup]
snapshot = false
"""
BRIEF = POLICY.replace('ttl = "30s"', 'ttl = "4s"')
"""The watchdog acts within a judged step, unless whoever resumes pushes it forward again."""
SHARDS = 4


def prepared(*, bad: bool) -> World:
    """v1.0.0 serves 600 requests a second; v1.2.0 fails one in twenty when `bad`."""
    world = World(policy=BRIEF)
    deployer = world.deployer()
    assert deployer.run(deployer.plan_promotion("v1.0.0")).ending is Ending.RELEASED
    if bad:
        world.behaviours["v1.2.0"] = Behaviour(error_rate=0.05, latency=LATENCY)
    world.load(600)
    world.clock.sleep(3)
    world.entries.clear()
    return world


def promote(world: World, owner: str = "first@host:1") -> Deployer:
    deployer = world.deployer(owner)
    deployer.run(deployer.plan_promotion("v1.2.0"))
    return deployer


@cache
def changes(*, bad: bool) -> tuple[tuple[str, str, int], ...]:
    """Every changing AWS call of one run: (service, action, how often this action was called before)."""
    world, seen, found = prepared(bad=bad), Counter[tuple[str, str]](), []
    strike = FaultPlan.strike

    def listen(plan: FaultPlan, service: str, action: str) -> Fault | None:
        if not action.startswith(("Describe", "Get", "List", "Query", "Head")):
            seen[service, action] += 1
            found.append((service, action, seen[service, action]))
        return strike(plan, service, action)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FaultPlan, "strike", listen)
        promote(world)
    return tuple(found)


def resumed(world: World, attempt: int) -> None:
    """Another machine takes over, once the lease of the dead one has run out."""
    deployer = world.deployer(f"second@host:{attempt}")
    unfinished = next((h for h in deployer.history(5) if h.ending.open), None)
    if unfinished is None:
        newest = deployer.history(1)[0]
        if newest.version != "v1.2.0":
            promote(world, "second@host:2")
        return
    deployer.resume()


@pytest.mark.parametrize("bad", [False, True], ids=["good", "bad"])
@pytest.mark.parametrize("shard", range(SHARDS))
def test_dying_after_any_change_and_resuming_ends_as_planned(shard: int, *, bad: bool) -> None:
    points = changes(bad=bad)
    assert len(points) > 40
    for index in range(shard, len(points), SHARDS):
        service, action, nth = points[index]
        world = prepared(bad=bad)
        world.faults.add(Fault(effect=Effect.CRASH, service=service, action=action, when=When.AFTER, nth=nth))
        with pytest.raises(Crashed):
            promote(world)
        world.faults.clear()
        # Every other time the watchdog has put blue back before somebody resumes.
        world.clock.sleep(5 if index % 2 else 15)
        where = f"died after {index}: {service} {action} #{nth}"
        try:
            resumed(world, index)
        except Refused as error:
            raise AssertionError(f"{where}: {error}\n{world.story()}") from error
        ending = world.deployer().history(1)[0].ending
        expected = Ending.ROLLED_BACK if bad else Ending.RELEASED
        assert ending is expected, f"{where}: {ending}\n{world.story()}"
        assert world.weights() == {"app": {"v1.0.0" if bad else "v1.2.0": 100}}, where
        assert world.orphans() == [], where
        assert world.violations == [], where
        if not bad:
            assert world.cloud.traffic.failed() == 0, where
