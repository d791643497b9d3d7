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
        self._owed: dict[tuple[str, str], float] = {}

    def count(self, name: str, number: float) -> int:
        """The whole part of `number`; fractions add up over the calls."""
        owed = self._owed.get((name, ""), 0.0) + number
        whole = int(owed + 1e-9)
        self._owed[name, ""] = owed - whole
        return whole

    def share(self, name: str, weights: Sequence[tuple[str, float]], number: int) -> dict[str, int]:
        """`number` requests over the weighted keys; what is owed is remembered under `name`."""
        total = sum(weight for _, weight in weights)
        if total <= 0:
            return {}
        given: dict[str, int] = {}
        for key, weight in weights:
            owed = self._owed.get((name, key), 0.0) + number * weight / total
            self._owed[name, key] = owed
            given[key] = max(0, int(owed)) if weight else 0
        left = number - sum(given.values())
        order = sorted(
            (key for key, weight in weights if weight),
            key=lambda key: self._owed[name, key] - given[key],
            reverse=left > 0,
        )
        for index in range(abs(left)):
            key = order[index % len(order)]
            given[key] += 1 if left > 0 else -min(1, given[key])
        for key, count in given.items():
            self._owed[name, key] -= count
        return {key: count for key, count in given.items() if count}
