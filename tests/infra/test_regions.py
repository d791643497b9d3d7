"""What AWS offers in the stacks' regions, by cfn-lint's data: classes, versions, types, listeners."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tools.recording import STACKS, Recorded, Recording, recorded

Fragment = tuple[str, dict[str, Any]]


def fragment(type_: str, properties: dict[str, Any]) -> Fragment:
    return type_, {key: value for key, value in properties.items() if value is not None}


def database(one: Recorded) -> Fragment:
    i = one.inputs
    return fragment(
        "AWS::RDS::DBInstance",
        {
            "Engine": i.get("engine"),
            "EngineVersion": i.get("engineVersion"),
            "DBInstanceClass": i["instanceClass"],
            "DBInstanceIdentifier": i["identifier"],
            "AllocatedStorage": str(int(i["allocatedStorage"])) if "allocatedStorage" in i else None,
            "MaxAllocatedStorage": i["maxAllocatedStorage"],
            "StorageType": i.get("storageType"),
            "BackupRetentionPeriod": i.get("backupRetentionPeriod"),
            "PreferredBackupWindow": i.get("backupWindow"),
            "PreferredMaintenanceWindow": i.get("maintenanceWindow"),
            "MonitoringInterval": i["monitoringInterval"],
            "MonitoringRoleArn": i["monitoringRoleArn"],
            "PerformanceInsightsRetentionPeriod": i["performanceInsightsRetentionPeriod"],
            "EnablePerformanceInsights": True,
            # Of a replica the API takes no such thing; the provider compares it with what RDS reports.
            "StorageEncrypted": None if "replicateSourceDb" in i else True,
            "MultiAZ": i.get("multiAz"),
            "SourceDBInstanceIdentifier": i.get("replicateSourceDb"),
            "EnableCloudwatchLogsExports": i["enabledCloudwatchLogsExports"],
        },
    )


def parameter_group(one: Recorded) -> Fragment:
    return fragment("AWS::RDS::DBParameterGroup", {"Family": one.inputs["family"], "Description": one.name})


def cache(one: Recorded) -> Fragment:
    i = one.inputs
    return fragment(
        "AWS::ElastiCache::ReplicationGroup",
        {
            "ReplicationGroupDescription": i["description"],
            "Engine": i["engine"],
            "EngineVersion": i["engineVersion"],
            "CacheNodeType": i["nodeType"],
            "NumNodeGroups": i["numNodeGroups"],
            "ReplicasPerNodeGroup": i["replicasPerNodeGroup"],
            "AutomaticFailoverEnabled": i["automaticFailoverEnabled"],
            "AtRestEncryptionEnabled": True,
            "SnapshotRetentionLimit": i["snapshotRetentionLimit"],
            "SnapshotWindow": i["snapshotWindow"],
        },
    )


def template(one: Recorded) -> Fragment:
    i = one.inputs
    (device,) = i["blockDeviceMappings"]
    data = {
        "InstanceType": i["instanceType"],
        "ImageId": i["imageId"],
        "MetadataOptions": {
            "HttpTokens": i["metadataOptions"]["httpTokens"],
            "HttpEndpoint": i["metadataOptions"]["httpEndpoint"],
            "HttpPutResponseHopLimit": int(i["metadataOptions"]["httpPutResponseHopLimit"]),
            "InstanceMetadataTags": i["metadataOptions"]["instanceMetadataTags"],
        },
        "BlockDeviceMappings": [
            {
                "DeviceName": device["deviceName"],
                "Ebs": {
                    "VolumeType": device["ebs"]["volumeType"],
                    "VolumeSize": int(device["ebs"]["volumeSize"]),
                    "Encrypted": True,
                },
            }
        ],
    }
    return fragment("AWS::EC2::LaunchTemplate", {"LaunchTemplateData": data})


def listener(one: Recorded) -> Fragment:
    i = one.inputs
    (action,) = i["defaultActions"]
    written: dict[str, Any] = {"Type": action["type"]}
    if "redirect" in action:
        redirect = action["redirect"]
        written["RedirectConfig"] = {
            "Protocol": redirect["protocol"],
            "Port": redirect["port"],
            "StatusCode": redirect["statusCode"],
        }
    if "fixedResponse" in action:
        answer = action["fixedResponse"]
        written["FixedResponseConfig"] = {
            "ContentType": answer["contentType"],
            "MessageBody": answer["messageBody"],
            "StatusCode": answer["statusCode"],
        }
    certificates = [{"CertificateArn": i["certificateArn"]}] if "certificateArn" in i else None
    return fragment(
        "AWS::ElasticLoadBalancingV2::Listener",
        {
            "LoadBalancerArn": i["loadBalancerArn"],
            "Port": int(i["port"]),
            "Protocol": i["protocol"],
            "SslPolicy": i.get("sslPolicy"),
            "Certificates": certificates,
            "DefaultActions": [written],
        },
    )


def search(one: Recorded) -> Fragment:
    cluster = one.inputs["clusterConfig"]
    config = {"InstanceType": cluster["instanceType"], "InstanceCount": int(cluster["instanceCount"])}
    return fragment(
        "AWS::OpenSearchService::Domain",
        {
            "EngineVersion": one.inputs["engineVersion"],
            "DomainName": one.inputs["domainName"],
            "ClusterConfig": config,
        },
    )


TRANSLATIONS = {
    "aws:rds/instance:Instance": database,
    "aws:rds/parameterGroup:ParameterGroup": parameter_group,
    "aws:elasticache/replicationGroup:ReplicationGroup": cache,
    "aws:ec2/launchTemplate:LaunchTemplate": template,
    "aws:lb/listener:Listener": listener,
    "aws:opensearch/domain:Domain": search,
}


def fragments(recording: Recording) -> list[Fragment]:
    return [TRANSLATIONS[one.type](one) for one in recording.aws if one.type in TRANSLATIONS]


def faults(parts: list[Fragment]) -> list[str]:
    """What cfn-lint finds wrong in Tokyo, errors and warnings alike."""
    # Two seconds, which every test process that collects would spend.
    from cfnlint.api import ManualArgs, lint

    keep = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
    resources = {
        f"Part{index}": {"Type": kind, "Properties": properties, **keep}
        for index, (kind, properties) in enumerate(parts)
    }
    document = json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources})
    found = lint(document, config=ManualArgs(regions=["ap-northeast-1"]))
    return [f"{match.rule.id}: {match.message}" for match in found]


def test_the_region_offers_what_the_stacks_ask_for() -> None:
    parts = [part for name in STACKS for part in fragments(recorded(name))]
    assert {kind for kind, _ in parts} >= {
        "AWS::RDS::DBInstance",
        "AWS::ElastiCache::ReplicationGroup",
        "AWS::EC2::LaunchTemplate",
        "AWS::ElasticLoadBalancingV2::Listener",
    }
    assert faults(parts) == []


SABOTAGE: dict[str, dict[str, Any]] = {
    "AWS::RDS::DBInstance": {"EngineVersion": "14.99", "DBInstanceClass": "db.m5.larg"},
    "AWS::EC2::LaunchTemplate": {"LaunchTemplateData": {"InstanceType": "t3.larg"}},
    "AWS::ElasticLoadBalancingV2::Listener": {"Protocol": "HTPS"},
    "AWS::ElastiCache::ReplicationGroup": {"SnapshotRetentionLimit": "many"},
}


@pytest.fixture(scope="module")
def sabotaged() -> list[str]:
    """All sabotage in one template: linting costs a second or two, however many there are."""
    parts = fragments(recorded("prod"))
    return faults([(kind, {**properties, **SABOTAGE.get(kind, {})}) for kind, properties in parts])


@pytest.mark.parametrize("word", ["14.99", "db.m5.larg", "t3.larg", "HTPS", "many"])
def test_the_check_of_regions_bites(sabotaged: list[str], word: str) -> None:
    assert any(word in fault for fault in sabotaged), sabotaged
