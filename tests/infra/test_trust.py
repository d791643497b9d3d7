"""A role is assumed by its service: no condition asks for a key that the service does not send."""

from __future__ import annotations

from typing import Any

import pytest

from infra.documents.trust import SENT, service_trust
from tests.infra.documents import Document, documents
from tools.recording import Recording

# Services whose guides show their role's trust policy without any condition. Each was once given
# aws:SourceAccount, and could then not have assumed its role.
WITHOUT_KEYS = {
    "backup.amazonaws.com",
    "chatbot.amazonaws.com",
    "cloudtrail.amazonaws.com",
    "ec2.amazonaws.com",
    "firehose.amazonaws.com",
    "s3.amazonaws.com",
    "streams.metrics.cloudwatch.amazonaws.com",
}


def keys_of(statement: dict[str, Any]) -> set[str]:
    return {key for tests in statement.get("Condition", {}).values() for key in tests}


def trusted(recording: Recording) -> list[tuple[Document, str, set[str]]]:
    """Every role that a service assumes, with the keys its trust asks for."""
    return [
        (one, service, keys_of(statement))
        for one in documents(recording, "aws:iam/role:Role")
        for statement in one.statements
        if (service := statement["Principal"].get("Service"))
    ]


def test_no_role_waits_for_a_key_that_its_service_does_not_send(stack: Recording) -> None:
    found = trusted(stack)
    assert len(found) > 5
    for one, service, keys in found:
        sends = SENT.get(service)
        allowed = {"aws:SourceAccount"} if sends and sends.account else set()
        allowed |= {"aws:SourceArn"} if sends and sends.arn else set()
        assert keys <= allowed, one.resource.name
        if service in WITHOUT_KEYS:
            assert not keys, one.resource.name


def test_who_says_for_whom_it_acts_acts_for_this_account_alone(stack: Recording) -> None:
    """The account stands in the key itself or in the pattern of the ARN."""
    account = stack.outputs["contract"]["account_id"]
    for one in documents(stack, "aws:iam/role:Role"):
        for statement in one.statements:
            if statement["Principal"].get("Service") in SENT:
                assert account in str(statement["Condition"]), one.resource.name


def test_each_key_has_its_page() -> None:
    assert not WITHOUT_KEYS & set(SENT)
    for sends in SENT.values():
        assert sends.source.startswith("https://docs.aws.amazon.com/")
        assert sends.account or sends.arn


def test_a_pattern_for_a_service_that_sends_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"backup\.amazonaws\.com"):
        service_trust("backup.amazonaws.com", account_id="1", source_arn="arn:aws:backup:::x")
