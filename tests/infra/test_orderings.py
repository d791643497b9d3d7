"""Pairs of numbers that AWS refuses in the wrong order: in what stacks register, and in their settings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import pytest

from bluegreen.contract import Contract
from infra.settings import ORDERINGS, Ordering, disorder, parse_settings
from tests.infra.test_values import at
from tools.recording import SECRETS, STACKS, Recording, recorded, settings_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """`greater` must be at least `factor` x `than` + `margin`, wherever a resource has both."""

    token: str
    within: str
    """Path of the objects that hold both numbers; empty for the resource's own inputs."""
    greater: str
    than: str
    margin: int = 0
    factor: Fraction = Fraction(1)


S3 = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
PAIRS = [
    # What PutBucketLifecycleConfiguration refuses.
    Pair(token=S3, within="rules.*", greater="expiration.days", than="transitions.*.days", margin=1),
    Pair(token=S3, within="rules.*", greater="noncurrentVersionExpiration.noncurrentDays",
         than="noncurrentVersionTransitions.*.noncurrentDays", margin=1),
    # RDS user guide, "Managing capacity automatically": at least 10 % above the allocated storage.
    Pair(token="aws:rds/instance:Instance", within="", greater="maxAllocatedStorage", than="allocatedStorage",
         factor=Fraction(11, 10)),
    # AWS Backup, BackupRule: completion at least an hour after start; 90 days in cold storage at least.
    Pair(token="aws:backup/plan:Plan", within="rules.*", greater="completionWindow", than="startWindow",
         margin=60),
    Pair(token="aws:backup/plan:Plan", within="rules.*.lifecycle", greater="deleteAfter",
         than="coldStorageAfter", margin=90),
    # Systems Manager, CreateMaintenanceWindow; OpenSearch Ingestion, CreatePipeline; PutMetricAlarm.
    Pair(token="aws:ssm/maintenanceWindow:MaintenanceWindow", within="", greater="duration", than="cutoff",
         margin=1),
    Pair(token="aws:opensearchingest/pipeline:Pipeline", within="", greater="maxUnits", than="minUnits"),
    Pair(token="aws:cloudwatch/metricAlarm:MetricAlarm", within="", greater="evaluationPeriods",
         than="datapointsToAlarm"),
    # CloudFront, cache behaviours: MinTTL <= DefaultTTL <= MaxTTL, where a behaviour sets them itself.
    Pair(token="aws:cloudfront/distribution:Distribution", within="orderedCacheBehaviors.*", greater="maxTtl",
         than="defaultTtl"),
    Pair(token="aws:backup/plan:Plan", within="rules.*.copyActions.*.lifecycle", greater="deleteAfter",
         than="coldStorageAfter", margin=90),
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """Where `path` has a value that is not false or zero, `needs` must have one too; or none, if `never`."""

    token: str
    path: str
    needs: str
    never: bool = False


TOGETHER = [
    # ElastiCache, CreateReplicationGroup: Multi-AZ needs failover and a replica; a token needs TLS.
    Together(token="aws:elasticache/replicationGroup:ReplicationGroup", path="multiAzEnabled",
             needs="automaticFailoverEnabled"),
    Together(token="aws:elasticache/replicationGroup:ReplicationGroup", path="multiAzEnabled",
             needs="replicasPerNodeGroup"),
    Together(token="aws:elasticache/replicationGroup:ReplicationGroup", path="authToken",
             needs="transitEncryptionEnabled"),
    # RDS, CreateDBInstance and CreateDBInstanceReadReplica (in the primary's region).
    Together(token="aws:rds/instance:Instance", path="monitoringInterval", needs="monitoringRoleArn"),
    Together(token="aws:rds/instance:Instance", path="kmsKeyId", needs="storageEncrypted"),
    Together(token="aws:rds/instance:Instance", path="replicateSourceDb", needs="kmsKeyId", never=True),
    Together(token="aws:rds/instance:Instance", path="replicateSourceDb", needs="password", never=True),
    Together(token="aws:rds/instance:Instance", path="performanceInsightsRetentionPeriod",
             needs="performanceInsightsEnabled"),
    # S3, PutBucketReplication: a filter needs to say what happens to delete markers.
    Together(token="aws:s3/bucketReplicationConfig:BucketReplicationConfig", path="rules.*.filter",
             needs="rules.*.deleteMarkerReplication"),
    # CloudFront: a certificate of ACM needs its protocol and SNI; aliases need a certificate.
    Together(token="aws:cloudfront/distribution:Distribution", path="viewerCertificate.acmCertificateArn",
             needs="viewerCertificate.sslSupportMethod"),
    Together(token="aws:cloudfront/distribution:Distribution", path="aliases",
             needs="viewerCertificate.acmCertificateArn"),
    # ELBv2: a policy only where there is TLS, and then a certificate.
    Together(token="aws:lb/listener:Listener", path="sslPolicy", needs="certificateArn"),
    # EC2 and Auto Scaling: a template with interfaces has its security groups there.
    Together(token="aws:ec2/launchTemplate:LaunchTemplate", path="networkInterfaces",
             needs="vpcSecurityGroupIds", never=True),
    # Kinesis, StartStreamEncryption.
    Together(token="aws:kinesis/stream:Stream", path="kmsKeyId", needs="encryptionType"),
]  # fmt: skip


@pytest.mark.parametrize("rule", TOGETHER, ids=lambda rule: f"{rule.path} with {rule.needs}")
def test_what_aws_wants_together_is_registered_together(rule: Together) -> None:
    seen = 0
    for name in STACKS:
        for resource in recorded(name).of(rule.token):
            if any(at(dict(resource.inputs), rule.path)):
                seen += 1
                assert any(at(dict(resource.inputs), rule.needs)) is not rule.never, resource.name
    assert seen, "nothing was compared"


def test_a_primary_with_a_replica_keeps_backups(prod: Recording) -> None:
    """RDS makes a replica from the backups of its source."""
    assert prod.one("aws:rds/instance:Instance", "database").inputs["backupRetentionPeriod"] >= 1


def holders(recording: Recording, pair: Pair) -> list[Any]:
    inputs = [dict(resource.inputs) for resource in recording.of(pair.token)]
    return [one for found in inputs for one in at(found, pair.within)] if pair.within else inputs


def wrong(recording: Recording, pair: Pair) -> list[tuple[float, float]]:
    return [
        (greater, than)
        for holder in holders(recording, pair)
        for greater in at(holder, pair.greater)
        for than in at(holder, pair.than)
        if greater < pair.factor * than + pair.margin
    ]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair.greater} over {pair.than}")
def test_what_a_stack_registers_is_in_order(stack: Recording, pair: Pair) -> None:
    assert wrong(stack, pair) == []


def test_the_pairs_find_what_is_out_of_order() -> None:
    """An expiration is compared in every stack: a path that matched nothing would pass for ever."""
    pair = PAIRS[0]
    for name in STACKS:
        assert wrong(recorded(name), replace(pair, margin=10_000))


def test_fleets_of_the_contract_have_an_order(stack: Recording) -> None:
    """Auto Scaling, CreateAutoScalingGroup: minimum <= desired <= maximum."""
    for tier in Contract.model_validate(stack.outputs["contract"]).tiers:
        assert tier.fleet.minimum <= tier.fleet.desired <= tier.fleet.maximum
        assert tier.grace_seconds > tier.boot_budget_seconds


def test_health_checks_of_the_contract_end_before_the_next_begins(stack: Recording) -> None:
    for tier in Contract.model_validate(stack.outputs["contract"]).tiers:
        assert tier.health_check.interval_seconds > tier.health_check.timeout_seconds


@pytest.mark.parametrize("stack", STACKS)
def test_the_stacks_settings_are_in_order(stack: str) -> None:
    settings = parse_settings(stack, settings_of(stack), SECRETS)
    parts = {name: getattr(settings, name) for name in type(settings).model_fields}
    assert list(disorder(parts)) == []
    # Each rule reads a number in each stack: turned round, it complains.
    for rule in ORDERINGS:
        high = Ordering(greater=rule.greater, than=1_000_000, why="test")
        assert list(disorder(parts, (high,)))
