"""A page as each receiver must get it; the fields are those of their guides."""

from __future__ import annotations

import json
from typing import Any

from bluegreen.adapters.aws.environment import AwsEnvironment
from bluegreen.adapters.aws.page_documents import by_protocol, chat_notification, incident

from .conftest import Stack

SUBJECT, TEXT = "HALTED: a human is needed", "The traffic is on v1.0.0. password=hunter2"


def test_slack_gets_a_custom_notification_and_a_telephone_one_line() -> None:
    document = json.loads(by_protocol(SUBJECT + "!" * 300, TEXT, stack="prod"))
    assert set(document) == {"default", "https", "sms"}
    assert document["default"] == TEXT
    assert len(document["sms"]) == 140
    note = json.loads(document["https"])
    assert (note["version"], note["source"]) == ("1.0", "custom")
    assert note["content"]["textType"] == "client-markdown"
    assert note["content"]["title"].startswith(SUBJECT)
    assert len(note["content"]["title"]) == 250
    assert note["content"]["description"] == TEXT
    assert note == chat_notification(SUBJECT + "!" * 300, TEXT, stack="prod")


def test_pagerduty_gets_one_incident_a_deployment() -> None:
    made = incident(SUBJECT, TEXT, stack="prod", deployment="42", critical=True, routing_key="R" * 32)
    again = incident("x" * 2000, TEXT, stack="prod", deployment="42", critical=False, routing_key="R" * 32)
    assert made["event_action"] == "trigger"
    assert made["dedup_key"] == again["dedup_key"]
    assert {"summary", "source", "severity"} <= set(made["payload"])
    assert (made["payload"]["severity"], again["payload"]["severity"]) == ("critical", "warning")
    assert len(again["payload"]["summary"]) == 1024


def test_a_page_is_published_for_every_protocol_and_masked(stack: Stack, monkeypatch: Any) -> None:
    sent: list[dict[str, Any]] = []
    environment = AwsEnvironment(
        stack.session,
        stack.contract,
        stack.elb(),
        clock=stack.clock,
        owner="me@host",
        silent_series=lambda _: (),
    )
    service = stack.session.service("sns")
    monkeypatch.setattr(type(service), "call", lambda _, name, **given: sent.append(given))
    environment.notify(SUBJECT, TEXT, critical=True)
    (published,) = sent
    assert published["MessageStructure"] == "json"
    assert "hunter2" not in published["Message"]
    assert json.loads(json.loads(published["Message"])["https"])["source"] == "custom"
