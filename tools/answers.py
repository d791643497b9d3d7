"""What AWS would answer: a value for every output that a type declares, ids and ARNs of the right form."""

from __future__ import annotations

import hashlib
import typing
from collections.abc import Mapping
from typing import Any

from pulumi import _types

from tools import schema

__all__ = ["DATA_SOURCES", "outputs"]

DATA_SOURCES: dict[str, dict[str, Any] | None] = {
    # None waits for validation.
    "aws:acm/getCertificate:getCertificate": None,
    "aws:elb/getServiceAccount:getServiceAccount": {"arn": "arn:aws:iam::582318560864:root"},
    "aws:ec2/getAmiIds:getAmiIds": {"id": "amis", "ids": ["ami-0fedcba9876543210"]},
    "aws:ec2/getManagedPrefixList:getManagedPrefixList": {"id": "pl-58a04531"},
    "aws:ssm/getParameter:getParameter": {"id": "ami", "insecureValue": "ami-0123456789abcdef0"},
}
"""By token; None where the provider finds nothing, which is a failed call."""

# What the ids of types look like that others parse.
_IDS = {
    "aws:ec2/vpc:Vpc": "vpc-",
    "aws:ec2/subnet:Subnet": "subnet-",
    "aws:ec2/securityGroup:SecurityGroup": "sg-",
    "aws:ec2/launchTemplate:LaunchTemplate": "lt-",
    "aws:route53/zone:Zone": "Z",
}
# What follows `arn:aws:` where it is more than <service>:<region>:<account>:<name>/<hash>; others parse it,
# and policies are compared with it. `{x}` are inputs, or facts of the stack.
_HERE = "{region}:{account}"
_ARNS = {
    "aws:acm/certificate:Certificate": f"acm:{_HERE}:certificate/{{hash}}",
    "aws:amp/workspace:Workspace": f"aps:{_HERE}:workspace/ws-{{hash}}",
    "aws:backup/vault:Vault": f"backup:{_HERE}:backup-vault:{{name}}",
    "aws:cloudfront/distribution:Distribution": "cloudfront::{account}:distribution/E{hash}",
    "aws:cloudwatch/logGroup:LogGroup": f"logs:{_HERE}:log-group:{{name}}",
    "aws:dynamodb/table:Table": f"dynamodb:{_HERE}:table/{{name}}",
    "aws:ec2/launchTemplate:LaunchTemplate": f"ec2:{_HERE}:launch-template/lt-{{hash}}",
    "aws:iam/policy:Policy": "iam::{account}:policy/{name}",
    "aws:iam/role:Role": "iam::{account}:role/{name}",
    "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream": f"firehose:{_HERE}:deliverystream/{{name}}",
    "aws:kms/key:Key": f"kms:{_HERE}:key/{{hash}}",
    "aws:lb/listener:Listener": f"elasticloadbalancing:{_HERE}:listener/{{suffix}}/{{hash}}",
    "aws:lb/loadBalancer:LoadBalancer": f"elasticloadbalancing:{_HERE}:loadbalancer/{{suffix}}",
    "aws:kinesis/stream:Stream": f"kinesis:{_HERE}:stream/{{name}}",
    "aws:opensearch/domain:Domain": f"es:{_HERE}:domain/{{domainName}}",
    "aws:rds/instance:Instance": f"rds:{_HERE}:db:{{identifier}}",
    "aws:s3/bucket:Bucket": "s3:::{bucket}",
    "aws:secretsmanager/secret:Secret": f"secretsmanager:{_HERE}:secret:{{name}}-AbCdEf",
    "aws:ssm/parameter:Parameter": f"ssm:{_HERE}:parameter{{name}}",
    "aws:sns/topic:Topic": f"sns:{_HERE}:{{name}}",
    "aws:sqs/queue:Queue": f"sqs:{_HERE}:{{name}}",
    "aws:wafv2/webAcl:WebAcl": f"wafv2:{_HERE}:regional/webacl/{{name}}/{{hash}}",
}


def outputs(token: str, name: str, inputs: Mapping[str, Any], place: Mapping[str, str]) -> dict[str, Any]:
    """Inputs, and for every other declared output a value of its type."""
    # 17 hexadecimal digits, as long as the ids of EC2.
    digest = hashlib.sha256(f"{place['stack']}/{token}/{name}".encode()).hexdigest()[:17]
    known = {"name": f"{name}-{digest[:7]}", **inputs, **place, "hash": digest}
    known["suffix"] = "app/load-balancer-1234567/0123456789abcdef"
    filled = {
        key: _fill(kind, f"{name}.{key}") for key, kind in schema.output_types(token).items() if key != "urn"
    }
    service = token.split(":")[1].split("/", maxsplit=1)[0]
    arn = _ARNS.get(token, f"{service}:{_HERE}:{{name}}/{{hash}}")
    identity = f"{_IDS[token]}{digest}" if token in _IDS else f"{name}-{digest}"
    return {
        **filled,
        "id": known["name"] if token.endswith(":Role") else identity,
        "name": known["name"],
        "arn": "arn:aws:" + arn.format(**known),
        "arnSuffix": known["suffix"],
        "publicIp": f"198.51.100.{int(digest[:2], 16)}",
        "prometheusEndpoint": f"https://aps-workspaces.{place['region']}.amazonaws.com/workspaces/ws-{digest}/",
        **{key: value for key, value in inputs.items() if value is not None},
    }


def _fill(kind: Any, path: str, depth: int = 0) -> Any:
    if depth > 6:  # the statements of a web ACL contain themselves
        return None
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    name = getattr(origin or kind, "__name__", str(kind))
    if name in {"Union", "UnionType", "Optional"}:
        return _fill(next(a for a in arguments if a is not type(None)), path, depth)
    if name in {"list", "Sequence"}:
        return [_fill(arguments[0], path, depth + 1)] if arguments else []
    if name in {"dict", "Mapping"}:
        return {}
    if isinstance(kind, type) and _types.is_output_type(kind):
        types = _types.output_type_types(kind)
        names = _types._pulumi_to_py_names_from_py_properties(kind)  # noqa: SLF001  # the SDK is pinned for it
        wire = {python: pulumi_name for pulumi_name, python in names.items()}
        return {wire.get(key, key): _fill(value, f"{path}.{key}", depth + 1) for key, value in types.items()}
    return {bool: False, int: 1, float: 1.0}.get(kind, path)
