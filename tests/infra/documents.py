"""Policy documents of a recorded stack, wherever a resource carries one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tools.recording import Recorded, Recording

# Arguments that hold a policy document, by resource type.
CARRIERS = {
    "aws:iam/policy:Policy": "policy",
    "aws:iam/rolePolicy:RolePolicy": "policy",
    "aws:iam/role:Role": "assumeRolePolicy",
    "aws:kms/key:Key": "policy",
    "aws:s3/bucketPolicy:BucketPolicy": "policy",
    "aws:sns/topicPolicy:TopicPolicy": "policy",
    "aws:sqs/queuePolicy:QueuePolicy": "policy",
    "aws:opensearch/domain:Domain": "accessPolicies",
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": "policyDocument",
}
IDENTITY = ("aws:iam/policy:Policy", "aws:iam/rolePolicy:RolePolicy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One policy and the resource that carries it."""

    resource: Recorded
    text: str

    @property
    def statements(self) -> list[dict[str, Any]]:
        return list(json.loads(self.text)["Statement"])


def documents(recording: Recording, *kinds: str) -> Iterator[Document]:
    """The documents of resources of these kinds, of all kinds where none is named."""
    for resource in recording.aws:
        carrier = CARRIERS.get(resource.type)
        if carrier and (not kinds or resource.type in kinds):
            yield Document(resource=resource, text=resource.inputs[carrier])


def listed(value: Any) -> list[Any]:
    """A policy writes one element without its list."""
    return value if isinstance(value, list) else [value]
