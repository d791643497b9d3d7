"""IAM, key and bucket policy documents, as pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import pulumi


class Statement(TypedDict, total=False):
    """A statement of a policy document."""

    Sid: str
    Effect: str
    Principal: Any
    Action: Any
    Resource: Any
    Condition: Any


def document(statements: Sequence[Statement]) -> dict[str, Any]:
    """A policy document."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(
    actions: Sequence[str],
    resources: Sequence[pulumi.Input[str]],
    *,
    sid: str = "",
    condition: Mapping[str, Mapping[str, Any]] | None = None,
    principal: Mapping[str, Any] | str | None = None,
) -> Statement:
    """A statement that allows `actions` on `resources`."""
    statement: Statement = {"Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
    if sid:
        statement["Sid"] = sid
    if condition:
        statement["Condition"] = dict(condition)
    if principal:
        statement["Principal"] = principal
    return statement


def key_policy(account_id: str, statements: Sequence[Statement] = ()) -> dict[str, Any]:
    """A key that the account's IAM policies govern, plus `statements` for AWS services."""
    owner: Statement = {
        "Sid": "AccountDecidesByIam",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account_id}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    return document([owner, *statements])


def deny_insecure_transport(bucket_arn: str) -> list[Statement]:
    """No plain HTTP and no TLS below 1.2 (S2)."""
    resources = [bucket_arn, f"{bucket_arn}/*"]
    return [
        {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": resources,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
        {
            "Sid": "ModernTlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": resources,
            "Condition": {"NumericLessThan": {"s3:TlsVersion": "1.2"}},
        },
    ]
