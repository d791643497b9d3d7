"""EventBridge patterns, tried on events that AWS documents: a misspelt one is accepted and never matches."""

from __future__ import annotations

from typing import Any

import pytest
from moto.events.models import EventPattern, EventPatternParser

from tools.recording import Recorded, Recording, recorded

RULE = "aws:cloudwatch/eventRule:EventRule"


def event(source: str, detail_type: str, **detail: Any) -> dict[str, Any]:
    return {
        "version": "0", "id": "c8c4daa7", "account": "111122223333", "region": "ap-northeast-1",
        "resources": [], "time": "2026-11-01T00:00:00Z",
        "source": source, "detail-type": detail_type, "detail": detail,
    }  # fmt: skip


# Rule -> events that people must hear of, and such that they must not. The fields are those of the services'
# guides: GuardDuty "EventBridge event schema", Inspector "EventBridge event schema", Macie "EventBridge event
# schema for findings", AWS Backup "Monitoring events using EventBridge".
GUARDDUTY = ("aws.guardduty", "GuardDuty Finding")
INSPECTOR = ("aws.inspector2", "Inspector2 Finding")
COPY, RESTORE = ("aws.backup", "Copy Job State Change"), ("aws.backup", "Restore Job State Change")
BACKUP = ("aws.backup", "Backup Job State Change")
CALL = ("aws.ec2", "AWS API Call via CloudTrail")


def call(name: str, role: str, **more: str) -> dict[str, Any]:
    issuer = {"type": "Role", "userName": role}
    return event(*CALL, eventName=name, userIdentity={"sessionContext": {"sessionIssuer": issuer}}, **more)


HEARD = {
    "deploy-access-launch": [call("RunInstances", "sportcoach-prod-deploy")],
    "security-guardduty": [
        event(*GUARDDUTY, severity=4, type="Recon:EC2/PortProbeUnprotectedPort"),
        event(*GUARDDUTY, severity=8.9, type="CryptoCurrency:EC2/BitcoinTool.B!DNS"),
    ],
    "security-inspector": [event(*INSPECTOR, severity="CRITICAL", type="PACKAGE_VULNERABILITY")],
    "privacy": [event("aws.macie", "Macie Finding", type="SensitiveData:S3Object/Personal")],
    "backup-failed": [
        event(*BACKUP, state="FAILED"), event(*BACKUP, state="EXPIRED"), event(*COPY, state="FAILED"),
        event(*RESTORE, status="FAILED"), event(*RESTORE, status="ABORTED"),
    ],
}  # fmt: skip
IGNORED = {
    "deploy-access-launch": [
        call("RunInstances", "AWSServiceRoleForAutoScaling"),
        call("TerminateInstances", "sportcoach-prod-deploy"),
        call("RunInstances", "sportcoach-prod-deploy", errorCode="Client.DryRunOperation"),
    ],
    "security-guardduty": [event(*GUARDDUTY, severity=3.9)],
    "security-inspector": [event(*INSPECTOR, severity="HIGH")],
    "privacy": [event("aws.macie", "Macie Classification Job")],
    "backup-failed": [event(*BACKUP, state="COMPLETED"), event(*RESTORE, status="COMPLETED")],
}


def matches(rule: Recorded, one: dict[str, Any]) -> bool:
    text = rule.inputs["eventPattern"]
    pattern = EventPattern(text, EventPatternParser(text).parse())
    return bool(pattern.matches_event(one))  # type: ignore[arg-type]  # a TypedDict of the same keys


def test_every_rule_of_a_stack_is_tried(stack: Recording) -> None:
    assert {rule.name for rule in stack.of(RULE)} <= set(HEARD)
    assert {rule.name for rule in recorded("prod").of(RULE)} == set(HEARD) == set(IGNORED)


@pytest.mark.parametrize("name", HEARD)
def test_a_rule_matches_what_people_must_hear_of_and_nothing_else(name: str) -> None:
    rule = recorded("prod").one(RULE, name)
    assert [one for one in HEARD[rule.name] if not matches(rule, one)] == []
    others = [one for other, events in HEARD.items() if other != rule.name for one in events]
    assert [one for one in (*IGNORED[rule.name], *others) if matches(rule, one)] == []


def test_stacks_have_the_same_patterns_and_each_has_one_target(stack: Recording) -> None:
    prod = {rule.name: rule.inputs["eventPattern"] for rule in recorded("prod").of(RULE)}
    targets = [one.inputs["rule"] for one in stack.of("aws:cloudwatch/eventTarget:EventTarget")]
    for rule in stack.of(RULE):
        assert rule.inputs["eventPattern"] == prod[rule.name]
        assert targets.count(rule.outputs["name"]) == 1
