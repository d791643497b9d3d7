"""What the control server tells the balancer: rules, target groups and targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_DEFAULT_RULE = 50_001
"""ELBv2 priorities end at 50,000; the default rule is tried last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matcher:
    """The status codes that pass a health check, e.g. `200,301` or `200-299`."""

    ranges: tuple[tuple[int, int], ...]

    @classmethod
    def parse(cls, text: str) -> Matcher:
        parts = [part.partition("-") for part in text.split(",")]
        return cls(ranges=tuple((int(first), int(last or first)) for first, _, last in parts))


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """Times in seconds, before the balancer's time scale."""

    path: str
    interval: float
    timeout: float
    healthy: int
    unhealthy: int
    matcher: Matcher


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Holds where any of its values does; `name` is that of a header."""

    field: str
    values: tuple[str, ...]
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A registered target; `address` is None while its instance has no process yet."""

    id: str
    port: int
    draining: bool
    address: tuple[str, int] | None


def listens_at(target: Target) -> str:
    """One text for where `target` listens; a path where nothing ever does while it has no process."""
    if target.address is None:
        return f"/nonexistent/{target.id}:{target.port}"
    return f"{target.address[0]}:{target.address[1]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    arn: str
    health_check: HealthCheck
    algorithm: str
    in_use: bool
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """Weighted target groups, with group stickiness where `stickiness_seconds` is set."""

    groups: tuple[tuple[str, int], ...]
    stickiness_seconds: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedResponse:
    status: int
    content_type: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    arn: str
    priority: int
    conditions: tuple[Condition, ...]
    action: Forward | FixedResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything at one version; rules in the order in which they are tried."""

    version: int
    port: int | None
    """The listener's port in AWS; None where there is no listener."""
    rules: tuple[Rule, ...]
    groups: Mapping[str, Group]

    @property
    def named(self) -> frozenset[str]:
        """The groups that the rules name as the data plane sees them now."""
        forwards = [rule.action for rule in self.rules if isinstance(rule.action, Forward)]
        return frozenset(arn for action in forwards for arn, _ in action.groups)

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Snapshot:
        """Raises KeyError, TypeError or ValueError where `document` is not a snapshot."""
        rules = sorted((_rule(one) for one in document["rules"]), key=lambda rule: rule.priority)
        return cls(
            version=int(document["version"]),
            port=document["listener"]["port"],
            rules=tuple(rules),
            groups={arn: _group(arn, one) for arn, one in document["groups"].items()},
        )


def _rule(document: Mapping[str, Any]) -> Rule:
    priority = document["priority"]
    return Rule(
        arn=document["arn"],
        priority=_DEFAULT_RULE if priority == "default" else int(priority),
        conditions=tuple(_condition(one) for one in document["conditions"]),
        action=_action(document["action"]),
    )


def _condition(document: Mapping[str, Any]) -> Condition:
    values = tuple(one for one in document["values"] if isinstance(one, str))
    return Condition(field=document["field"], name=document.get("name", ""), values=values)


def _action(document: Mapping[str, Any]) -> Forward | FixedResponse:
    if document["type"] == "forward":
        return Forward(
            groups=tuple((one["arn"], int(one["weight"])) for one in document["groups"]),
            stickiness_seconds=document["stickiness_seconds"],
        )
    if document["type"] == "fixed-response":
        return FixedResponse(
            status=int(document["status"]), content_type=document["content_type"], body=document["body"]
        )
    return FixedResponse(
        status=501, content_type="text/plain", body=f"the lab does not perform {document['type']} actions\n"
    )


def _group(arn: str, document: Mapping[str, Any]) -> Group:
    check = document["health_check"]
    return Group(
        arn=arn,
        health_check=HealthCheck(
            path=check["path"],
            interval=float(check["interval"]),
            timeout=float(check["timeout"]),
            healthy=int(check["healthy"]),
            unhealthy=int(check["unhealthy"]),
            matcher=Matcher.parse(str(check["matcher"])),
        ),
        algorithm=str(document["algorithm"]),
        in_use=bool(document["in_use"]),
        targets=tuple(_target(one) for one in document["targets"]),
    )


def _target(document: Mapping[str, Any]) -> Target:
    address = document["address"]
    return Target(
        id=document["id"],
        port=int(document["port"]),
        draining=document["state"] == "draining",
        address=(str(address[0]), int(address[1])) if address else None,
    )
