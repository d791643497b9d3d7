"""IAM's decision for a role of a recorded stack: enough of the logic for the policies that the stack has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from tests.infra.documents import listed
from tools.recording import Recording

__all__ = ["Request", "allowed", "statements_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One action on one resource, with the condition keys that the service would fill in."""

    action: str
    resource: str
    context: Mapping[str, str]


def statements_of(recording: Recording, role: str) -> list[dict[str, Any]]:
    """The statements of every policy of the stack's own on the role with this logical name."""
    name = recording.one("aws:iam/role:Role", role).outputs["name"]
    policies = {p.outputs["arn"]: p.inputs["policy"] for p in recording.of("aws:iam/policy:Policy")}
    links = recording.of("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    held = [link.inputs["policyArn"] for link in links if link.inputs["role"] == name]
    texts = [policies[arn] for arn in held if arn in policies]  # others are kept by AWS
    inline = recording.of("aws:iam/rolePolicy:RolePolicy")
    texts += [policy.inputs["policy"] for policy in inline if policy.inputs["role"] == name]
    return [statement for text in texts for statement in json.loads(text)["Statement"]]


def allowed(statements: list[dict[str, Any]], request: Request) -> bool:
    """Whether a statement allows it and none denies it."""
    matching = {statement["Effect"] for statement in statements if _matches(statement, request)}
    return matching == {"Allow"}


def _matches(statement: Mapping[str, Any], request: Request) -> bool:
    def any_of(patterns: Any, value: str) -> bool:
        return any(fnmatchcase(value, pattern) for pattern in listed(patterns))

    if not any_of([a.lower() for a in listed(statement["Action"])], request.action.lower()):
        return False
    if not any_of(statement["Resource"], request.resource):
        return False
    return all(
        _holds(operator, request.context.get(key), listed(values))
        for operator, keys in statement.get("Condition", {}).items()
        for key, values in keys.items()
    )


def _holds(operator: str, value: str | None, wanted: list[str]) -> bool:
    if value is None:  # a key that the request does not have fails every operator but ...IfExists
        return False
    if operator in {"StringEquals", "ArnEquals", "Bool"}:
        return value in wanted
    if operator in {"ArnLike", "StringLike"}:
        return any(fnmatchcase(value, pattern) for pattern in wanted)
    raise NotImplementedError(operator)
