"""Inputs have the form in which the provider reads them back: else every preview wants an update.

Read in terraform-provider-aws (internal/service/ec2, rds, elasticache): what is optional and not computed is
compared with AWS's own words, so what AWS rewrites must be written as AWS does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from ipaddress import ip_network
from typing import Any

import pytest

from tests.infra.test_values import at
from tools.recording import STACKS, Recorded, recorded

Form = Callable[[Any], bool]


def matches(pattern: str) -> Form:
    return lambda value: re.fullmatch(pattern, str(value)) is not None


def canonical(value: Any) -> bool:
    """AWS clears host bits and answers the network."""
    return str(ip_network(value)) == value


KEY = matches(r"arn:aws:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+")
LOWER = matches(r"[a-z][a-z0-9-]*")
WINDOW = matches(r"[a-z]{3}:\d\d:\d\d-[a-z]{3}:\d\d:\d\d")
HOURS = matches(r"\d\d:\d\d-\d\d:\d\d")
NO_DOT = matches(r".*[^.]")
TEXT_BOOL = matches("true|false")

FORMS: list[tuple[str, str, Form]] = [
    # A key's id or alias is answered with its ARN.
    ("aws:amp/workspace:Workspace", "kmsKeyArn", KEY),
    ("aws:backup/vault:Vault", "kmsKeyArn", KEY),
    ("aws:cloudtrail/trail:Trail", "kmsKeyId", KEY),
    ("aws:cloudwatch/logGroup:LogGroup", "kmsKeyId", KEY),
    ("aws:dynamodb/table:Table", "serverSideEncryption.kmsKeyArn", KEY),
    ("aws:ec2/launchTemplate:LaunchTemplate", "blockDeviceMappings.*.ebs.kmsKeyId", KEY),
    ("aws:ecr/repository:Repository", "encryptionConfigurations.*.kmsKey", KEY),
    ("aws:elasticache/replicationGroup:ReplicationGroup", "kmsKeyId", KEY),
    ("aws:imagebuilder/component:Component", "kmsKeyId", KEY),
    ("aws:imagebuilder/imageRecipe:ImageRecipe", "blockDeviceMappings.*.ebs.kmsKeyId", KEY),
    ("aws:opensearch/domain:Domain", "encryptAtRest.kmsKeyId", KEY),
    ("aws:rds/instance:Instance", "kmsKeyId", KEY),
    ("aws:rds/instance:Instance", "performanceInsightsKmsKeyId", KEY),
    ("aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication", "kmsKeyId", KEY),
    ("aws:secretsmanager/secret:Secret", "kmsKeyId", KEY),
    # Names that AWS writes in small letters, and windows.
    ("aws:rds/instance:Instance", "identifier", LOWER),
    ("aws:elasticache/replicationGroup:ReplicationGroup", "replicationGroupId", LOWER),
    ("aws:rds/instance:Instance", "maintenanceWindow", WINDOW),
    ("aws:rds/instance:Instance", "backupWindow", HOURS),
    ("aws:elasticache/replicationGroup:ReplicationGroup", "maintenanceWindow", WINDOW),
    ("aws:elasticache/replicationGroup:ReplicationGroup", "snapshotWindow", HOURS),
    # Networks without host bits; DNS names without the dot at their end.
    ("aws:ec2/vpc:Vpc", "cidrBlock", canonical),
    ("aws:ec2/subnet:Subnet", "cidrBlock", canonical),
    ("aws:ec2/route:Route", "destinationCidrBlock", canonical),
    ("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule", "cidrIpv4", canonical),
    ("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "cidrIpv4", canonical),
    ("aws:route53/record:Record", "name", NO_DOT),
    ("aws:cloudfront/distribution:Distribution", "aliases.*", NO_DOT),
    # A launch template's switches are texts, so that "not said" is not "false".
    ("aws:ec2/launchTemplate:LaunchTemplate", "ebsOptimized", TEXT_BOOL),
    ("aws:ec2/launchTemplate:LaunchTemplate", "blockDeviceMappings.*.ebs.encrypted", TEXT_BOOL),
    ("aws:ec2/launchTemplate:LaunchTemplate", "blockDeviceMappings.*.ebs.deleteOnTermination", TEXT_BOOL),
    ("aws:ec2/launchTemplate:LaunchTemplate", "networkInterfaces.*.associatePublicIpAddress", TEXT_BOOL),
    ("aws:ec2/launchTemplate:LaunchTemplate", "networkInterfaces.*.deleteOnTermination", TEXT_BOOL),
]


@pytest.mark.parametrize(("token", "path", "form"), FORMS, ids=[f"{one[0]} {one[1]}" for one in FORMS])
def test_values_are_written_as_aws_answers_them(token: str, path: str, form: Form) -> None:
    found = [value for one in resources(token) for value in at(dict(one.inputs), path)]
    assert found, "the table names something that no stack has"
    assert [value for value in found if not form(value)] == []


def resources(token: str) -> Iterator[Recorded]:
    for stack in STACKS:
        yield from recorded(stack).of(token)


def test_every_key_of_a_resource_is_in_the_table() -> None:
    """A resource that is new here must say how AWS reads its key back."""
    known = {(token, path) for token, path, form in FORMS if form is KEY}
    # Read back exactly as they were given: id, alias or ARN.
    verbatim = {
        "aws:sns/topic:Topic",
        "aws:kinesis/stream:Stream",
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "aws:s3/bucketReplicationConfig:BucketReplicationConfig",
        "aws:imagebuilder/distributionConfiguration:DistributionConfiguration",
    }
    found = {
        (one.type, path)
        for stack in STACKS
        for one in recorded(stack).aws
        for path in keys(dict(one.inputs))
        if one.type not in verbatim
    }
    assert found == known


def keys(value: Any, path: str = "") -> Iterator[str]:
    """Paths of texts that name a KMS key."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from keys(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for inner in value:
            yield from keys(inner, f"{path}.*")
    elif isinstance(value, str) and re.search(r"[kK]msKey|KmsMasterKey", path.rpartition(".")[2]):
        yield path


def test_a_launch_template_says_nothing_that_aws_reads_back_otherwise() -> None:
    """Neither block is computed: what AWS adds to it, or leaves out, would be an update for ever.

    The interface has only what EC2 stores as it is given. Instances and disks get their tags from the fleets;
    tags of the template itself are not part of a version (EC2, CreateLaunchTemplate), though emulators answer
    them as one.
    """
    stored = {"deviceIndex", "associatePublicIpAddress", "deleteOnTermination", "securityGroups"}
    for one in resources("aws:ec2/launchTemplate:LaunchTemplate"):
        assert "tagSpecifications" not in one.inputs
        (interface,) = one.inputs["networkInterfaces"]
        assert set(interface) == stored
        assert len(interface["securityGroups"]) == 1, "a set of one has one order"


def test_performance_insights_are_said_whole() -> None:
    """Enabled is not computed, key and retention are: said together they are what RDS answers."""
    for one in resources("aws:rds/instance:Instance"):
        said = {key: value for key, value in one.inputs.items() if key.startswith("performanceInsights")}
        assert set(said) == {
            "performanceInsightsEnabled",
            "performanceInsightsKmsKeyId",
            "performanceInsightsRetentionPeriod",
        }
        assert said["performanceInsightsEnabled"] is True


def test_a_rule_for_every_protocol_names_no_ports() -> None:
    """EC2 drops them, and the provider then wants them back."""
    kinds = (
        "securityGroupEgressRule:SecurityGroupEgressRule",
        "securityGroupIngressRule:SecurityGroupIngressRule",
    )
    for one in (one for kind in kinds for one in resources(f"aws:vpc/{kind}")):
        assert (one.inputs["ipProtocol"] == "-1") is ("fromPort" not in one.inputs), one.name


def test_the_same_program_says_the_same_twice() -> None:
    """User data is compressed: a time in it would be a new launch template version at every `pulumi up`."""
    first, second = (
        {one.urn: dict(one.inputs) for one in recording.aws}
        for recording in (recorded("dev"), recorded.__wrapped__("dev"))
    )
    assert first == second
