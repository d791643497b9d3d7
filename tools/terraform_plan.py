"""Writes a recorded stack in the form of a Terraform plan, which scanners such as Checkov read.

    python -m tools.terraform_plan prod > plan.json

The AWS provider of Pulumi is Terraform's: types and arguments correspond one to one. Types need a table
where the names differ, arguments need snake case, and an object becomes the list of one block that
Terraform writes it as.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from typing import Any

from tools.recording import Recorded, Recording, recorded

__all__ = ["address_of", "plan", "terraform_type"]

# Modules that are not part of Terraform's name, and types that are called otherwise.
_SILENT_MODULES = frozenset({"ec2", "ebs"})
_TYPES = {
    "aws:amp/alertManagerDefinition:AlertManagerDefinition": "aws_prometheus_alert_manager_definition",
    "aws:amp/ruleGroupNamespace:RuleGroupNamespace": "aws_prometheus_rule_group_namespace",
    "aws:amp/workspace:Workspace": "aws_prometheus_workspace",
    "aws:cloudtrail/trail:Trail": "aws_cloudtrail",
    "aws:cloudwatch/eventRule:EventRule": "aws_cloudwatch_event_rule",
    "aws:ebs/defaultKmsKey:DefaultKmsKey": "aws_ebs_default_kms_key",
    "aws:ebs/encryptionByDefault:EncryptionByDefault": "aws_ebs_encryption_by_default",
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": "aws_iam_openid_connect_provider",
    "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream": "aws_kinesis_firehose_delivery_stream",
    "aws:lb/loadBalancer:LoadBalancer": "aws_lb",
    "aws:rds/eventSubscription:EventSubscription": "aws_db_event_subscription",
    "aws:rds/instance:Instance": "aws_db_instance",
    "aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication": (
        "aws_db_instance_automated_backups_replication"
    ),
    "aws:rds/parameterGroup:ParameterGroup": "aws_db_parameter_group",
    "aws:rds/subnetGroup:SubnetGroup": "aws_db_subnet_group",
    "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock": "aws_s3_account_public_access_block",
    "aws:s3/bucketReplicationConfig:BucketReplicationConfig": "aws_s3_bucket_replication_configuration",
}

# Lists of blocks whose plural is Pulumi's: Terraform repeats the block under its singular name.
_BLOCKS = {
    "accessLogs": "access_logs",
    "additionalConfigurations": "additional_configuration",
    "advancedEventSelectors": "advanced_event_selector",
    "aliases": "alias",
    "approvalRules": "approval_rule",
    "attributes": "attribute",
    "blockDeviceMappings": "block_device_mappings",
    "copyActions": "copy_action",
    "corsRules": "cors_rule",
    "defaultActions": "default_action",
    "distributions": "distribution",
    "encryptionConfigurations": "encryption_configuration",
    "fieldSelectors": "field_selector",
    "logDeliveryConfigurations": "log_delivery_configuration",
    "metricQueries": "metric_query",
    "orderedCacheBehaviors": "ordered_cache_behavior",
    "origins": "origin",
    "parameters": "parameter",
    "redactedFields": "redacted_fields",
    "rules": "rule",
    "transitions": "transition",
}
# `aliases` of a distribution are names, not blocks; maps stay maps.
_PLURALS_THAT_STAY = {"aws_cloudfront_distribution": {"aliases"}}
_MAPS = frozenset({"tags", "dimensions", "roles"})


def terraform_type(token: str) -> str:
    """The Terraform type of a Pulumi type token."""
    if token in _TYPES:
        return _TYPES[token]
    module, _, name = token.split(":")[1].partition("/")
    parts = [
        "aws",
        *([] if module in _SILENT_MODULES else [module]),
        _snake(token.rsplit(":", maxsplit=1)[-1]),
    ]
    return "_".join(parts) if name else token


def plan(recording: Recording) -> dict[str, Any]:
    """The stack as `terraform show -json` would print a plan that creates everything."""
    resources = [resource for resource in recording.aws if resource.type != "pulumi:providers:aws"]
    addresses = {resource.urn: address_of(resource) for resource in resources}
    planned = [_planned(resource) for resource in resources]
    return {
        "format_version": "1.2",
        "terraform_version": "1.9.0",
        "planned_values": {"root_module": {"resources": planned}},
        "resource_changes": [
            {
                **{key: value for key, value in resource.items() if key != "values"},
                "change": {"actions": ["create"], "before": None, "after": resource["values"]},
            }
            for resource in planned
        ],
        "configuration": {
            "root_module": {
                "resources": [_configured(resource, addresses) for resource in resources],
            }
        },
    }


def address_of(resource: Recorded) -> str:
    """The resource's Terraform address."""
    return f"{terraform_type(resource.type)}.{resource.name.replace('-', '_')}"


def _planned(resource: Recorded) -> dict[str, Any]:
    kind = terraform_type(resource.type)
    return {
        "address": address_of(resource),
        "mode": "managed",
        "type": kind,
        "name": resource.name.replace("-", "_"),
        "provider_name": "registry.terraform.io/hashicorp/aws",
        "schema_version": 0,
        "values": _values(resource.inputs, kind),
    }


def _configured(resource: Recorded, addresses: Mapping[str, str]) -> dict[str, Any]:
    """Which arguments come from which resources: scanners draw their graph from it."""
    references = {
        _snake(key): {"references": [f"{addresses[urn]}.id" for urn in urns if urn in addresses]}
        for key, urns in resource.references.items()
    }
    return {
        "address": address_of(resource),
        "mode": "managed",
        "type": terraform_type(resource.type),
        "name": resource.name.replace("-", "_"),
        "provider_config_key": "aws",
        "expressions": {key: value for key, value in references.items() if value["references"]},
    }


def _values(inputs: Mapping[str, Any], kind: str = "") -> dict[str, Any]:
    stays = _PLURALS_THAT_STAY.get(kind, set())
    return {
        (_snake(key) if key in stays else _BLOCKS.get(key, _snake(key))): _value(key, value)
        for key, value in inputs.items()
        if not key.startswith("__")
    }


def _value(key: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value) if key in _MAPS else [_values(value)]
    if isinstance(value, list):
        return [_values(item) if isinstance(item, Mapping) else item for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)  # protobuf knows no whole numbers
    return value


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


if __name__ == "__main__":
    json.dump(plan(recorded(sys.argv[1])), sys.stdout, indent=1)
