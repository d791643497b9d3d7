"""The state of ELBv2, and the questions every part of it asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from bluegreen.lab.cloud.errors import CloudError
from bluegreen.lab.cloud.world import Document, World


class Health(StrEnum):
    """TargetHealth.State."""

    INITIAL = "initial"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    UNUSED = "unused"
    DRAINING = "draining"


@dataclass(slots=True, kw_only=True)
class LoadBalancer:
    arn: str
    name: str
    scheme: str
    vpc_id: str
    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]
    created: float

    @property
    def suffix(self) -> str:
        """The value of the CloudWatch dimension LoadBalancer."""
        return self.arn.partition(":loadbalancer/")[2]


@dataclass(slots=True, kw_only=True)
class Listener:
    arn: str
    load_balancer: str
    protocol: str
    port: int
    extra: Document
    """Certificates and SslPolicy, kept as given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Never changed in place: the data plane may still see an older one."""

    arn: str
    listener: str
    priority: int | None
    """None: the listener's default rule."""
    conditions: tuple[Document, ...]
    actions: tuple[Document, ...]


@dataclass(slots=True, kw_only=True)
class Target:
    id: str
    port: int
    registered_at: float
    health: Health = Health.INITIAL
    reason: str = ""
    description: str = ""
    draining_until: float | None = None
    next_check: float = 0.0
    streak: int = 0
    """Consecutive checks that contradict `health`."""


@dataclass(slots=True, kw_only=True)
class TargetGroup:
    arn: str
    name: str
    settings: Document
    """As CreateTargetGroup took them, with AWS's defaults filled in."""
    attributes: dict[str, str]
    targets: dict[tuple[str, int], Target] = field(default_factory=dict)

    @property
    def suffix(self) -> str:
        """The value of the CloudWatch dimension TargetGroup."""
        return self.arn.rpartition(":")[2]

    @property
    def sticky(self) -> bool:
        return self.attributes["stickiness.enabled"] == "true"


def weights_of(actions: Iterable[Document]) -> dict[str, int]:
    """Weight by target group ARN of the forward action among `actions` (normalised form)."""
    return {
        group["TargetGroupArn"]: group["Weight"]
        for action in actions
        if action["Type"] == "forward"
        for group in action["ForwardConfig"]["TargetGroups"]
    }


class State:
    """All of ELBv2 in one region."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.balancers: dict[str, LoadBalancer] = {}
        self.listeners: dict[str, Listener] = {}
        self.rules: dict[str, Rule] = {}
        self.groups: dict[str, TargetGroup] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.revision = 1
        """Grows with whatever the data plane must hear of."""
        self.visible_rules: tuple[Rule, ...] = ()
        """The rules as the data plane sees them."""
        self._underway: list[tuple[float, tuple[Rule, ...]]] = []

    def balancer(self, arn: str) -> LoadBalancer:
        if arn not in self.balancers:
            raise CloudError("LoadBalancerNotFound", f"Load balancer '{arn}' not found")
        return self.balancers[arn]

    def listener(self, arn: str) -> Listener:
        if arn not in self.listeners:
            raise CloudError("ListenerNotFound", f"Listener '{arn}' not found")
        return self.listeners[arn]

    def rule(self, arn: str) -> Rule:
        if arn not in self.rules:
            raise CloudError("RuleNotFound", f"Rule '{arn}' not found")
        return self.rules[arn]

    def group(self, arn: str) -> TargetGroup:
        if arn not in self.groups:
            raise CloudError("TargetGroupNotFound", f"Target group '{arn}' not found")
        return self.groups[arn]

    def rules_of(self, listener: str) -> list[Rule]:
        """In the order in which they are tried, the default rule last."""
        found = [rule for rule in self.rules.values() if rule.listener == listener]
        return sorted(found, key=lambda rule: (rule.priority is None, rule.priority or 0))

    def balancers_of(self, group: str) -> list[str]:
        """The load balancers one of whose rules names `group`; none or one."""
        found = {
            self.listeners[rule.listener].load_balancer
            for rule in self.rules.values()
            if group in weights_of(rule.actions)
        }
        return sorted(found)

    def groups_of(self, balancer: str) -> set[str]:
        """Every target group that a rule of `balancer` names."""
        return set(self._named(balancer))

    def _named(self, balancer: str) -> Iterator[str]:
        for rule in self.rules.values():
            if self.listeners[rule.listener].load_balancer == balancer:
                yield from weights_of(rule.actions)

    def rules_changed(self, before: set[str]) -> None:
        """Send the rules on their way to the data plane.

        `before` names the target groups in use until now: health checks start where a group comes
        into use and end where it goes out of use.
        """
        now = self.world.at
        order = tuple(rule for arn in self.listeners for rule in self.rules_of(arn))
        self._underway.append((now + self.world.settings.rule_propagation_seconds, order))
        for arn in before ^ self.in_use():
            if arn in self.groups:
                self._restart_checks(self.groups[arn])
        self.revision += 1
        self.tick()

    def in_use(self) -> set[str]:
        return {arn for rule in self.rules.values() for arn in weights_of(rule.actions)}

    def _restart_checks(self, group: TargetGroup) -> None:
        for key, target in list(group.targets.items()):
            if target.draining_until is not None:
                del group.targets[key]
                continue
            target.health, target.reason, target.description = Health.INITIAL, "", ""
            target.streak, target.next_check = 0, self.world.at

    def tick(self) -> None:
        """Let rules arrive at the data plane and finished drains end."""
        now = self.world.at
        while self._underway and self._underway[0][0] <= now:
            self.visible_rules = self._underway.pop(0)[1]
            self.revision += 1
        for group in self.groups.values():
            for key, target in list(group.targets.items()):
                if target.draining_until is not None and target.draining_until <= now:
                    del group.targets[key]
                    self.revision += 1
