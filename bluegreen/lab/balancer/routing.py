"""From a request to the target that answers it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bluegreen.lab.balancer.pool import Member, Pool
from bluegreen.lab.balancer.snapshot import FixedResponse, Forward, Rule, Snapshot
from bluegreen.lab.balancer.stickiness import pinned_group, set_cookie
from bluegreen.lab.http1.message import Header, Request
from bluegreen.lab.round_robin import WeightedRoundRobin


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarded:
    """The chosen target; `member` is None where the group has none (503)."""

    group: str
    member: Member | None
    cookie: Header | None


class Router:
    """Holds the last snapshot and decides by it; `now` is epoch time in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.snapshot: Snapshot | None = None
        self.pools: dict[str, Pool] = {}
        self._turns: dict[str, WeightedRoundRobin[str]] = {}

    def apply(self, snapshot: Snapshot) -> None:
        """Obey `snapshot` from the next request on; requests under way are not touched."""
        gone = self.pools.keys() - snapshot.groups.keys()
        for arn in gone:
            self.pools.pop(arn).retire()
        for arn, group in snapshot.groups.items():
            if arn in self.pools:
                self.pools[arn].update(group)
            else:
                self.pools[arn] = Pool(group)
        turns = {}
        for rule in snapshot.rules:
            if isinstance(rule.action, Forward):
                # A rule whose weights did not change goes on where it stood: its shares stay exact.
                known = self._turns.get(rule.arn)
                same = known is not None and known.weights == rule.action.groups
                turns[rule.arn] = known if known and same else WeightedRoundRobin(rule.action.groups)
        self._turns = turns
        self.snapshot = snapshot

    @property
    def listening(self) -> bool:
        return self.snapshot is not None and self.snapshot.port is not None

    def route(self, request: Request) -> Forwarded | FixedResponse | None:
        """What to do with `request`; None where no target group has any weight (503)."""
        rule = self._rule(request)
        if rule is None:
            return None
        if isinstance(rule.action, FixedResponse):
            return rule.action
        now = self._now()
        arn = pinned_group(rule.action, request, now) or self._turns[rule.arn].next()
        if arn is None:
            return None
        pool = self.pools.get(arn)
        return Forwarded(
            group=arn, member=pool.choose() if pool else None, cookie=set_cookie(rule.action, arn, now)
        )

    def _rule(self, request: Request) -> Rule | None:
        rules = self.snapshot.rules if self.snapshot else ()
        return next((rule for rule in rules if all(one.matches(request) for one in rule.conditions)), None)
