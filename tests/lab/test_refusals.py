"""Over HTTP every refusal is an AWS error in the protocol of the call, and never a page.

What the lab does not model, what AWS does not have, what cannot be read, and what fails in the lab itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.parsers import RpcV2CBORParser
from moto.dynamodb.responses import DynamoHandler
from moto.s3.responses import S3Response

from bluegreen.lab.api.control import ControlServer
from bluegreen.lab.cloud.elb.groups import TargetGroups
from tests.world.control import control_server

GROUP = {"Name": "blue", "Protocol": "HTTP", "Port": 80, "VpcId": "vpc-1"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: Any) -> Iterator[ControlServer]:
    with control_server(tmp_path_factory.mktemp("refusals")) as made:
        yield made


def ask(
    server: ControlServer,
    service: str,
    *,
    method: str = "POST",
    path: str = "/",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
) -> httpx.Response:
    """One signed request, as no client would make it."""
    scope = f"AWS4-HMAC-SHA256 Credential=lab/20260101/ap-northeast-1/{service}/aws4_request"
    signed = {"Authorization": scope, **(headers or {})}
    return httpx.request(method, server.url + path, content=body, headers=signed, timeout=60)


def told(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of an error, wherever its protocol has the code."""
    kind = answer.headers["Content-Type"]
    if "cbor" in kind:
        parser = RpcV2CBORParser()
        document = parser.parse_data_item(parser.get_peekable_stream_from_bytes(answer.content))
        return answer.status_code, document["__type"]
    if "json" in kind:
        assert answer.headers["x-amzn-errortype"] == answer.json()["__type"]
        return answer.status_code, answer.json()["__type"]
    assert "xml" in kind, answer.text
    return answer.status_code, answer.text.partition("<Code>")[2].partition("</Code>")[0]


def query(service: str, action: str, rest: str = "") -> dict[str, Any]:
    return {"service": service, "headers": FORM, "body": f"Action={action}&Version=2015-12-01{rest}".encode()}


def json_call(service: str, target: str, body: bytes = b"{}") -> dict[str, Any]:
    headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.0"}
    return {"service": service, "headers": headers, "body": body}


def cbor(operation: str, body: bytes = b"\xa0") -> dict[str, Any]:
    path = f"/service/GraniteServiceVersion20100801/operation/{operation}"
    headers = {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
    return {"service": "monitoring", "path": path, "headers": headers, "body": body}


def rest(service: str, method: str, path: str, body: bytes = b"") -> dict[str, Any]:
    return {"service": service, "method": method, "path": path, "body": body}


INVALID = (400, "InvalidAction")
UNKNOWN, UNKNOWN_PATH = (400, "UnknownOperationException"), (404, "UnknownOperationException")
NOT_THERE = [
    # (call, refusal): AWS has the first of each protocol, and only AWS; the others nobody has.
    (query("elasticloadbalancing", "DescribeSSLPolicies"), INVALID),
    (query("autoscaling", "StartInstanceRefresh"), INVALID),
    (query("rds", "DescribeDBClusters"), INVALID),
    (query("ec2", "Nonsense"), INVALID),
    (query("monitoring", "Nonsense"), INVALID),
    (query("elasticloadbalancing", "Nonsense"), INVALID),
    (query("sts", "Nonsense"), INVALID),
    (query("no-such-service", "Nonsense"), INVALID),
    (json_call("ssm", "AmazonSSM.DescribeOpsItems"), UNKNOWN),
    (json_call("dynamodb", "DynamoDB_20120810.Nonsense"), UNKNOWN),
    (json_call("ecr", "AmazonEC2ContainerRegistry_V20150921.Nonsense"), UNKNOWN),
    (json_call("monitoring", "GraniteServiceVersion20100801.Nonsense"), UNKNOWN),
    (json_call("no-such-service", "Nonsense.Nonsense"), UNKNOWN),
    (rest("scheduler", "GET", "/schedule-groups"), UNKNOWN_PATH),
    (rest("scheduler", "GET", "/nonsense"), UNKNOWN_PATH),
    (rest("no-such-service", "GET", "/x"), UNKNOWN_PATH),
    (rest("s3", "PATCH", "/bucket"), (501, "NotImplemented")),
    (rest("route53", "GET", "/2013-04-01/nonsense"), (501, "NotImplemented")),
    (cbor("DescribeAnomalyDetectors"), UNKNOWN_PATH),
    (cbor("Nonsense"), UNKNOWN_PATH),
]
UNREADABLE = [
    (json_call("ssm", "AmazonSSM.SendCommand", b"{no json"), (400, "SerializationException")),
    (json_call("dynamodb", "DynamoDB_20120810.GetItem", b"{no json"), (400, "SerializationException")),
    (json_call("ssm", "AmazonSSM.GetParameter"), (400, "ValidationException")),
    (rest("scheduler", "POST", "/schedules/x", b"{no json"), (400, "SerializationException")),
    (cbor("GetMetricData", b"\xff\x00"), (400, "SerializationException")),
    (query("elasticloadbalancing", "CreateTargetGroup"), (400, "ValidationError")),
    (query("elasticloadbalancing", "CreateRule", "&Priority=first"), (400, "ValidationError")),
    ({"service": "elasticloadbalancing", "headers": FORM, "body": b"Action=\xff"}, INVALID),
]


def name_of(value: Any) -> str:
    if not isinstance(value, dict):
        return " "
    target = value.get("headers", {}).get("X-Amz-Target", "").rpartition(".")[2]
    action = value["body"].partition(b"&")[0].partition(b"=")[2].decode(errors="replace")
    return f"{value['service']} {target or action or value['path'].rpartition('/')[2]}"


@pytest.mark.parametrize(("call", "refusal"), NOT_THERE, ids=name_of)
def test_an_operation_that_is_not_modelled_is_refused_in_its_protocol(
    server: ControlServer, call: dict[str, Any], refusal: tuple[int, str]
) -> None:
    """Common errors of each API reference: InvalidAction (query), UnknownOperationException (JSON, CBOR)."""
    answer = ask(server, **call)
    assert told(answer) == refusal
    assert b"not modelled by the lab" in answer.content


@pytest.mark.parametrize(("call", "refusal"), UNREADABLE, ids=name_of)
def test_a_request_that_cannot_be_read_is_the_callers_fault(
    server: ControlServer, call: dict[str, Any], refusal: tuple[int, str]
) -> None:
    assert told(ask(server, **call)) == refusal


@pytest.mark.parametrize(
    ("service", "call", "bug"),
    [
        ("dynamodb", "list_tables", (DynamoHandler, "list_tables")),
        ("s3", "list_buckets", (S3Response, "all_buckets")),
        ("elbv2", "describe_target_groups", (TargetGroups, "_document")),
    ],
)
def test_a_bug_of_the_lab_is_an_internal_failure_that_says_what_failed(
    server: ControlServer, monkeypatch: pytest.MonkeyPatch, service: str, call: str, bug: tuple[type, str]
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise KeyError("a bug")

    server.cloud.call("elbv2", "CreateTargetGroup", GROUP)
    monkeypatch.setattr(*bug, fail)
    client = boto3.client(
        service,
        endpoint_url=server.url,
        region_name="ap-northeast-1",
        aws_access_key_id="lab",
        aws_secret_access_key="lab",
        config=Config(retries={"total_max_attempts": 1}),
    )
    with pytest.raises(ClientError, match="KeyError: 'a bug'") as caught:
        getattr(client, call)()
    error = caught.value.response
    assert (error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"]) == (500, "InternalFailure")


def test_what_is_not_signed_is_refused_as_such(
    server: ControlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "xml" in httpx.get(f"{server.url}/no-such-bucket/key").headers["Content-Type"]

    def fail(*_: Any, **__: Any) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(S3Response, "all_buckets", fail)
    assert told(httpx.get(server.url)) == (403, "MissingAuthenticationToken")
