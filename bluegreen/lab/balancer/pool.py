"""Target groups at run time: which targets may be asked, and whose turn it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from bluegreen.lab.balancer.snapshot import Group
from bluegreen.lab.balancer.upstream import Upstream


class Health(StrEnum):
    """What the balancer's own checks say of a target."""

    INITIAL = "initial"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


@dataclass(slots=True, kw_only=True, eq=False)
class Member:
    """One registered target with its connections."""

    group: str
    id: str
    port: int
    address: tuple[str, int] | None
    draining: bool
    health: Health = Health.INITIAL
    reason: str = ""
    outstanding: int = 0
    idle: list[Upstream] = field(default_factory=list)
    """Kept-alive connections without a request, the last used last."""

    @property
    def name(self) -> tuple[str, str, int]:
        return self.group, self.id, self.port

    def close_idle(self) -> None:
        while self.idle:
            self.idle.pop().close()


class Pool:
    """One target group: its members, and round robin over those that may be asked."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self.members: dict[tuple[str, int], Member] = {}
        self._turn = 0
        self._eligible: list[Member] = []
        self.update(group)

    def update(self, group: Group) -> None:
        """Take over `group` as it is now; what stayed keeps its health and its connections."""
        self.group = group
        kept: dict[tuple[str, int], Member] = {}
        for target in group.targets:
            key = (target.id, target.port)
            member = self.members.pop(key, None)
            if member is None or member.address != target.address:
                if member is not None:
                    member.close_idle()
                member = Member(
                    group=group.arn,
                    id=target.id,
                    port=target.port,
                    address=target.address,
                    draining=target.draining,
                )
            member.draining = target.draining
            if member.draining:
                member.close_idle()
            if not group.in_use:
                member.health, member.reason = Health.INITIAL, ""
            kept[key] = member
        self.retire()
        self.members = kept
        self.refresh()

    def retire(self) -> None:
        """Let every member go; what they have begun they finish."""
        for member in self.members.values():
            member.draining = True
            member.close_idle()
        self.members = {}

    def refresh(self) -> None:
        """Decide anew who may be asked: the healthy, or all where none is (ALB fails open)."""
        registered = [member for member in self.members.values() if not member.draining]
        healthy = [member for member in registered if member.health is Health.HEALTHY]
        self._eligible = healthy or registered

    def choose(self) -> Member | None:
        """The target for the next request; None where none is registered."""
        if not self._eligible:
            return None
        self._turn = (self._turn + 1) % len(self._eligible)
        if not self.group.least_outstanding:
            return self._eligible[self._turn]
        # Ties go round, or the first target would take all of a light load.
        ordered = self._eligible[self._turn :] + self._eligible[: self._turn]
        return min(ordered, key=lambda member: member.outstanding)

    def counted(self) -> tuple[int, int]:
        """How many targets are healthy and unhealthy, as HealthyHostCount and its sibling count."""
        registered = [member.health for member in self.members.values() if not member.draining]
        return registered.count(Health.HEALTHY), registered.count(Health.UNHEALTHY)
