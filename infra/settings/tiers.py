"""Settings for the fleets, the application they run, and what is in front of them (E2-E4, E8, E9, P7)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from bluegreen.contract import (
    BOOT_BUDGET_SECONDS,
    BootBudget,
    FleetSize,
    HealthCheck,
    Port,
    RulePriority,
    Scaling,
    Stickiness,
    TierTimes,
)
from infra.settings.fields import InstanceType, RateLimit, Section, worded

AGENT_PORTS = frozenset({9090, 9100})
EnvironmentName = Annotated[
    str, worded(r"[A-Z][A-Z0-9_]{0,62}", "an environment variable in capitals, such as LOG_LEVEL")
]
SecretName = Annotated[
    str, worded(r"[a-z][a-z0-9-]{0,62}", "lower-case letters, digits and hyphens, such as jwt-signing-key")
]


class Role(StrEnum):
    """What a container serves; one fleet may have several roles (E12, E13)."""

    WEB = "web"
    APP = "app"
    AI = "ai"


class TierSettings(Section, TierTimes):
    """One fleet: instance type, paths on the load balancer, size (E2, E3, E4)."""

    instance_type: InstanceType
    roles: Annotated[tuple[Role, ...], Field(min_length=1)]
    public: bool = False
    paths: Annotated[tuple[Annotated[str, Field(pattern=r"^/")], ...], Field(min_length=1, max_length=4)]
    rule_priority: Annotated[RulePriority, Field(ge=100)]
    """Preview rules take priorities 1 to 99, see `preview_priorities`."""
    port: Annotated[Port, Field(ge=1024)]
    image_repository: str
    fleet: FleetSize
    scaling: tuple[Scaling, ...] = ()
    health_check: HealthCheck = HealthCheck()
    stickiness: Stickiness | None = None
    boot_budget_seconds: Annotated[BootBudget, Field(ge=BOOT_BUDGET_SECONDS)] = BOOT_BUDGET_SECONDS
    """Packages, image and model are fetched on the way. It is the grace period of the fleet's health check,
    and how long an instance waits for its container."""
    disk_gb: Annotated[int, Field(ge=20, le=16_384)] = 40

    def problems(self) -> Iterable[str]:
        if self.port in AGENT_PORTS:
            yield f"port {self.port} is used by an agent on the host (taken: {sorted(AGENT_PORTS)})"
        if not any(path.endswith("/*") for path in self.paths):
            yield f"paths {list(self.paths)}: one must end in /* so that <path>/version works"
        check = self.health_check
        needed = check.interval_seconds * check.healthy_threshold
        if self.boot_budget_seconds <= needed:
            yield (
                f"boot_budget_seconds: {self.boot_budget_seconds} must be greater than {needed}, the health"
                f" check's own time (interval_seconds {check.interval_seconds} x healthy_threshold"
                f" {check.healthy_threshold})"
            )
        if any(scaling.kind == "backlog" for scaling in self.scaling) and Role.AI not in self.roles:
            yield "scaling: backlog counts AI jobs, but this tier does not have the role ai"


class MachineImageSettings(Section):
    """What hosts are launched from (S5)."""

    bake: bool = False
    """Whether EC2 Image Builder bakes an image every month."""
    scan: bool = True
    """Whether Inspector scans it; the account must have it switched on."""
    ami: Annotated[
        str, worded(r"(ami-[0-9a-f]{8,17})?", "the id of a baked image, such as ami-0123456789abcdef0")
    ] = ""
    """The baked image that hosts use; empty: Ubuntu's, and they install their packages at the first boot."""


RESERVED_PARAMETERS = frozenset(
    {
        "ASSETS_BUCKET",
        "CACHE_HOST",
        "DATABASE_HOST",
        "DATABASE_READ_HOST",
        "INTERNAL_URL",
        "PORT",
        "SITE_URL",
        "TRAINING_DATA_BUCKET",
    }
)
"""What the stack and the host tell containers themselves, beside `SPORTCOACH_...`."""


class ApplicationSettings(Section):
    """What containers read: plain parameters, and secrets by name only (P7)."""

    parameters: dict[EnvironmentName, str] = Field(default_factory=dict)
    secrets: tuple[SecretName, ...] = ()

    def problems(self) -> Iterable[str]:
        # They become lines of an environment file.
        for name, value in self.parameters.items():
            if not value or re.search(r"[\r\n]", value):
                yield f"parameters.{name} must be one line and not empty"
            if name in RESERVED_PARAMETERS or name.startswith("SPORTCOACH_"):
                yield f"parameters.{name}: the stack sets {name} itself (allowed: another name)"


class EdgeSettings(Section):
    """CloudFront and its web ACL (E9, S3)."""

    rate_limit: RateLimit
    cors_origins: Annotated[
        tuple[Annotated[str, Field(pattern=r"^https://[^/*]+$")], ...], Field(min_length=1)
    ]


class LoadBalancerSettings(Section):
    """The web ACL on the Application Load Balancer of a stack without a CDN (E8, S3)."""

    rate_limit: RateLimit
