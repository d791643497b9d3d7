"""A boot takes four minutes: what is lost or grows meanwhile heals, and no good release is blamed."""

from __future__ import annotations

from itertools import product

from bluegreen.domain.journal import Ending, Entry, ShareWatched
from bluegreen.domain.release import Color
from bluegreen.lab.cloud.settings import Settings
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


class SlowBoots(World):
    """Three tiers of two instances each, with a boot budget of ten minutes; v1.0.0 serves."""

    def __init__(self) -> None:
        super().__init__(
            tiers=TIERS,
            policy=POLICY,
            settings=Settings(boot_seconds=1.0, metrics_period_seconds=20),
            latency=lognormal(parts=10),
        )
        patient = [one.model_copy(update={"boot_budget_seconds": 600}) for one in self.contract.tiers]
        self.contract = self.contract.model_copy(update={"tiers": tuple(patient)})
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
