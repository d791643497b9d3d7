"""Accepted findings of the scanner: each with a reason, none for code that is gone."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from tools.findings import accepted, compare, main
from tools.policies import write
from tools.recording import Recording, recorded
from tools.terraform_plan import address_of, plan, terraform_type


def test_every_acceptance_has_a_reason_and_a_resource() -> None:
    names = {resource.name for resource in recorded("prod").aws}
    found = accepted()
    assert found
    for (check, glob), reason in found.items():
        assert check.startswith(("CKV_AWS_", "CKV2_AWS_"))
        assert len(reason) >= 12
        assert any(fnmatchcase(name, glob) for name in names), f"stale: {check} {glob}"


def test_what_a_stack_without_protection_may_do_has_a_reason_and_a_resource() -> None:
    names = {resource.name for stack in ("dev", "test") for resource in recorded(stack).aws}
    found = accepted("UNPROTECTED")
    assert found
    assert not set(found) & set(accepted())
    for (check, glob), reason in found.items():
        assert check.startswith(("CKV_AWS_", "CKV2_AWS_"))
        assert len(reason) >= 12
        assert any(fnmatchcase(name, glob) for name in names), f"stale: {check} {glob}"


def test_findings_are_told_apart() -> None:
    names = {"aws_s3_bucket.logs": "storage-logs", "aws_s3_bucket.assets": "storage-assets"}
    reasons = {("CKV_AWS_1", "storage-*"): "a", ("CKV_AWS_2", "storage-logs"): "b"}
    failed = [("CKV_AWS_1", "aws_s3_bucket.logs"), ("CKV_AWS_3", "aws_s3_bucket.assets")]
    unaccepted, stale = compare(failed, names, reasons)
    assert unaccepted == ["CKV_AWS_3: aws_s3_bucket.assets (storage-assets)"]
    assert stale == ["CKV_AWS_2: storage-logs: b"]


def test_a_report_with_a_new_finding_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "report.json"
    failed = [{"check_id": "CKV_AWS_999", "resource": "aws_lb.load_balancer"}]
    report.write_text(json.dumps({"summary": {"passed": 1}, "results": {"failed_checks": failed}}))
    assert main("prod", report) == 1
    assert "not accepted: CKV_AWS_999: aws_lb.load_balancer (load-balancer)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("token", "terraform"),
    [
        ("aws:ec2/securityGroup:SecurityGroup", "aws_security_group"),
        ("aws:s3/bucketVersioning:BucketVersioning", "aws_s3_bucket_versioning"),
        ("aws:rds/instance:Instance", "aws_db_instance"),
        ("aws:lb/loadBalancer:LoadBalancer", "aws_lb"),
        ("aws:wafv2/webAcl:WebAcl", "aws_wafv2_web_acl"),
    ],
)
def test_types_have_terraforms_names(token: str, terraform: str) -> None:
    assert terraform_type(token) == terraform


def test_linters_get_every_policy_of_a_role(stack: Recording, tmp_path: Path) -> None:
    kinds = ("aws:iam/policy:Policy", "aws:iam/rolePolicy:RolePolicy")
    files = write(stack.stack, tmp_path)
    assert len(set(files)) == sum(len(stack.of(kind)) for kind in kinds) > 5
    for file in files:
        assert json.loads(file.read_text(encoding="utf-8"))["Statement"]


def test_the_plan_has_every_resource_in_terraforms_form(stack: Recording) -> None:
    exported = plan(stack)
    resources = {r["address"]: r for r in exported["planned_values"]["root_module"]["resources"]}
    declared = [resource for resource in stack.aws if resource.type != "pulumi:providers:aws"]
    assert set(resources) == {address_of(resource) for resource in declared}
    assert len(resources) == len(declared)  # no two under one address
    balancer = resources["aws_lb.load_balancer"]["values"]
    assert balancer["access_logs"][0]["enabled"] is True
    assert balancer["drop_invalid_header_fields"] is True
    database = resources["aws_db_instance.database"]["values"]
    assert (
        database["allocated_storage"]
        == recorded(stack.stack).one("aws:rds/instance:Instance", "database").inputs["allocatedStorage"]
    )
    assert isinstance(database["allocated_storage"], int)
    for address, one in resources.items():
        if address.startswith("aws_imagebuilder_distribution_configuration."):
            assert one["values"]["distribution"][0]["ami_distribution_configuration"][0]["kms_key_id"]
