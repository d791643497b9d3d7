"""Pairs of settings of which one must be greater than the other, as one table.

AWS checks most such pairs only when it creates the resource: halfway through an update.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infra.settings.stores import COLD_AFTER_DAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordering:
    """`greater` and `than` are dotted paths of settings (`*` is every key); `than` may be a number."""

    greater: str
    than: str | int
    why: str

    @property
    def section(self) -> str:
        """The section that holds both numbers."""
        return self.greater.partition(".")[0]


ORDERINGS = (
    Ordering(
        greater="storage.training_data_days",
        than=COLD_AFTER_DAYS,
        why="the day on which training data moves to STANDARD_IA; S3 can delete it only after that",
    ),
    Ordering(
        greater="tiers.*.health_check.interval_seconds",
        than="tiers.*.health_check.timeout_seconds",
        why="a target group's check must end before the next begins",
    ),
    Ordering(
        greater="tiers.*.boot_budget_seconds",
        than="tiers.*.warmup_seconds",
        why="an instance that is still warming up must not be replaced",
    ),
)
"""S3, PutBucketLifecycleConfiguration: "'Days' in the Expiration action must be greater than 'Days' in the
Transition action". ELBv2, CreateTargetGroup: the health check interval must be greater than the timeout."""


def disorder(parts: Mapping[str, Any], orderings: tuple[Ordering, ...] = ORDERINGS) -> Iterator[str]:
    """Every broken ordering among the valid sections: key, value, what is allowed and why."""
    for rule in orderings:
        if rule.section not in parts:
            continue
        for place, value in _at(parts, rule.greater):
            bound, words = _bound(parts, rule, place)
            if value <= bound:
                yield f"{place}: {value} must be greater than {words} ({rule.why})"


def _bound(parts: Mapping[str, Any], rule: Ordering, place: str) -> tuple[int, str]:
    """The other number, and its wording; its `*` stand for the same keys as in `place`."""
    if isinstance(rule.than, int):
        return rule.than, str(rule.than)
    keys = zip(rule.greater.split("."), place.split("."), strict=True)
    stars = iter([key for pattern, key in keys if pattern == "*"])
    path = ".".join(next(stars) if part == "*" else part for part in rule.than.split("."))
    ((_, value),) = _at(parts, path)
    return value, f"{path.rpartition('.')[2]} {value}"


def _at(value: Any, path: str, above: str = "") -> Iterator[tuple[str, int]]:
    """Every number at `path`, with its full path."""
    head, _, rest = path.partition(".")
    for key in list(value) if head == "*" else [head]:
        inner = value[key] if isinstance(value, Mapping) else getattr(value, key)
        place = f"{above}.{key}" if above else str(key)
        if rest:
            yield from _at(inner, rest, place)
        else:
            yield place, inner
