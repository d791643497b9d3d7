"""Token buckets of the AWS API, an account and region each.

Elastic Load Balancing: Describe 200 / 50 a second, Register and Deregister 20 / 4, other changes
20 / 3 (what the AWS Load Balancer Controller assumes of the documentation). AWS publishes no
figures for Auto Scaling; the ones here are a guess on the strict side.
"""

from __future__ import annotations

from bluegreen.lab.cloud.errors import throttled

_LIMITS: dict[str, dict[str, tuple[float, float]]] = {
    "elastic-load-balancing-v2": {"read": (200, 50), "targets": (20, 4), "change": (20, 3)},
    "auto-scaling": {"read": (100, 20), "change": (50, 5)},
}
"""Service -> family -> (burst, refill a second)."""


class Throttle:
    """Takes a token a call; raises the service's throttling error when there is none."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}

    def take(self, service: str, operation: str, now: float) -> None:
        limits = _LIMITS.get(service)
        if limits is None:
            return
        family = _family(operation)
        family = family if family in limits else "change"
        burst, refill = limits[family]
        tokens, since = self._buckets.get((service, family), (burst, now))
        tokens = min(burst, tokens + (now - since) * refill)
        allowed = tokens >= 1.0
        self._buckets[service, family] = (tokens - 1.0 if allowed else tokens, now)
        if not allowed:
            raise throttled(service)


def _family(operation: str) -> str:
    if operation.startswith(("Describe", "Get", "List")):
        return "read"
    return "targets" if operation.endswith("Targets") else "change"
