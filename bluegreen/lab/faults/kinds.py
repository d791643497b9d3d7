"""The kinds of fault that `lab break` knows, and what each is in the lab."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Break(StrEnum):
    """The kinds; `commands._lab_faults` explains each in a line of the help."""

    ERRORS = "errors"
    LATENCY = "latency"
    FUNCTION = "function"
    UNHEALTHY = "unhealthy"
    HANG = "hang"
    CRASH = "crash"
    INSTANCE_LOST = "instance-lost"
    AZ_LOST = "az-lost"
    NO_CAPACITY = "no-capacity"
    BOOT_SLOW = "boot-slow"
    SCALE_OUT = "scale-out"
    READ_LAG = "read-lag"
    METRICS_LATE = "metrics-late"
    METRICS_TWICE = "metrics-twice"
    METRICS_MISSING = "metrics-missing"
    METRICS_DOWN = "metrics-down"
    CREDENTIALS = "credentials"
    THROTTLE = "throttle"
    CONTROL_PLANE_DOWN = "control-plane-down"
    DB_DOWN = "db-down"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiFault:
    """A fault of the API's answers (`api_faults.Fault`), for ever until it is healed."""

    words: str
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A condition of the region (`cloud.conditions`)."""

    name: str
    value: Callable[[float], Any]
    """What it is set to, by the seconds of the order."""
    words: str


ON_HOSTS = (Break.ERRORS, Break.LATENCY, Break.FUNCTION, Break.UNHEALTHY, Break.HANG)
"""What instances are told over their control path."""

LOSSES = (Break.CRASH, Break.INSTANCE_LOST)
"""What happens once and is not to be healed."""

SECONDS = {Break.BOOT_SLOW: 60.0, Break.READ_LAG: 10.0, Break.METRICS_LATE: 60.0}
"""Kinds that have a length, and what it is by default."""

API_FAULTS = {
    Break.THROTTLE: ApiFault(
        words="half of all AWS calls are throttled", document={"effect": "throttle", "rate": 0.5}
    ),
    Break.METRICS_DOWN: ApiFault(
        words="CloudWatch is down", document={"effect": "drop", "service": "cloudwatch"}
    ),
    Break.CONTROL_PLANE_DOWN: ApiFault(
        words="the AWS API is down", document={"effect": "drop", "service": "*"}
    ),
    Break.CREDENTIALS: ApiFault(
        words="credentials: every session has expired", document={"effect": "expired"}
    ),
}

CONDITIONS = {
    Break.AZ_LOST: Condition(
        name="lost_zones", value=lambda _: ["a"], words="every host of zone a is lost, none can be launched"
    ),
    Break.NO_CAPACITY: Condition(
        name="full_zones", value=lambda _: ["*"], words="no zone has capacity for another instance"
    ),
    Break.BOOT_SLOW: Condition(
        name="boot_extra_seconds", value=float, words="new instances boot {seconds:g} s longer"
    ),
    Break.READ_LAG: Condition(
        name="read_lag_seconds", value=float, words="what was created can be read {seconds:g} s later"
    ),
    Break.METRICS_LATE: Condition(
        name="metrics_late_seconds", value=float, words="AWS's metrics come {seconds:g} s later"
    ),
    Break.METRICS_TWICE: Condition(
        name="metrics_twice", value=lambda _: True, words="AWS's metrics come in part, then corrected"
    ),
    Break.METRICS_MISSING: Condition(
        name="metrics_missing", value=lambda _: True, words="AWS's metrics are lost from now on"
    ),
}
