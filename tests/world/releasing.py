"""Releases into a simulated stack with load, at a pace that lets a whole one cost little."""

from __future__ import annotations

import pytest

from bluegreen.domain.journal import Ending
from bluegreen.lab.faults import Crashed, Effect, Fault, When
from tools.world import World

__all__ = ["QUICK", "died_at_half", "loaded", "release", "serving"]

QUICK = """
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


def release(world: World, version: str, **how: object) -> None:
    """Promote `version`, which must end as released."""
    deployer = world.deployer()
    result = deployer.run(deployer.plan_promotion(version, **how))  # type: ignore[arg-type]  # keywords of the call
    assert result.ending is Ending.RELEASED, f"{result.words}\n{world.story()}"


def serving(*versions: str, policy: str = QUICK, tiers: tuple[str, ...] = ("app",)) -> World:
    """A world with 600 requests a second, into which the versions were released one after the other."""
    return loaded(World(policy=policy, tiers=tiers), *versions)


def loaded(world: World, *versions: str) -> World:
    """`world` with load from the first version on, and its journal forgotten."""
    release(world, versions[0])
    world.load(600)
    world.clock.sleep(3)
    for version in versions[1:]:
        release(world, version)
    world.entries.clear()
    return world


def died_at_half(world: World) -> None:
    """The deployer of v1.1.0 dies right after it has sent half of the traffic to green."""
    world.faults.add(
        Fault(effect=Effect.CRASH, service="elastic-load-balancing-v2", action="ModifyRule", when=When.AFTER)
    )
    deployer = world.deployer("dead@host:1")
    with pytest.raises(Crashed):
        deployer.run(deployer.plan_promotion("v1.1.0"))
    world.faults.clear()
    assert world.weights() == {"app": {"v1.0.0": 50, "v1.1.0": 50}}
