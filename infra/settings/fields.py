"""Types of single settings: format, range, and the AWS rule behind each."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

# The days that CloudWatch Logs accepts as retention (PutRetentionPolicy).
LOG_RETENTION_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 3653)
# Docker's default bridge; a VPC that overlaps it would be unreachable from containers.
DOCKER_BRIDGE = ipaddress.IPv4Network("172.17.0.0/16")


class Section(BaseModel):
    """A part of the settings: immutable; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def problems(self) -> Iterable[str]:
        """Contradictions between keys that are each valid on their own."""
        return ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        found = list(self.problems())
        if found:
            raise ValueError("; ".join(found))
        return self


def told(check: Callable[[Any], Any], allowed: str) -> AfterValidator:
    """A check that says what it allows; docs/settings.md is written from it."""
    check.allowed = allowed  # type: ignore[attr-defined]  # an attribute of our own on a function
    return AfterValidator(check)


def worded(pattern: str, allowed: str) -> AfterValidator:
    """A check against `pattern` whose message says what is allowed."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"must be {allowed}")
        return value

    return told(check, allowed)


def _retention(days: int) -> int:
    if days not in LOG_RETENTION_DAYS:
        raise ValueError(f"must be one of {', '.join(map(str, LOG_RETENTION_DAYS))} days (CloudWatch Logs)")
    return days


def _network(text: str) -> str:
    try:
        network = ipaddress.IPv4Network(text)
    except ValueError as error:
        raise ValueError(f"not an IPv4 network: {error}; write it as 10.0.0.0/16") from error
    return str(network)


def _vpc(text: str) -> str:
    size = ipaddress.IPv4Network(text).prefixlen
    if not 16 <= size <= 22:
        raise ValueError(f"/{size} is not supported: nine subnets with room for green fleets need /16 to /22")
    return text


def _steady(instance_class: str) -> str:
    if instance_class.startswith("db.t"):
        raise ValueError(
            "must not be burstable: once out of CPU credits, a replica falls ever further behind the primary"
            " (allowed: db.m5 to db.m7, db.r5 to db.r7)"
        )
    return instance_class


# 64-bit x86 only: the machine image, the agents and the containers are built for it.
InstanceType = Annotated[
    str,
    worded(
        r"(t3a?|m[5-8][ai]?|c[5-8][ai]?|r[5-8][ai]?)\."
        r"(nano|micro|small|medium|large|(2|4|8|12|16|24)?xlarge)",
        "an x86 instance type of family t3, m5 to m8, c5 to c8 or r5 to r8, such as t3.large",
    ),
]
DbClass = Annotated[
    str,
    worded(
        r"db\.(t3|t4g|m[5-7][gi]?|r[5-7][gi]?)\.(micro|small|medium|(2|4|8|12|16|24)?x?large)",
        "a class of family db.t3, db.t4g, db.m5 to db.m7 or db.r5 to db.r7, such as db.m5.large",
    ),
]
ReplicaClass = Annotated[DbClass, told(_steady, "not burstable")]
CacheType = Annotated[
    str,
    worded(
        r"cache\.(t3|t4g|m[5-7]g?|r[5-7]g?)\.(micro|small|medium|(2|4|8|12|16|24)?x?large)",
        "a node type of family cache.t3, cache.t4g, cache.m5 to m7 or cache.r5 to r7, such as cache.m5.large",
    ),
]
LEAST_PER_ADDRESS = 15_000
"""50 requests a second, which is all of the AI's capacity (K4): so many users may share the address of an
office or of a mobile carrier."""
Email = Annotated[
    str, worded(r"[^@\s]+@[a-z0-9-]+(\.[a-z0-9-]+)+", "an e-mail address, such as oncall@example.com")
]
# A Japanese number tells a mobile from a landline, which takes no SMS.
Phone = Annotated[
    str,
    worded(
        r"\+(81[789]0\d{8}|(?!81)[1-9]\d{7,14})", "a mobile number in E.164 format, such as +819012345678"
    ),
]
AccountId = Annotated[str, worded(r"\d{12}", "the 12 digits of an AWS account, in quotes")]
Region = Annotated[str, worded(r"[a-z]{2}(-[a-z]+)+-\d", "an AWS region, such as ap-northeast-1")]
Zone = Annotated[str, worded(r"[a-z]{2}(-[a-z]+)+-\d[a-z]", "an availability zone, such as ap-northeast-1a")]
Domain = Annotated[
    str,
    worded(
        r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.){1,10}[a-z]{2,63}",
        "the site's DNS name in lower case, such as sportcoach-platform.com",
    ),
]
BucketPrefix = Annotated[
    str,
    worded(
        r"[a-z0-9][a-z0-9-]{2,38}[a-z0-9]",
        "4 to 40 lower-case letters, digits and inner hyphens (`-training-data-replica` is appended)",
    ),
]
Cidr = Annotated[
    str, StringConstraints(strip_whitespace=True), told(_network, "an IPv4 network, such as 10.0.0.0/16")
]
VpcCidr = Annotated[Cidr, told(_vpc, "/16 to /22")]
Days = Annotated[int, Field(ge=1, le=3_650)]
LogDays = Annotated[
    int, told(_retention, "a retention that CloudWatch Logs knows: 1, 3, 5, 7, 14, 30, ... 3653 days")
]
RateLimit = Annotated[int, Field(ge=LEAST_PER_ADDRESS, le=2_000_000_000)]
"""Requests per address and five minutes. WAF takes 10 to 2,000,000,000."""
