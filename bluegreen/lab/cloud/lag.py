"""Reads that lag behind creates: Describe* does not know yet what Create* has just made.

EC2 documents it (API reference, "Eventual consistency": a read right after a create may not find the
resource and answers InvalidInstanceID.NotFound and the like), and SSM for the result of a command
(GetCommandInvocation); for Auto Scaling and Elastic Load Balancing users report the same. Auto Scaling and
List* answer with a list without the resource, the others with their NotFound error where the call names it.
Writes are not delayed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bluegreen.lab.cloud.errors import CloudError
from bluegreen.lab.cloud.instances import Instances
from bluegreen.lab.cloud.world import Document, World

_IDS = {
    "TargetGroupArn": "TargetGroupNotFound",
    "RuleArn": "RuleNotFound",
    "LoadBalancerArn": "LoadBalancerNotFound",
    "ListenerArn": "ListenerNotFound",
    "LaunchTemplateId": "InvalidLaunchTemplateId.NotFound",
    "InstanceId": "InvalidInstanceID.NotFound",
    "AutoScalingGroupName": "",
    "PolicyARN": "",
    "CommandId": "InvocationDoesNotExist",
}
"""What identifies a resource -> the error of a read that names one which is not there."""
_NAMES = ("TargetGroupName", "LaunchTemplateName")
"""Further names by which a read may ask for it."""


class ReadLag:
    """Remembers what was created when; `created` after every call, `apply` to every answer of a read."""

    def __init__(self, world: World, instances: Instances) -> None:
        self._world = world
        self._instances = instances
        self._born: dict[tuple[str, str], tuple[float, str]] = {}
        """(service, identity) -> when it was made, and the error of a read that names it."""

    def created(self, service: str, operation: str, params: Document, answer: Document) -> None:
        """Take in a Create* or Put*; what existed before (a policy put again) stays visible."""
        if not operation.startswith(("Create", "PutScalingPolicy", "SendCommand")):
            return
        given = params if operation == "CreateAutoScalingGroup" else {}
        for key, value in [*_named(answer), *_named(given)]:
            if key in _IDS or key in _NAMES:
                self._born.setdefault((service, value), (self._world.at, _IDS.get(key, "") or _error_of(key)))

    def apply(self, service: str, operation: str, params: Document, answer: Document) -> Document:
        """The answer as a reader gets it who is `read_lag_seconds` behind; raises CloudError."""
        lag = self._world.conditions.read_lag_seconds
        if not lag or not operation.startswith(("Describe", "List", "GetCommandInvocation")):
            return answer
        since = self._world.at - lag
        born = self._born.items()
        hidden = {name: code for (of, name), (at, code) in born if of == service and at > since}
        if service == "ec2":  # Auto Scaling knows of its own instances
            launched = (one.id for one in self._instances.all.values() if one.launched_at > since)
            hidden |= dict.fromkeys(launched, _IDS["InstanceId"])
        for _, value in _named(params):
            if (code := hidden.get(value)) and not operation.startswith("List"):
                raise CloudError(code, f"'{value}' does not exist")
        return {key: _without(value, hidden) for key, value in answer.items()}


def _error_of(key: str) -> str:
    known = {
        "TargetGroupName": "TargetGroupNotFound",
        "LaunchTemplateName": "InvalidLaunchTemplateName.NotFoundException",
    }
    return known.get(key, "")


def _named(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text of a document with the key it stands under."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _named(inner, name)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _named(inner, key)
    elif isinstance(value, str):
        yield key, value


def _without(value: Any, hidden: dict[str, str]) -> Any:
    """Lists without the items that are hidden, at any depth (instances lie inside reservations)."""
    if not isinstance(value, list):
        return value
    kept = [one for one in value if not (isinstance(one, dict) and _is_hidden(one, hidden))]
    return [
        {key: _without(inner, hidden) for key, inner in one.items()} if isinstance(one, dict) else one
        for one in kept
    ]


def _is_hidden(item: Document, hidden: dict[str, str]) -> bool:
    return any(isinstance(item.get(key), str) and item[key] in hidden for key in (*_IDS, "ResourceArn"))
