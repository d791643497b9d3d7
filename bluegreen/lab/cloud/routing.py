"""How an Application Load Balancer picks a rule, a target group and a target."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from bluegreen.lab.cloud.elb.actions import CONDITION_CONFIGS
from bluegreen.lab.cloud.elb.state import Health, Rule, Target, TargetGroup
from bluegreen.lab.cloud.elb.targets import Targets
from bluegreen.lab.cloud.world import Document


@lru_cache(maxsize=512)
def _pattern(wildcards: str, flags: int) -> re.Pattern[str]:
    """ELB's wildcards: * any number of characters, ? exactly one; nothing else is special."""
    text = re.escape(wildcards).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(text, flags | re.DOTALL)


def matching_rule(rules: Iterable[Rule], path: str, headers: Mapping[str, str]) -> Rule | None:
    """The first of `rules` (in order of priority) all of whose conditions hold."""
    lowered = {name.lower(): value for name, value in headers.items()}
    for rule in rules:
        if all(_holds(condition, path, lowered) for condition in rule.conditions):
            return rule
    return None


def _holds(condition: Document, path: str, headers: Mapping[str, str]) -> bool:
    """Paths are compared case-sensitively, header values are not (ELB's rules)."""
    config = condition[CONDITION_CONFIGS[condition["Field"]]]
    flags = int(re.IGNORECASE)
    match condition["Field"]:
        case "path-pattern":
            value, flags = path.partition("?")[0], 0
        case "http-header":
            value = headers.get(config["HttpHeaderName"].lower(), "")
        case "host-header":
            value = headers.get("host", "")
        case _:
            return False
    return any(_pattern(wanted, flags).fullmatch(value) for wanted in config["Values"])


def eligible(targets: Targets, group: TargetGroup) -> list[Target]:
    """Who gets the requests of `group`: the healthy targets, all where none is healthy (fail open)."""
    standing = [(key, one) for key, one in group.targets.items() if one.draining_until is None]
    healthy = [one for key, one in standing if targets.health_of(group, key)[0] is Health.HEALTHY]
    return healthy or [one for _, one in standing]


class Spread:
    """Shares out whole requests by weight, without chance and without drift."""

    def __init__(self) -> None:
        self._fractions: dict[str, float] = {}
        self._owed: dict[str, dict[str, float]] = {}
        """By name, what each key is owed."""

    def count(self, name: str, number: float) -> int:
        """The whole part of `number`; fractions add up over the calls."""
        owed = self._fractions.get(name, 0.0) + number
        whole = int(owed + 1e-9)
        self._fractions[name] = owed - whole
        return whole

    def share(self, name: str, weights: Sequence[tuple[str, float]], number: int) -> dict[str, int]:
        """`number` requests over the weighted keys; what is owed is remembered under `name`."""
        total = sum([weight for _, weight in weights])
        if total <= 0:
            return {}
        owed = self._owed.setdefault(name, {})
        due = [owed.get(key, 0.0) + number * weight / total for key, weight in weights]
        given = [int(one) if weight and one > 0 else 0 for one, (_, weight) in zip(due, weights, strict=True)]
        left = number - sum(given)
        if left:
            order = [at for at, (_, weight) in enumerate(weights) if weight]
            rest = [one - whole for one, whole in zip(due, given, strict=True)]
            order.sort(key=rest.__getitem__, reverse=left > 0)
            for index in range(abs(left)):
                at = order[index % len(order)]
                given[at] += 1 if left > 0 else -min(1, given[at])
        shares: dict[str, int] = {}
        for (key, _), one, count in zip(weights, due, given, strict=True):
            owed[key] = one - count
            if count:
                shares[key] = count
        return shares
