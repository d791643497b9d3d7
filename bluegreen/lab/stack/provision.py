"""Provisions a lab's stack through the AWS API, as the Pulumi program provisions a real one."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

from bluegreen.contract import (
    STATE_TABLE_HASH_KEY,
    STATE_TABLE_RANGE_KEY,
    Contract,
    Tag,
    Tier,
    parameter_name,
)
from bluegreen.lab.stack.database import identifier
from bluegreen.lab.stack.releases import MODELS, RELEASES

_REPOSITORIES = {Tier.WEB: "sportcoach-platform", Tier.APP: "sportcoach-platform", Tier.AI: "sportcoach-ai"}
_PATHS = {Tier.WEB: "/*", Tier.APP: "/api/*", Tier.AI: "/ai/*"}
_INSTANCE_TYPES = {Tier.WEB: "t3.large", Tier.APP: "t3.xlarge", Tier.AI: "c5.2xlarge"}
_PRIORITIES = {Tier.AI: (100, 1), Tier.APP: (110, 2), Tier.WEB: (120, 3)}
"""Rule and preview rule: the narrower path first."""


def provision(
    session: Any,
    *,
    stack: str,
    account_id: str,
    base_url: str,
    boot_budget_seconds: int,
    with_database: bool = False,
) -> Contract:
    """Everything `stack` needs before its first release, with its contract in SSM.

    `session` is a boto3 session whose clients reach the lab. Its database, which takes longest to make,
    is the caller's work (`stack.database`). Raises botocore's errors.
    """
    network = _network(session.client("ec2"))
    load_balancer, listener = _front_door(session.client("elbv2"), stack, network["subnets"])
    topic = session.client("sns").create_topic(Name=f"sportcoach-{stack}-alerts")["TopicArn"]
    bucket = f"sportcoach-{stack}-models"
    _registry(session.client("ecr"))
    _models(session, bucket, stack)
    _state_table(session.client("dynamodb"), stack)
    session.client("scheduler").create_schedule_group(Name=f"sportcoach-{stack}")
    contract = Contract.model_validate(
        {
            "stack": stack,
            "account_id": account_id,
            "region": session.region_name,
            "vpc_id": network["vpc"],
            "base_url": base_url,
            "load_balancer_arn": load_balancer,
            "listener_arn": listener,
            "state_table": f"sportcoach-{stack}-state",
            "database": {"identifier": identifier(stack)} if with_database else None,
            "buckets": {
                "assets": f"sportcoach-{stack}-assets",
                "models": bucket,
                "training_data": f"sportcoach-{stack}-training-data",
                "logs": f"sportcoach-{stack}-logs",
            },
            "alerts": {"critical_topic_arn": topic, "warning_topic_arn": topic},
            "watchdog": {
                "role_arn": f"arn:aws:iam::{account_id}:role/sportcoach-{stack}-watchdog",
                "schedule_group": f"sportcoach-{stack}",
            },
            "tiers": [
                _tier(session, tier, stack, network, bucket) | {"boot_budget_seconds": boot_budget_seconds}
                for tier in Tier
            ],
        }
    )
    ssm = session.client("ssm")
    ssm.put_parameter(Name=parameter_name(stack), Value=contract.to_json(), Type="String", Overwrite=True)
    # Tiers ask each other at the same load balancer, by the same rules.
    ssm.put_parameter(
        Name=f"/sportcoach/{stack}/config/INTERNAL_URL", Value=base_url, Type="String", Overwrite=True
    )
    return contract


def _network(ec2: Any) -> dict[str, Any]:
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24")["Subnet"]["SubnetId"]
        for number in (0, 1)
    ]
    return {"vpc": vpc, "subnets": subnets}


def _front_door(elb: Any, stack: str, subnets: list[str]) -> tuple[str, str]:
    """(load balancer, listener); the default action is the maintenance page, as in the real stacks."""
    made = elb.create_load_balancer(Name=f"sportcoach-{stack}", Subnets=subnets, Type="application")
    arn = made["LoadBalancers"][0]["LoadBalancerArn"]
    page = {"StatusCode": "503", "ContentType": "text/plain", "MessageBody": "SportCoach is being set up.\n"}
    listener = elb.create_listener(
        LoadBalancerArn=arn,
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": page}],
    )
    return arn, listener["Listeners"][0]["ListenerArn"]


def _registry(ecr: Any) -> None:
    for repository in sorted(set(_REPOSITORIES.values())):
        ecr.create_repository(repositoryName=repository, imageTagMutability="IMMUTABLE")
        for release in RELEASES:
            behaviour = release.ai if repository == _REPOSITORIES[Tier.AI] else release.platform
            ecr.put_image(
                repositoryName=repository,
                imageManifest=release.manifest(repository, behaviour),
                imageTag=release.version,
            )
            ecr.start_image_scan(repositoryName=repository, imageId={"imageTag": release.version})


def _models(session: Any, bucket: str, stack: str) -> None:
    s3 = session.client("s3")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": session.region_name})
    for version, body in MODELS.items():
        digest = hashlib.sha256(body).digest()
        s3.put_object(
            Bucket=bucket,
            Key=f"models/{version}/model.bin",
            Body=body,
            ChecksumAlgorithm="SHA256",
            ChecksumSHA256=base64.b64encode(digest).decode(),
            Metadata={"sha256": digest.hex()},
        )
    session.client("ssm").put_parameter(Name=_pointer(stack), Value=next(iter(MODELS)), Type="String")


def _pointer(stack: str) -> str:
    return f"/sportcoach/{stack}/model"


def _state_table(dynamodb: Any, stack: str) -> None:
    keys = {STATE_TABLE_HASH_KEY: "HASH", STATE_TABLE_RANGE_KEY: "RANGE"}
    dynamodb.create_table(
        TableName=f"sportcoach-{stack}-state",
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys.items()],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in keys],
        BillingMode="PAY_PER_REQUEST",
    )


def _tier(session: Any, tier: Tier, stack: str, network: Mapping[str, Any], bucket: str) -> dict[str, Any]:
    tags = [{"Key": str(Tag.STACK), "Value": stack}, {"Key": str(Tag.TIER), "Value": str(tier)}]
    template = session.client("ec2").create_launch_template(
        LaunchTemplateName=f"sportcoach-{stack}-{tier}",
        LaunchTemplateData={
            "ImageId": "ami-00000000000000001",
            "InstanceType": _INSTANCE_TYPES[tier],
            "TagSpecifications": [{"ResourceType": "instance", "Tags": tags}],
        },
    )
    rule, preview = _PRIORITIES[tier]
    document: dict[str, Any] = {
        "name": tier,
        "path_patterns": [_PATHS[tier]],
        "rule_priority": rule,
        "preview_priority": preview,
        "port": 8080,
        "version_path": _PATHS[tier].replace("*", "version"),
        "health_check": {"interval_seconds": 5, "timeout_seconds": 2},
        "deregistration_delay_seconds": 5,
        "launch_template_id": template["LaunchTemplate"]["LaunchTemplateId"],
        "subnet_ids": network["subnets"],
        "fleet": {"minimum": 2, "desired": 2, "maximum": 4, "standby": 1 if tier is Tier.AI else 0},
        "scaling": [{"kind": "cpu", "target_percent": 60}, {"kind": "requests", "target_per_minute": 60_000}],
        "warmup_seconds": 1,
        "image_repository": _REPOSITORIES[tier],
    }
    if tier is Tier.AI:
        document["scaling"].append({"kind": "backlog", "target_per_instance": 10})
        document["model"] = {"bucket": bucket, "pointer_parameter": _pointer(stack)}
    return document
