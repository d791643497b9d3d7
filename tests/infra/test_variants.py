"""Switches that no stack of the repository has in this place: the shape holds for them too."""

from __future__ import annotations

from typing import Any

import pytest

from tools import schema
from tools.recording import Recording, evaluate, recorded, settings_of

# Names within something that is the stack's own.
PER_PARENT = {
    "aws:amp/ruleGroupNamespace:RuleGroupNamespace",
    "aws:guardduty/detectorFeature:DetectorFeature",
    "aws:route53/record:Record",
    "aws:ssm/maintenanceWindowTarget:MaintenanceWindowTarget",
    "aws:ssm/maintenanceWindowTask:MaintenanceWindowTask",
}


def with_three_zones() -> Recording:
    settings = settings_of("prod")
    settings["network"] |= {"zones": [f"ap-northeast-1{letter}" for letter in "acd"], "nat_gateways": 3}
    settings["telemetry"]["opensearch"]["nodes"] = 3
    return evaluate("prod", settings)


def in_a_shared_account() -> Recording:
    settings = settings_of("test") | {"account_wide": False, "account_id": "111122223333"}
    settings["telemetry"]["opensearch"] = {"instance_type": "t3.small.search", "nodes": 2, "storage_gb": 20}
    settings["storage"]["personal_data_search"] = True
    del settings["delivery"]["replicate_to"]
    return evaluate("test", settings)


def without_a_cdn() -> Recording:
    settings: dict[str, Any] = settings_of("prod")
    settings["load_balancer"] = {"rate_limit": 20_000}
    del settings["edge"], settings["cache"], settings["telemetry"]["new_relic"], settings["alerts"]["slack"]
    return evaluate("prod", settings)


@pytest.fixture(scope="module")
def variants() -> dict[str, Recording]:
    makers = (with_three_zones, in_a_shared_account, without_a_cdn)
    return {maker.__name__: maker() for maker in makers}


@pytest.mark.parametrize("name", ["with_three_zones", "in_a_shared_account", "without_a_cdn"])
def test_a_variant_is_well_formed(variants: dict[str, Recording], name: str) -> None:
    recording = variants[name]
    assert recording.duplicates == []
    assert [p for r in recording.aws for p in schema.problems(r.type, r.inputs)] == []
    assert recording.outputs["contract"]["tiers"]


def test_a_third_zone_moves_no_subnet(variants: dict[str, Recording]) -> None:
    """A changed range would replace the subnet, and everything in it."""
    kind = "aws:ec2/subnet:Subnet"
    wider = {r.urn: r.inputs for r in variants["with_three_zones"].of(kind)}
    before = {r.urn: r.inputs for r in recorded("prod").of(kind)}
    assert len(wider) == len(before) + 3
    assert all(wider[urn] == inputs for urn, inputs in before.items())
    assert len(variants["with_three_zones"].of("aws:ec2/natGateway:NatGateway")) == 3


def test_a_stack_in_a_shared_account_takes_nothing_that_an_account_has_once(
    variants: dict[str, Recording],
) -> None:
    once = {
        "aws:accessanalyzer/analyzer:Analyzer", "aws:cloudtrail/trail:Trail",
        "aws:ebs/defaultKmsKey:DefaultKmsKey",
        "aws:ecr/replicationConfiguration:ReplicationConfiguration", "aws:ecr/repository:Repository",
        "aws:guardduty/detector:Detector", "aws:iam/accountPasswordPolicy:AccountPasswordPolicy",
        "aws:iam/openIdConnectProvider:OpenIdConnectProvider", "aws:iam/serviceLinkedRole:ServiceLinkedRole",
        "aws:inspector2/enabler:Enabler", "aws:macie2/account:Account",
        "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock",
        "aws:ssm/defaultPatchBaseline:DefaultPatchBaseline",
    }  # fmt: skip
    assert once <= {r.type for r in recorded("prod").aws}
    assert once & {r.type for r in variants["in_a_shared_account"].aws} == set()


def test_stacks_in_one_account_share_no_name(variants: dict[str, Recording]) -> None:
    """Names that the program fixes must differ, or the second stack cannot be created."""
    keys = ("name", "bucket", "identifier", "replicationGroupId", "domainName", "policyName", "dashboardName")

    def names(recording: Recording) -> set[tuple[str, str]]:
        return {
            (resource.type, resource.inputs[key])
            for resource in recording.aws
            for key in keys
            if key in resource.inputs and resource.type not in PER_PARENT
        }

    assert names(recorded("prod")) & names(variants["in_a_shared_account"]) == set()


def test_without_a_cdn_the_balancer_has_the_sites_name(variants: dict[str, Recording]) -> None:
    recording = variants["without_a_cdn"]
    assert recording.of("aws:cloudfront/distribution:Distribution") == []
    (balancer,) = recording.of("aws:lb/loadBalancer:LoadBalancer")
    records = [r.inputs for r in recording.of("aws:route53/record:Record") if "aliases" in r.inputs]
    assert {record["aliases"][0]["name"] for record in records} == {balancer.outputs["dnsName"]}
    assert {record["type"] for record in records} == {"A"}
