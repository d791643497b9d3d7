"""What Envoy's health checks say of each target, in the words of DescribeTargetHealth.

Envoy takes a target out on its threshold and takes a new one in on its first success, as ELB does. What it
does not know is `initial`: a new target is neither healthy nor unhealthy until the threshold is reached.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from bluegreen.lab.balancer.snapshot import Group, HealthCheck, Target
from bluegreen.lab.cloud.elb.state import Health

Document = Mapping[str, Any]


@dataclass(slots=True, kw_only=True)
class _Watched:
    group: str
    target: Target
    check: HealthCheck
    health: Health = Health.INITIAL
    reason: str = ""
    failures: int | None = None
    """In a row since checks of it began; None while Envoy counts, from its first success on."""

    def document(self) -> dict[str, Any]:
        return {
            "group": self.group,
            "id": self.target.id,
            "port": self.target.port,
            "state": self.health.value,
            "reason": self.reason,
        }


class Healths:
    """The targets that are checked now."""

    def __init__(self) -> None:
        self._watched: dict[tuple[str, str], _Watched] = {}
        self._changed: set[tuple[str, str]] = set()
        self._groups: tuple[str, ...] = ()

    def follow(self, groups: Mapping[str, Group]) -> None:
        """Watch the targets of `groups` that do not drain, and nothing else.

        What has a new address begins anew; with other settings of the check a target keeps its state.
        """
        before, self._watched, self._groups = self._watched, {}, tuple(groups)
        for arn, group in groups.items():
            for target in group.targets:
                if not target.draining:
                    key = arn, target.listens_at
                    known = before.get(key)
                    new = _Watched(group=arn, target=target, check=group.health_check)
                    self._watched[key] = new if known is None else replace(known, check=group.health_check)

    def hear(self, event: Document) -> None:
        """Take one event of Envoy's health check log; what is not watched any more is ignored."""
        key = event["cluster_name"], _address(event["host"])
        one = self._watched.get(key)
        if one is None:
            return
        before = one.health, one.reason
        if "add_healthy_event" in event:
            one.health, one.reason, one.failures = Health.HEALTHY, "", None
        elif "eject_unhealthy_event" in event:
            one.health, one.reason = Health.UNHEALTHY, _reason(event["eject_unhealthy_event"])
        elif "health_check_failure_event" in event:
            self._failed(one, event["health_check_failure_event"])
        if (one.health, one.reason) != before:
            self._changed.add(key)

    def _failed(self, one: _Watched, failure: Document) -> None:
        """Envoy ejects what it has once found healthy; what it has not is counted here."""
        if failure.get("first_check"):
            one.failures = 0
        if one.failures is not None:
            one.failures += 1
            if one.failures >= one.check.unhealthy:
                one.health = Health.UNHEALTHY
        if one.health is Health.UNHEALTHY:
            one.reason = _reason(failure)

    def changed(self) -> list[dict[str, Any]]:
        """What has changed since the last call."""
        changed, self._changed = self._changed, set()
        return [self._watched[key].document() for key in sorted(changed) if key in self._watched]

    def whole(self) -> list[dict[str, Any]]:
        """Every target, for a control server that may have been restarted."""
        return [one.document() for one in self._watched.values()]

    def hosts(self) -> dict[str, tuple[int, int]]:
        """How many targets are healthy and unhealthy, as HealthyHostCount and its sibling count."""
        states = [(one.group, one.health) for one in self._watched.values()]
        return {
            arn: (states.count((arn, Health.HEALTHY)), states.count((arn, Health.UNHEALTHY)))
            for arn in self._groups
        }


def _address(host: Document) -> str:
    if "pipe" in host:
        return str(host["pipe"]["path"])
    found = host["socket_address"]
    return f"{found['address']}:{found['port_value']}"


def _reason(failure: Document) -> str:
    """A reason code of DescribeTargetHealth."""
    if failure.get("http_status_code"):
        return "Target.ResponseCodeMismatch"
    timed_out = failure.get("failure_type") == "NETWORK_TIMEOUT"
    return "Target.Timeout" if timed_out else "Target.FailedHealthChecks"
