"""A boot takes four minutes: what is lost or grows meanwhile heals, and no good release is blamed."""

from __future__ import annotations

from itertools import product

import pytest

from bluegreen.contract import Contract, Tier, TierContract
from bluegreen.domain.journal import Ending, Entry, Measured, ShareWatched, VerdictGiven
from bluegreen.domain.plan import StepKind
from bluegreen.domain.release import Color
from bluegreen.lab.cloud.settings import Settings
from bluegreen.lab.cloud.traffic import Outcome as Lost
from bluegreen.lab.faults import Crashed
from bluegreen.policy import parse_policy
from tests.world import World
from tests.world.matrix import cells
from tests.world.releasing import loaded
from tools.recording import STACKS, recorded
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
deadline = "1000s"
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


SHIPPED = ("boot_budget_seconds", "warmup_seconds", "health_check", "deregistration_delay_seconds", "fleet")


def _as_shipped(tier: TierContract, stack: str) -> TierContract:
    """Sizes and times of the tier in a stack file; one that the stack lacks is like its app tier."""
    tiers = {one.name: one for one in Contract.model_validate(recorded(stack).outputs["contract"]).tiers}
    return tier.model_copy(
        update={name: getattr(tiers.get(tier.name, tiers[Tier.APP]), name) for name in SHIPPED}
    )


class SlowBoots(World):
    """The tiers of a stack file; v1.0.0 serves."""

    def __init__(self, stack: str, tiers: tuple[str, ...] = TIERS) -> None:
        super().__init__(
            tiers=tiers,
            policy=POLICY,
            settings=Settings(boot_seconds=1.0, metrics_period_seconds=20, host_check_seconds=90.0),
            latency=lognormal(parts=10),
        )
        shipped = tuple(_as_shipped(tier, stack) for tier in self.contract.tiers)
        self.contract = self.contract.model_copy(update={"tiers": shipped})
        loaded(self, "v1.0.0")
        self.load(60)
        self.happened: list[str] = []

    def happen(self, tier: str, color: Color, what: str) -> None:
        """EC2 ends one instance of the fleet, or the fleet grows by one; what is launched boots slowly."""
        self.cloud.world.conditions.set({"boot_extra_seconds": BOOT_SECONDS - 1.0})
        name = f"sc-sim-{tier}-{2 if color is Color.GREEN else 1}"
        group = self.cloud.scaling.groups[name]
        if what == "is lost":
            self.raw("ec2").terminate_instances(InstanceIds=[min(group.members)])
        elif what.startswith("dies"):
            host = sorted(group.members)[int(what.partition(" ")[2] or 0)]
            self.cloud.instances.lose(self.cloud.instances.all[host])
        else:
            # One at its maximum does not grow, whatever it carries.
            size = min(group.desired + 1, group.maximum)
            self.raw("autoscaling").set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=size)
        self.happened.append(f"{name} {what}")

    def at(self, percent: int, tier: str, color: Color, what: str) -> None:
        """Let it happen when green is first watched at `percent`."""
        begun: list[Entry] = []

        def listen(entry: Entry) -> None:
            if isinstance(entry.event, ShareWatched) and entry.event.percent == percent and not begun:
                begun.append(entry)
                self.happen(tier, color, what)

        self.listeners.append(listen)


@pytest.mark.parametrize(
    ("stack", "turn"), cells([*product(STACKS, range(len(EVENTS)))], [*zip(STACKS, (0, 2, 3), strict=True)])
)
def test_a_good_release_is_released_and_its_fleets_heal(stack: str, turn: int) -> None:
    """In every step of the ramp something happens to each tier; over the turns, everything to all of them."""
    world = SlowBoots(stack)
    for (row, percent), (column, tier) in product(enumerate(STEPS), enumerate(TIERS)):
        world.at(percent, tier, *EVENTS[(row + column + turn) % len(EVENTS)])
    deployer = world.deployer()
    result = deployer.run(deployer.plan_promotion("v1.1.0"))
    assert result.ending is Ending.RELEASED, world.story()
    assert len(set(world.happened)) == len(TIERS) * len(EVENTS)
    assert world.violations == []
    if all(tier.fleet.desired > 1 for tier in world.contract.tiers):
        assert world.cloud.traffic.failed() == 0
    world.clock.sleep(300)
    for state in world.deployer().observe().tiers:
        assert state.live is not None
        assert state.live.target_group is not None
        assert state.live.group is not None
        health = world.ports().balancer.health(state.live.target_group.arn)
        assert health.healthy == state.live.group.desired, f"{state.tier}: {health}"


LOGIN = """
[[smoke]]
name = "log in"
tier = "app"
key = true
steps = [{ path = "/api/login" }]
"""


@pytest.mark.parametrize(
    ("color", "percent"), [(Color.GREEN, 25), (Color.GREEN, 50), (Color.BLUE, 25), (Color.BLUE, 50)]
)
def test_a_host_that_dies_without_a_word_is_no_fault_of_the_release(color: Color, percent: int) -> None:
    """Until the balancer's checks notice it, half of the fleet's requests fail, those of probes too."""
    world = SlowBoots("prod", ("app",))
    fast = POLICY.replace('interval = "20s"', 'interval = "10s"')
    world.policy = parse_policy(fast + LOGIN, stack="sim", source="deploy.toml")
    world.load(600)
    world.at(percent, "app", color, "dies")
    deployer = world.deployer()
    result = deployer.run(deployer.plan_promotion("v1.1.0"))
    assert result.ending is Ending.RELEASED, world.story()
    version = "v1.1.0" if color is Color.GREEN else "v1.0.0"
    assert world.cloud.traffic.failed() == world.cloud.traffic.ledger[version, Lost.NO_CONNECTION] > 100
    story = world.story()
    held = "hold: app: blue has 1 healthy host of the 2 that its share needs" in story
    assert held is ((color, percent) == (Color.BLUE, 25)), story
    measured = [entry.event for _, entry in world.entries if isinstance(entry.event, Measured)]
    (later,) = {
        one.event.blue_notice - one.event.notice
        for _, one in world.entries
        if isinstance(one.event, ShareWatched)
    }
    assert later == 2 * (20.0 - 10.0), "blue is looked at by the slow clock"
    # Unhealthy, gone, replaced: looks at green between those at blue change nothing.
    assert len([one for one in measured if one.short is not None]) == (3 if held else 0)
    assert "blue itself is unhealthy" not in story
    # At green's first share the host is found before the first period begins.
    assert ("that died with i-" in story) is ((color, percent) != (Color.GREEN, 25))


@pytest.mark.parametrize("color", Color)
def test_who_resumes_knows_what_died_while_nobody_looked(color: Color) -> None:
    """The deployer dies with the host, and another one continues once the balancer has noticed."""
    world = SlowBoots("prod", ("app",))
    world.load(600)
    world.at(50, "app", color, "dies")
    deaths = iter([Crashed("with the host")])

    def listen(entry: Entry) -> None:
        if world.happened and isinstance(entry.event, VerdictGiven) and (death := next(deaths, None)):
            raise death

    world.listeners.append(listen)
    deployer = world.deployer()
    with pytest.raises(Crashed):
        deployer.run(deployer.plan_promotion("v1.1.0"))
    world.cloud.world.conditions.set({"boot_extra_seconds": 9.0})  # or its failures are too old to be read
    world.clock.sleep(50)
    result = world.deployer("second@host:2").resume()
    assert result.ending is Ending.RELEASED, world.story()
    story = world.story()
    assert "that died with i-" in story
    assert "blue itself is unhealthy" not in story


def test_a_key_function_that_fails_on_every_host_is_not_put_down_to_a_lost_one() -> None:
    """All of green's hosts take connections and answer nothing: the first probe that meets it decides."""
    world = SlowBoots("prod", ("app",))
    world.policy = parse_policy(POLICY + LOGIN, stack="sim", source="deploy.toml")
    for host in range(2):
        world.at(25, "app", Color.GREEN, f"dies {host}")
    deployer = world.deployer()
    result = deployer.run(deployer.plan_promotion("v1.1.0"))
    assert result.ending is Ending.ROLLED_BACK, world.story()
    assert world.weights() == {"app": {"v1.0.0": 100}}


def test_a_fleet_of_one_that_loses_its_host_leaves_its_users_with_blue() -> None:
    """Green has no target for the four minutes of a boot: blue stands in, and the release continues."""
    world = SlowBoots("dev", ("app",))
    world.load(600)
    world.at(50, "app", Color.GREEN, "is lost")
    deployer = world.deployer()
    result = deployer.run(deployer.plan_promotion("v1.1.0"))
    assert result.ending is Ending.RELEASED, world.story()
    story = world.story()
    assert (
        "app: green's last host is gone; blue carries its share until Auto Scaling has replaced it" in story
    )
    assert "app: 50 % on green again" in story
    nobody = world.cloud.traffic.failed() / 600
    assert nobody <= 40, f"half of the users had nobody for {2 * nobody:.0f} s"
    assert world.orphans() == []


def test_one_whose_host_never_comes_back_is_rolled_back() -> None:
    world = SlowBoots("dev", ("app",))
    world.at(50, "app", Color.GREEN, "is lost")
    world.after_first(StepKind.WEIGHTS, lambda: world.cloud.world.conditions.set({"full_zones": ["*"]}))
    deployer = world.deployer()
    result = deployer.run(deployer.plan_promotion("v1.1.0"))
    assert result.ending is Ending.ROLLED_BACK, world.story()
    assert "waiting for a new host of green" in result.words
    assert world.weights() == {"app": {"v1.0.0": 100}}


def test_where_nobody_is_left_to_stand_in_a_new_host_is_waited_for() -> None:
    """Both fleets of one lose their host: nothing is moved from nobody to nobody."""
    world = SlowBoots("dev", ("app",))
    world.at(50, "app", Color.BLUE, "is lost")
    world.at(50, "app", Color.GREEN, "is lost")
    deployer = world.deployer()
    result = deployer.run(deployer.plan_promotion("v1.1.0"))
    assert result.ending is Ending.RELEASED, world.story()
    assert "blue has no healthy target either" in world.story()
    assert world.violations == []
