"""What exists in the stack, as it was observed: target groups, fleets, rules, weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bluegreen.contract import MANAGED_BY, Tag, Tier
from bluegreen.domain.release import Color, Image, Model


def is_ours(tags: Mapping[str, str], stack: str) -> bool:
    """Whether sc-deploy made this for `stack`; anything else is never changed or deleted."""
    return tags.get(Tag.MANAGED_BY) == MANAGED_BY and tags.get(Tag.STACK) == stack


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Targets of a target group by state; only `healthy` counts as good."""

    healthy: int = 0
    initial: int = 0
    unhealthy: int = 0
    draining: int = 0
    unused: int = 0
    reasons: tuple[str, ...] = ()
    healthy_ids: tuple[str, ...] = ()
    unhealthy_ids: tuple[str, ...] = ()
    """Instances by state."""

    @property
    def registered(self) -> int:
        """Targets that should serve: everything but draining ones."""
        return self.healthy + self.initial + self.unhealthy + self.unused

    def __str__(self) -> str:
        parts = [f"{self.healthy} healthy"]
        others = (("initial", self.initial), ("unhealthy", self.unhealthy), ("draining", self.draining))
        parts += [f"{count} {name}" for name, count in (*others, ("unused", self.unused)) if count]
        return ", ".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class SickTargets:
    """Green's targets that were healthy and are no more, or were not within their boot budget."""

    ids: tuple[str, ...]
    left: int
    """Healthy targets without those that have fallen sick in this step, their replacements included."""
    needed: int
    """The least that the traffic needs."""

    @property
    def enough(self) -> bool:
        """Whether those that are left carry the traffic: then the fleet heals, and nobody is to blame."""
        return self.left >= self.needed


@dataclass(frozen=True, slots=True, kw_only=True)
class BlueShort:
    """Blue has fewer healthy targets than its share of the traffic needs."""

    healthy: int
    needed: int
    unhealthy: tuple[str, ...] = ()
    """Those that fail their checks; a host that is gone altogether is not among them."""

    @property
    def words(self) -> str:
        """As people read it."""
        which = f" ({', '.join(self.unhealthy)} unhealthy)" if self.unhealthy else ""
        hosts = "host" if self.healthy == 1 else "hosts"
        return (
            f"blue has {self.healthy} healthy {hosts} of the {self.needed} that its share needs{which}: "
            "waiting until it carries it again"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HostLost:
    """A target that was healthy and is no more."""

    tier: Tier
    target: str
    of: int
    """Healthy targets before, this one included."""
    since: float
    """Epoch seconds from which on requests to it may have failed: the balancer's checks need a while."""
    until: float
    """And up to which."""
    arm: Color = Color.GREEN


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetGroup:
    """A target group of this load balancer's VPC."""

    arn: str
    name: str
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def metric_dimension(self) -> str:
        """The value CloudWatch knows it by: targetgroup/<name>/<id>."""
        return self.arn.rsplit(":", 1)[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """An Auto Scaling Group: its bounds and the instances in service."""

    name: str
    minimum: int
    desired: int
    maximum: int
    instances: tuple[str, ...] = ()
    in_service: int = 0
    hosts: tuple[str, ...] = ()
    """The instances that run and stay: what is leaving takes no new task."""
    target_groups: tuple[str, ...] = ()
    launch_template_version: int | None = None
    """The host that its instances are launched as; None where the group pins no version."""
    deleting: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A listener rule: its conditions and the weight of each target group it forwards to."""

    arn: str
    priority: int
    weights: Mapping[str, int] = field(default_factory=dict)
    path_patterns: tuple[str, ...] = ()
    preview_token: str | None = None
    forwards: bool = True
    """False for any action that is not one plain forward; only a rollback rewrites such a rule."""
    replaced: str = ""
    """What an urgent write found instead of a forward and has replaced; empty where nothing."""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """One release of one tier: its target group and its Auto Scaling Group."""

    tier: Tier
    deployment: int
    version: str
    image: Image | None = None
    model: Model | None = None
    color: str = ""
    target_group: TargetGroup | None = None
    group: Group | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TierState:
    """One tier as it was observed."""

    tier: Tier
    rule: Rule | None = None
    previews: tuple[Rule, ...] = ()
    fleets: tuple[Fleet, ...] = ()

    def weight(self, fleet: Fleet) -> int:
        """The weight the live rule gives `fleet`; 0 where it names it not at all."""
        if self.rule is None or fleet.target_group is None:
            return 0
        return self.rule.weights.get(fleet.target_group.arn, 0)

    def percent(self, fleet: Fleet) -> int:
        """The share of the traffic that the live rule gives `fleet`."""
        total = sum(self.rule.weights.values()) if self.rule else 0
        return round(100 * self.weight(fleet) / total) if total else 0

    def routes(self, fleet: Fleet) -> bool:
        """Whether requests can reach `fleet`: the live rule names it, with any weight, and it exists."""
        if self.rule is None or fleet.target_group is None or fleet.group is None:
            return False
        return fleet.target_group.arn in self.rule.weights

    @property
    def live(self) -> Fleet | None:
        """The fleet that gets the most traffic; None on an empty tier."""
        serving = [fleet for fleet in self.fleets if self.weight(fleet) > 0]
        return max(serving, key=lambda f: (self.weight(f), -f.deployment), default=None)

    def fleet(self, deployment: int) -> Fleet | None:
        """The fleet that deployment number `deployment` made."""
        return next((fleet for fleet in self.fleets if fleet.deployment == deployment), None)

    @property
    def leftovers(self) -> tuple[Fleet, ...]:
        """Fleets without weight: kept blues and what an aborted deployment left."""
        return tuple(fleet for fleet in self.fleets if self.weight(fleet) == 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class StackState:
    """Everything sc-deploy owns in one stack, as observed at one moment."""

    stack: str
    tiers: tuple[TierState, ...]

    def of(self, tier: Tier) -> TierState:
        """The state of `tier`; raises KeyError where the contract has none."""
        return {state.tier: state for state in self.tiers}[tier]

    @property
    def last_deployment(self) -> int:
        """The highest deployment number any tag names; 0 on an empty stack."""
        return max((fleet.deployment for state in self.tiers for fleet in state.fleets), default=0)
