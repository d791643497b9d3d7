"""AWS services may do what the stack relies on: publish alerts, write logs, deliver, replicate, decrypt.

A missing grant is no error of an update: alerts, logs or copies stay away, without a word.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from tests.infra.documents import Document, documents, listed
from tests.infra.iam import Request, allowed, statements_of
from tools.recording import Recorded, Recording, settings_of

ROLE = "aws:iam/role:Role"
FIREHOSE = "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream"
PUBLISHERS = ("aps", "cloudwatch", "events", "events.rds")
"""Alert rules, alarms, security findings and failed backups, events of the database."""


def grants(policy: Document, service: str, action: str) -> bool:
    """Whether a policy of a resource lets a service do something, under whatever condition."""
    for statement in policy.statements:
        principal = statement["Principal"]
        services = listed(principal.get("Service", [])) if isinstance(principal, dict) else []
        matches = any(fnmatchcase(action, pattern) for pattern in listed(statement["Action"]))
        if statement["Effect"] == "Allow" and service in services and matches:
            return True
    return False


def keys(stack: Recording) -> dict[str, Document]:
    """Key policies by the ARN of their key."""
    return {one.resource.outputs["arn"]: one for one in documents(stack, "aws:kms/key:Key")}


def may(stack: Recording, role_arn: str, action: str, resource: str, **context: str) -> bool:
    (role,) = (role for role in stack.of(ROLE) if role.outputs["arn"] == role_arn)
    request = Request(
        action=action,
        resource=resource,
        context={key.replace("_", ":"): value for key, value in context.items()},
    )
    return allowed(statements_of(stack, role.name), request)


def test_whoever_publishes_alerts_may_use_topic_and_key(stack: Recording) -> None:
    policies = {d.resource.inputs["arn"]: d for d in documents(stack, "aws:sns/topicPolicy:TopicPolicy")}
    for topic in stack.of("aws:sns/topic:Topic"):
        key = keys(stack)[topic.inputs["kmsMasterKeyId"]]
        for name in PUBLISHERS:
            service = f"{name}.amazonaws.com"
            assert grants(policies[topic.outputs["arn"]], service, "sns:Publish"), (topic.name, name)
            for action in ("kms:Decrypt", "kms:GenerateDataKey"):
                assert grants(key, service, action), (topic.name, name, action)


def test_cloudwatch_logs_may_use_the_key_of_each_group_in_its_region(stack: Recording) -> None:
    regions = {p.name: p.inputs["region"] for p in stack.of("pulumi:providers:aws")}
    for group in stack.of("aws:cloudwatch/logGroup:LogGroup"):
        key = keys(stack)[group.inputs["kmsKeyId"]]
        assert grants(key, f"logs.{regions[group.provider]}.amazonaws.com", "kms:GenerateDataKey"), group.name


def test_the_trail_may_use_its_key_and_the_cdn_may_read_assets(stack: Recording) -> None:
    for trail in stack.of("aws:cloudtrail/trail:Trail"):
        assert grants(
            keys(stack)[trail.inputs["kmsKeyId"]], "cloudtrail.amazonaws.com", "kms:GenerateDataKey"
        )
    encryption = stack.one(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "storage-assets",
    )
    key = encryption.inputs["rules"][0]["applyServerSideEncryptionByDefault"]["kmsMasterKeyId"]
    assert grants(keys(stack)[key], "cloudfront.amazonaws.com", "kms:Decrypt")
    (policy,) = (
        d for d in documents(stack, "aws:s3/bucketPolicy:BucketPolicy") if d.resource.name == "storage-assets"
    )
    assert grants(policy, "cloudfront.amazonaws.com", "s3:GetObject")


def configurations(stream: Recorded) -> Iterator[dict[str, Any]]:
    for key in ("httpEndpointConfiguration", "opensearchConfiguration"):
        if key in stream.inputs:
            yield stream.inputs[key]


def test_streams_may_keep_what_their_destination_refuses(stack: Recording) -> None:
    for stream in stack.of(FIREHOSE):
        for one in configurations(stream):
            kept = one["s3Configuration"]
            place = f"{kept['bucketArn']}/{kept['prefix']}2026/11/01/x"
            assert may(stack, kept["roleArn"], "s3:PutObject", place), stream.name
            if "secretsManagerConfiguration" in one:
                secret = one["secretsManagerConfiguration"]
                assert may(stack, secret["roleArn"], "secretsmanager:GetSecretValue", secret["secretArn"])


def test_whoever_feeds_a_stream_may_put_records(stack: Recording) -> None:
    feeds = [
        (one.inputs["roleArn"], one.inputs["firehoseArn"])
        for one in stack.of("aws:cloudwatch/metricStream:MetricStream")
    ]
    kind = "aws:cloudwatch/logSubscriptionFilter:LogSubscriptionFilter"
    assert bool(feeds) is bool(stack.of(FIREHOSE))
    for role, stream in feeds:
        for action in ("firehose:PutRecord", "firehose:PutRecordBatch"):
            assert may(stack, role, action, stream), (role, action)
    for one in stack.of(kind):
        assert may(stack, one.inputs["roleArn"], "kinesis:PutRecord", one.inputs["destinationArn"])


def test_flow_logs_and_the_trail_may_write_their_groups(stack: Recording) -> None:
    writers = [
        (f.inputs["iamRoleArn"], f.inputs["logDestination"]) for f in stack.of("aws:ec2/flowLog:FlowLog")
    ]
    writers += [
        (trail.inputs["cloudWatchLogsRoleArn"], trail.inputs["cloudWatchLogsGroupArn"].removesuffix(":*"))
        for trail in stack.of("aws:cloudtrail/trail:Trail")
    ]
    assert writers
    for role, group in writers:
        for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
            assert may(stack, role, action, f"{group}:log-stream:x"), (role, action)


def test_replication_may_read_here_and_write_there(prod: Recording) -> None:
    """S3 user guide, "Setting up permissions for live replication", with the keys of both sides."""
    settings = settings_of("prod")
    names = {key.name: key.outputs["arn"] for key in prod.of("aws:kms/key:Key")}
    for one in prod.of("aws:s3/bucketReplicationConfig:BucketReplicationConfig"):
        role = one.inputs["role"]
        (rule,) = one.inputs["rules"]
        target = rule["destination"]["bucket"]
        source = target.removesuffix("-replica")
        assert may(prod, role, "s3:GetReplicationConfiguration", source)
        assert may(prod, role, "s3:ListBucket", source)
        for action in ("GetObjectVersionForReplication", "GetObjectVersionAcl", "GetObjectVersionTagging"):
            assert may(prod, role, f"s3:{action}", f"{source}/x"), action
        for action in ("ReplicateObject", "ReplicateDelete", "ReplicateTags"):
            assert may(prod, role, f"s3:{action}", f"{target}/x"), action
        here = {"kms_ViaService": f"s3.{settings['region']}.amazonaws.com"}
        there = {"kms_ViaService": f"s3.{settings['backup_region']}.amazonaws.com"}
        assert may(prod, role, "kms:Decrypt", names["encryption-data"], **here)
        assert may(prod, role, "kms:GenerateDataKey", names["encryption-backup"], **there)
        assert rule["destination"]["encryptionConfiguration"]["replicaKmsKeyId"] == names["encryption-backup"]


def test_the_watchdog_trusts_schedules_of_its_own_group(stack: Recording) -> None:
    """EventBridge Scheduler user guide, "Confused deputy prevention": the source is the schedule group."""
    (trust,) = (d for d in documents(stack, ROLE) if d.resource.name == "delivery-watchdog")
    settings, (group,) = settings_of(stack.stack), stack.of("aws:scheduler/scheduleGroup:ScheduleGroup")
    (statement,) = trust.statements
    place = f"{settings['region']}:{settings['account_id']}:schedule-group/{group.inputs['name']}"
    assert statement["Condition"]["ArnLike"] == {"aws:SourceArn": f"arn:aws:scheduler:{place}"}
    rules = stack.one("aws:lb/listener:Listener", "load-balancer-https").outputs["arn"]
    own = rules.replace(":listener/", ":listener-rule/")
    assert may(stack, trust.resource.outputs["arn"], "elasticloadbalancing:ModifyRule", f"{own}/1")


def test_a_version_is_one_image_for_ever(stack: Recording) -> None:
    assert {r.inputs["imageTagMutability"] for r in stack.of("aws:ecr/repository:Repository")} == {
        "IMMUTABLE"
    }


def test_the_balancer_keeps_connections_as_long_as_the_cdn_does(stack: Recording) -> None:
    """One that the balancer closes first fails a request of the CDN now and then (502)."""
    (balancer,) = stack.of("aws:lb/loadBalancer:LoadBalancer")
    for cdn in stack.of("aws:cloudfront/distribution:Distribution"):
        (origin,) = (o["vpcOriginConfig"] for o in cdn.inputs["origins"] if "vpcOriginConfig" in o)
        assert balancer.inputs["idleTimeout"] > origin["originKeepaliveTimeout"]
        assert balancer.inputs["idleTimeout"] >= origin["originReadTimeout"]
