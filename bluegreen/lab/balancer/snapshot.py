"""What the control server tells the balancer: rules, target groups and targets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict

_DEFAULT_RULE = 50_001
"""ELBv2 priorities end at 50,000; the default rule is tried last."""


def _codes(text: object) -> object:
    """The status codes that pass a health check, e.g. `200,301` or `200-299`, as (first, last)."""
    if not isinstance(text, str):
        return text
    parts = [part.partition("-") for part in text.split(",")]
    return [(first, last or first) for first, _, last in parts]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True)


class HealthCheck(_Document):
    """Times in seconds, before the balancer's time scale."""

    path: str
    interval: float
    timeout: float
    healthy: int
    unhealthy: int
    matcher: Annotated[tuple[tuple[int, int], ...], BeforeValidator(_codes)]


class Target(_Document):
    """A registered target; `address` is None while its instance has no process yet."""

    id: str
    port: int
    state: str
    address: tuple[str, int] | None

    @property
    def draining(self) -> bool:
        return self.state == "draining"

    @property
    def listens_at(self) -> str:
        """One text for its address; a path where nothing ever listens while it has no process."""
        return "{}:{}".format(*self.address) if self.address else f"/nonexistent/{self.id}:{self.port}"


class Group(_Document):
    """A target group; `in_use` where a rule names it."""

    health_check: HealthCheck
    algorithm: str
    in_use: bool
    targets: tuple[Target, ...]


class Condition(_Document):
    """Holds where any of its values does; `name` is that of a header."""

    field: str
    values: tuple[object, ...]
    name: str = ""


class Weighted(_Document):
    """A target group's part of a rule."""

    arn: str
    weight: int


class Forward(_Document):
    """Weighted target groups, with group stickiness where `stickiness_seconds` is set."""

    type: Literal["forward"]
    groups: tuple[Weighted, ...]
    stickiness_seconds: int | None


class FixedResponse(_Document):
    """An answer of the load balancer's own."""

    type: Literal["fixed-response"]
    status: int
    content_type: str
    body: str


class Unmodelled(_Document):
    """A redirect, say."""

    type: str


class Rule(_Document):
    """One rule of the listener."""

    priority: Annotated[int, BeforeValidator(lambda given: _DEFAULT_RULE if given == "default" else given)]
    conditions: tuple[Condition, ...]
    action: Forward | FixedResponse | Unmodelled


class Listener(_Document):
    """`port` is the one in AWS; None where there is no listener."""

    port: int | None


class Snapshot(_Document):
    """Everything at one version. To parse what is none raises ValueError."""

    version: int
    listener: Listener
    rules: tuple[Rule, ...]
    groups: Mapping[str, Group]
    """By ARN."""

    @property
    def in_use(self) -> dict[str, Group]:
        """The groups that a rule names, in AWS or still in the data plane: those are checked."""
        named = {
            one.arn for rule in self.rules if isinstance(rule.action, Forward) for one in rule.action.groups
        }
        return {arn: group for arn, group in self.groups.items() if group.in_use or arn in named}
