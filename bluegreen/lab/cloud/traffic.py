"""Virtual traffic: clients without sockets, for tests on a manual clock.

Every second of the simulation the asked rate is routed by the rules as the data plane sees them,
counted into CloudWatch, and into a ledger of what the clients got. Nothing is random.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from bluegreen.lab.cloud.behaviour import Behaviour, BehaviourOf
from bluegreen.lab.cloud.elb.state import Health, State, Target
from bluegreen.lab.cloud.elb.targets import Targets
from bluegreen.lab.cloud.instances import Instance
from bluegreen.lab.cloud.metrics.balancer import BalancerMetrics
from bluegreen.lab.cloud.routing import Spread, eligible, matching_rule
from bluegreen.lab.cloud.world import World

_RELEASE_TAG = "sportcoach:release"


class Outcome(StrEnum):
    """What became of a client's request."""

    OK = "ok"
    ERROR = "error"
    """The release answered 5xx by its own fault."""
    UNHEALTHY = "unhealthy"
    """Sent to an unhealthy target (fail open) that answered 503."""
    NO_CONNECTION = "no-connection"
    """The target was gone or not up yet: 502."""
    NO_TARGET = "no-target"
    """The target group has no registered target, or no group has weight: 503."""
    FIXED = "fixed"
    """A fixed response or a redirect of the balancer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where one request would go."""

    status: int
    group: str = ""
    instance: Instance | None = None
    body: str = ""


@lru_cache(maxsize=64)
def _weights(latency: tuple[tuple[float, float], ...]) -> tuple[tuple[str, float], ...]:
    """(number of the part, share) of a latency, made once: every second of traffic asks for it."""
    return tuple((str(index), share) for index, (_, share) in enumerate(latency))


class Traffic:
    """Clients of the load balancer; `rates` are requests per second by path."""

    def __init__(
        self,
        world: World,
        *,
        state: State,
        targets: Targets,
        metrics: BalancerMetrics,
        behaviour: BehaviourOf,
    ) -> None:
        self.rates: dict[str, float] = {}
        self.ledger: Counter[tuple[str, Outcome]] = Counter()
        """(release, outcome) -> requests; the release is empty where none was reached."""
        self.requests: Counter[str] = Counter()
        """Requests by target group ARN."""
        self._world = world
        self._state = state
        self._targets = targets
        self._metrics = metrics
        self._behaviour = behaviour
        self._spread = Spread()
        self._second = int(world.at)

    def failed(self) -> int:
        """Requests that ended otherwise than OK."""
        return sum(count for (_, outcome), count in self.ledger.items() if outcome is not Outcome.OK)

    def tick(self) -> None:
        """Produce the seconds that have passed since the last tick."""
        now = int(self._world.at)
        if self.rates:
            for second in range(self._second, now):
                self._metrics.ingest(self._produce(second))
        self._second = now

    def _produce(self, second: int) -> dict[str, Any]:
        groups: dict[str, _Counters] = defaultdict(_Counters)
        balancer: Counter[str] = Counter()
        for path, rate in self.rates.items():
            number = self._spread.count(f"rate {path}", rate)
            self._send(path, number, groups, balancer)
        for arn in self._state.in_use():
            counters = groups[arn]
            group = self._state.groups[arn]
            states = [self._targets.health_of(group, key)[0] for key in group.targets]
            counters.hosts = (states.count(Health.HEALTHY), states.count(Health.UNHEALTHY))
        return {
            "at": second,
            "groups": {arn: counters.document() for arn, counters in groups.items()},
            "elb": dict(balancer),
        }

    def _send(self, path: str, number: int, groups: dict[str, _Counters], balancer: Counter[str]) -> None:
        rule = matching_rule(self._state.visible_rules, path, {})
        action = rule.actions[-1] if rule else None
        if rule is None or action is None or action["Type"] != "forward":
            self.ledger["", Outcome.FIXED] += number
            balancer["fixed"] += number
            return
        weights = [
            (one["TargetGroupArn"], float(one["Weight"])) for one in action["ForwardConfig"]["TargetGroups"]
        ]
        shares = self._spread.share(rule.arn, weights, number)
        lost = number - sum(shares.values())
        for arn, share in shares.items():
            self.requests[arn] += share
            lost += self._serve(path, arn, share, groups[arn], balancer)
        if lost:
            self.ledger["", Outcome.NO_TARGET] += lost
            balancer["5xx"] += lost
            balancer["503"] += lost

    def _serve(self, path: str, arn: str, number: int, counters: _Counters, balancer: Counter[str]) -> int:
        """Send `number` requests to one group; returns how many found no target."""
        group = self._state.groups.get(arn)
        found = eligible(self._targets, group) if group else []
        if not found:
            return number
        by_id = {one.id: one for one in found}
        for target_id, share in self._spread.share(arn, [(one, 1.0) for one in by_id], number).items():
            self._answer(path, by_id[target_id], share, counters, balancer)
        return 0

    def _answer(
        self, path: str, target: Target, number: int, counters: _Counters, balancer: Counter[str]
    ) -> None:
        instance = self._targets.instance_of(target.id)
        counters.requests += number
        balancer["requests"] += number
        release = instance.tags.get(_RELEASE_TAG, "") if instance else ""
        if instance is None or not instance.alive or self._world.at < instance.boots_at:
            counters.refused += number
            balancer["5xx"] += number
            balancer["502"] += number
            self.ledger[release, Outcome.NO_CONNECTION] += number
            return
        behaviour = self._behaviour(instance)
        bad, outcome = self._bad(path, release, behaviour, number)
        counters.bad += bad
        counters.good += number - bad
        for seconds, share in self._latencies(release, behaviour, number):
            counters.latency[seconds] += share
        self.ledger[release, outcome] += bad
        self.ledger[release, Outcome.OK] += number - bad

    def _bad(self, path: str, release: str, behaviour: Behaviour, number: int) -> tuple[int, Outcome]:
        if not behaviour.healthy:
            return number, Outcome.UNHEALTHY
        if behaviour.breaks(path):
            return number, Outcome.ERROR
        return self._spread.count(f"errors {release}", number * behaviour.error_rate), Outcome.ERROR

    def _latencies(self, release: str, behaviour: Behaviour, number: int) -> list[tuple[float, int]]:
        shares = self._spread.share(f"latency {release}", _weights(behaviour.latency), number)
        return [(behaviour.latency[int(index)][0], share) for index, share in shares.items()]

    def route(self, path: str, headers: Mapping[str, str] | None = None) -> Route:
        """Send one request and say where it went; probers of tests stand on this."""
        rule = matching_rule(self._state.visible_rules, path, headers or {})
        action = rule.actions[-1] if rule else None
        if rule is None or action is None:
            return Route(status=503)
        if action["Type"] != "forward":
            config = action.get("FixedResponseConfig") or {}
            return Route(status=int(config.get("StatusCode", 302)), body=config.get("MessageBody", ""))
        weights = [
            (one["TargetGroupArn"], float(one["Weight"])) for one in action["ForwardConfig"]["TargetGroups"]
        ]
        chosen = next(iter(self._spread.share(f"probe {rule.arn}", weights, 1)), "")
        group = self._state.groups.get(chosen)
        found = eligible(self._targets, group) if group else []
        if not found:
            return Route(status=503, group=chosen)
        target = next(iter(self._spread.share(f"probe {chosen}", [(one.id, 1.0) for one in found], 1)))
        return self._probed(path, chosen, target)

    def _probed(self, path: str, group: str, target_id: str) -> Route:
        instance = self._targets.instance_of(target_id)
        if instance is None or not instance.alive or self._world.at < instance.boots_at:
            return Route(status=502, group=group, instance=instance)
        behaviour = self._behaviour(instance)
        release = instance.tags.get(_RELEASE_TAG, "")
        bad, outcome = self._bad(path, f"probe {release}", behaviour, 1)
        status = 200 if not bad else 503 if outcome is Outcome.UNHEALTHY else 500
        return Route(status=status, group=group, instance=instance)


class _Counters:
    """One target group's second."""

    def __init__(self) -> None:
        self.requests = self.good = self.bad = self.refused = 0
        self.latency: Counter[float] = Counter()
        self.hosts = (0, 0)

    def document(self) -> dict[str, Any]:
        return {
            "requests": self.requests,
            "2xx": self.good,
            "5xx": self.bad,
            "connection_errors": self.refused,
            "latency": list(self.latency.items()),
            "healthy": self.hosts[0],
            "unhealthy": self.hosts[1],
        }
