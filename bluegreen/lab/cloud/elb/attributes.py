"""Target group settings and attributes: AWS's defaults and bounds."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bluegreen.lab.cloud.errors import CloudError, validation
from bluegreen.lab.cloud.world import Document

ATTRIBUTES = {
    "deregistration_delay.timeout_seconds": "300",
    "stickiness.enabled": "false",
    "stickiness.type": "lb_cookie",
    "stickiness.lb_cookie.duration_seconds": "86400",
    "stickiness.app_cookie.cookie_name": "",
    "stickiness.app_cookie.duration_seconds": "86400",
    "slow_start.duration_seconds": "0",
    "load_balancing.algorithm.type": "round_robin",
    "load_balancing.algorithm.anomaly_mitigation": "off",
    "load_balancing.cross_zone.enabled": "use_load_balancer_configuration",
    "target_group_health.dns_failover.minimum_healthy_targets.count": "1",
    "target_group_health.dns_failover.minimum_healthy_targets.percentage": "off",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "1",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "off",
}
_BOUNDS = {
    "deregistration_delay.timeout_seconds": (0, 3600),
    "stickiness.lb_cookie.duration_seconds": (1, 604_800),
    "stickiness.app_cookie.duration_seconds": (1, 604_800),
}
_MINIMUM = re.compile(r".*\.minimum_healthy_targets\.(count|percentage)")
_CHOICES = {
    "stickiness.enabled": ("true", "false"),
    "stickiness.type": ("lb_cookie", "app_cookie"),
    "load_balancing.algorithm.anomaly_mitigation": ("on", "off"),
    "load_balancing.cross_zone.enabled": ("true", "false", "use_load_balancer_configuration"),
    "load_balancing.algorithm.type": ("round_robin", "least_outstanding_requests", "weighted_random"),
}
_HEALTH_BOUNDS = {
    "HealthCheckIntervalSeconds": (5, 300),
    "HealthCheckTimeoutSeconds": (2, 120),
    "HealthyThresholdCount": (2, 10),
    "UnhealthyThresholdCount": (2, 10),
}
_CREATED_WITH = (
    "Protocol",
    "ProtocolVersion",
    "Port",
    "VpcId",
    "TargetType",
    "IpAddressType",
    "HealthCheckProtocol",
    "HealthCheckPort",
    "HealthCheckEnabled",
    "HealthCheckPath",
    *_HEALTH_BOUNDS,
    "Matcher",
)


def group_settings(params: Document) -> Document:
    """What CreateTargetGroup was given, with AWS's defaults for an Application Load Balancer."""
    for needed in ("Protocol", "Port", "VpcId"):
        if not params.get(needed):
            raise validation(f"{needed} must be specified for the target group")
    if params["Protocol"] not in ("HTTP", "HTTPS"):
        raise CloudError("UnsupportedProtocol", f"Protocol {params['Protocol']} is not modelled")
    settings: Document = {
        "ProtocolVersion": "HTTP1",
        "TargetType": "instance",
        "IpAddressType": "ipv4",
        "HealthCheckProtocol": "HTTP",
        "HealthCheckPort": "traffic-port",
        "HealthCheckEnabled": True,
        "HealthCheckPath": "/",
        "HealthCheckIntervalSeconds": 30,
        "HealthCheckTimeoutSeconds": 5,
        "HealthyThresholdCount": 5,
        "UnhealthyThresholdCount": 2,
        "Matcher": {"HttpCode": "200"},
    }
    settings |= {key: params[key] for key in _CREATED_WITH if params.get(key) is not None}
    check_health_settings(settings)
    return settings


def check_health_settings(settings: Document) -> None:
    for key, (low, high) in _HEALTH_BOUNDS.items():
        value = settings[key]
        if not isinstance(value, int) or not low <= value <= high:
            raise validation(f"{key} '{value}' must be between {low} and {high}")
    if settings["HealthCheckTimeoutSeconds"] >= settings["HealthCheckIntervalSeconds"]:
        raise validation("Health check interval must be greater than the timeout.")


def checked_attributes(current: Mapping[str, str], changes: Mapping[str, str]) -> dict[str, str]:
    """`current` with `changes`; raises where AWS would."""
    for key, value in changes.items():
        if key not in ATTRIBUTES:
            raise validation(f"Target group attribute key '{key}' is not recognized")
        if key in _BOUNDS:
            low, high = _BOUNDS[key]
            if not value.isdigit() or not low <= int(value) <= high:
                raise validation(f"'{key}' must be between {low} and {high}, inclusive")
        if key in _CHOICES and value not in _CHOICES[key]:
            raise validation(f"'{value}' is not valid for '{key}': one of {', '.join(_CHOICES[key])}")
        if (minimum := _MINIMUM.fullmatch(key)) and not _is_minimum(
            value, percent=minimum[1] == "percentage"
        ):
            raise validation(f"'{value}' is not valid for '{key}'")
    merged = {**current, **changes}
    mitigates = merged["load_balancing.algorithm.anomaly_mitigation"] == "on"
    if mitigates and merged["load_balancing.algorithm.type"] != "weighted_random":
        raise validation("Anomaly mitigation needs the algorithm weighted_random")
    slow = merged["slow_start.duration_seconds"]
    if slow != "0" and not (slow.isdigit() and 30 <= int(slow) <= 900):
        raise validation("Slow start duration must be 0 or between 30 and 900 seconds")
    if slow != "0" and merged["load_balancing.algorithm.type"] != "round_robin":
        raise CloudError("InvalidConfigurationRequest", "Slow start works with round_robin only")
    return merged


def _is_minimum(value: str, *, percent: bool) -> bool:
    """How many targets must be healthy: a count from 1 on, a percentage, or `off`."""
    return value == "off" or (value.isdigit() and 1 <= int(value) <= (100 if percent else 10_000))
