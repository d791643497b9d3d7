"""Certificates that ACM cannot validate are named before anything waits for them."""

from __future__ import annotations

import re
from typing import Any

import pulumi
import pytest

from tools import answers
from tools.recording import Recording, evaluate, recorded, settings_of

ARN = "arn:aws:acm:somewhere:111122223333:certificate/1"
WAITING: dict[str, dict[str, Any]] = {
    "aws:acm/getCertificate:getCertificate": {"arn": ARN},
    "aws:route53/getZone:getZone": {"zoneId": "Z1", "nameServers": ["ns-1.example", "ns-2.example"]},
    "aws:route53/getRecords:getRecords": {"resourceRecordSets": [{"name": "_ab.example", "type": "CNAME"}]},
}


def left_by(stack: str, changed: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> Recording:
    """What a program leaves behind that is refused, or all of it."""
    for token, answer in (WAITING | changed).items():
        monkeypatch.setitem(answers.DATA_SOURCES, token, answer)
    left = Recording(stack=stack)
    evaluate(stack, settings_of(stack), into=left)
    return left


def faults_of(
    stack: str, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch, into: Recording | None = None
) -> list[str]:
    """The lines below the heading of what the engine prints."""
    for token, answer in WAITING.items():
        monkeypatch.setitem(answers.DATA_SOURCES, token, answer)
    with pytest.raises(pulumi.RunError) as caught:
        evaluate(stack, settings, into=into)
    heading, *faults = str(caught.value).splitlines()
    assert heading == f"Pulumi.{stack}.yaml is invalid; nothing was changed:"
    return faults


def test_each_is_named_with_its_region_and_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    faults = faults_of("prod", settings_of("prod"), monkeypatch)
    domain = settings_of("prod")["domain"]
    assert [fault.partition(" (allowed: ")[0] for fault in faults] == [
        f"  - sportcoach:settings: domain: {domain}: certificate {ARN} in {region} is PENDING_VALIDATION"
        for region in ("ap-northeast-1", "us-east-1")
    ]
    for fault in faults:
        assert "ns-1.example, ns-2.example" in fault
        assert f"--certificate-arn {ARN}" in fault


def test_all_that_the_account_knows_to_be_wrong_comes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of("prod")
    settings["machine_image"]["ami"] = "ami-00000000deadbeef0"
    image, *certificates = faults_of("prod", settings, monkeypatch)
    assert "machine_image.ami: ami-00000000deadbeef0 is not an image of this account" in image
    assert len(certificates) == 2


def test_nothing_is_registered_before(monkeypatch: pytest.MonkeyPatch) -> None:
    for token, answer in WAITING.items():
        monkeypatch.setitem(answers.DATA_SOURCES, token, answer)
    left = Recording(stack="dev")
    with pytest.raises(pulumi.RunError):
        evaluate("dev", settings_of("dev"), into=left)
    assert left.aws == []
    regions = [provider for token, provider in left.invokes if "getCertificate" in token]
    assert regions == (["main", "us-east-1"] if "edge" in settings_of("dev") else ["main"])


def test_it_asks_for_the_stacks_own_that_wait_and_for_the_record_that_acm_wants(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    left = Recording(stack="dev")
    faults_of("dev", settings_of("dev"), monkeypatch, into=left)
    asked = dict(left.asked)
    domain = settings_of("dev")["domain"]
    certificate = asked["aws:acm/getCertificate:getCertificate"]
    assert (certificate["domain"], certificate["statuses"]) == (domain, ["PENDING_VALIDATION"])
    assert certificate["tags"] == {"project": "sportcoach", "stack": "dev"}
    zone = asked["aws:route53/getZone:getZone"]
    assert (zone["name"], zone["privateZone"]) == (domain, False)
    wanted = asked["aws:route53/getRecords:getRecords"]["nameRegex"]
    assert re.search(wanted, f"_{'0a' * 16}.{domain}.")
    assert not re.search(wanted, f"_dmarc.{domain}.")


@pytest.mark.parametrize(
    "changed",
    [
        {"aws:route53/getRecords:getRecords": {"resourceRecordSets": []}},
        {"aws:route53/getZone:getZone": None},
    ],
    ids=["this up makes the record", "no zone yet"],
)
def test_what_this_pulumi_up_will_repair_is_let_through(
    changed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert left_by("dev", changed, monkeypatch).of("aws:acm/certificate:Certificate")


def test_an_undelegated_zone_is_not_waited_for_longer_than_acm_needs() -> None:
    token = "aws:acm/certificateValidation:CertificateValidation"
    assert [one.create_timeout for one in recorded("prod").of(token)] == ["30m", "30m"]
