"""A boot takes four minutes: what is lost or grows meanwhile heals, and no good release is blamed."""

from __future__ import annotations

from itertools import product

import pytest

from bluegreen.contract import TierContract
from bluegreen.domain.journal import Ending, Entry, ShareWatched
from bluegreen.domain.release import Color
from bluegreen.lab.cloud.settings import Settings
from bluegreen.lab.cloud.traffic import Outcome as Lost
from tests.world import World
from tests.world.releasing import loaded
from tools.world import lognormal

BOOT_SECONDS = 240.0
STEPS = (25, 50, 95, 100)
TIERS = ("web", "app", "ai")
EVENTS = tuple(product((Color.GREEN, Color.BLUE), ("is lost", "grows")))
POLICY = """
[rollout]
ramp = ["25%", "50%", "95%"]
bake = "60s"
min_bake = "60s"
extension = "900s"
final_bake = "60s"
dwell = "2s"
tick = "20s"
[judge]
period = "20s"
settle = "20s"
cold_start = "1s"
[health]
deadline = "700s"
poll = "20s"
[probes]
interval = "20s"
[retire]
quiet = "5s"
[lease]
ttl = "90s"
patience = "60s"
[backup]
snapshot = false
"""


def _patient(tier: TierContract) -> TierContract:
    slow = {"interval_seconds": 15, "timeout_seconds": 5, "unhealthy_threshold": 3}
    check = tier.health_check.model_copy(update=slow)
    return tier.model_copy(update={"boot_budget_seconds": 600, "health_check": check})


class SlowBoots(World):
    """Tiers of two instances each, with a boot budget of ten minutes; v1.0.0 serves."""

    def __init__(self, tiers: tuple[str, ...] = TIERS) -> None:
        super().__init__(
            tiers=tiers,
            policy=POLICY,
            settings=Settings(boot_seconds=1.0, metrics_period_seconds=20, host_check_seconds=90.0),
            latency=lognormal(parts=10),
        )
        self.contract = self.contract.model_copy(update={"tiers": tuple(map(_patient, self.contract.tiers))})
        loaded(self, "v1.0.0")
        self.load(60)
        self.happened: list[str] = []

    def happen(self, tier: str, color: Color, what: str) -> None:
        """EC2 ends one instance of the fleet, or the fleet grows by one; what is launched boots slowly."""
        self.cloud.world.conditions.set({"boot_extra_seconds": BOOT_SECONDS - 1.0})
        name = f"sc-sim-{tier}-{2 if color is Color.GREEN else 1}"
        group = self.cloud.scaling.groups[name]
        self.happened.append(f"{name} {what}")
        if what == "is lost":
            self.raw("ec2").terminate_instances(InstanceIds=[min(group.members)])
        elif what == "dies":
            self.cloud.instances.lose(self.cloud.instances.all[min(group.members)])
        else:
            size = group.desired + 1
            self.raw("autoscaling").set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=size)

    def at(self, percent: int, tier: str, color: Color, what: str) -> None:
        """Let it happen when green is first watched at `percent`."""

        def listen(entry: Entry) -> None:
            if isinstance(entry.event, ShareWatched) and entry.event.percent == percent:
                self.happen(tier, color, what)

        self.listeners.append(listen)


def test_a_good_release_is_released_and_its_fleets_heal() -> None:
    """In every step of the ramp something happens to each tier: in all, everything to all of them."""
    world = SlowBoots()
    for (row, percent), (column, tier) in product(enumerate(STEPS), enumerate(TIERS)):
        world.at(percent, tier, *EVENTS[(row + column) % len(EVENTS)])
    deployer = world.deployer()
    result = deployer.run(deployer.plan_promotion("v1.1.0"))
    assert result.ending is Ending.RELEASED, world.story()
    assert len(set(world.happened)) == len(TIERS) * len(EVENTS)
    assert world.violations == []
    assert world.cloud.traffic.failed() == 0
    world.clock.sleep(300)
    for state in world.deployer().observe().tiers:
        assert state.live is not None
        assert state.live.target_group is not None
        assert state.live.group is not None
        health = world.ports().balancer.health(state.live.target_group.arn)
        assert health.healthy == state.live.group.desired, f"{state.tier}: {health}"


@pytest.mark.parametrize(("color", "percent"), [(Color.GREEN, 25), (Color.GREEN, 50), (Color.BLUE, 50)])
def test_a_host_that_dies_without_a_word_is_no_fault_of_the_release(color: Color, percent: int) -> None:
    """Until the balancer's checks notice it, half of the fleet's requests fail: for 45 s."""
    world = SlowBoots(("app",))
    world.load(600)
    world.at(percent, "app", color, "dies")
    deployer = world.deployer()
    result = deployer.run(deployer.plan_promotion("v1.1.0"))
    assert result.ending is Ending.RELEASED, world.story()
    version = "v1.1.0" if color is Color.GREEN else "v1.0.0"
    assert world.cloud.traffic.failed() == world.cloud.traffic.ledger[version, Lost.NO_CONNECTION] > 100
