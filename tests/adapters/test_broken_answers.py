"""A body that is not what it should be is an answer that did not come: never a crash, never data."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from bluegreen.adapters.aws.failures import AwsUnavailable
from bluegreen.adapters.aws.session import Session
from bluegreen.adapters.clock import SystemClock
from bluegreen.adapters.metrics.metrics_http import SourceUnavailable
from bluegreen.adapters.metrics.prometheus_api import PrometheusApi
from bluegreen.adapters.metrics.selectors import selector
from bluegreen.contract import Tag
from bluegreen.domain.stack import TargetGroup
from bluegreen.engine.probes import version_fault
from bluegreen.errors import ExitCode
from bluegreen.ports import Answer

DEEP = b"[" * 100_000
BODIES = {
    "nothing": b"",
    "half": b'{"Parameter": {"Na',
    "a list": b"[]",
    "a word": b'"x"',
    "null": b"null",
    "no object": b"{}",
    "of other types": b'{"Parameter": [1], "Item": "x", "images": 7, "Schedules": {}, "SecretString": {}}',
    "nested": DEEP,
    "a page": b"<html><body>502 proxy</body></html>",
    "other XML": b"<a><b>1</b></a>",
    "half XML": b"<DescribeRulesResponse><Descri",
    "bytes": bytes(range(256)),
}
READS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "ssm": ("get_parameter", "Parameter", {"Name": "/sc/contract"}),
    "dynamodb": ("describe_table", "Table", {"TableName": "state"}),
    "ecr": ("describe_images", "imageDetails", {"repositoryName": "app"}),
    "secretsmanager": ("get_secret_value", "SecretString", {"SecretId": "x"}),
    "elbv2": ("describe_rules", "Rules", {"ListenerArn": "arn"}),
    "autoscaling": ("describe_auto_scaling_groups", "AutoScalingGroups", {}),
    "ec2": ("describe_instances", "Reservations", {}),
    "rds": ("describe_db_instances", "DBInstances", {}),
    "scheduler": ("get_schedule", "Arn", {"Name": "x"}),
    "s3": ("list_objects_v2", "Contents", {"Bucket": "models"}),
    "cloudwatch": ("describe_alarms", "MetricAlarms", {}),
}


class Handler(BaseHTTPRequestHandler):
    body = b""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def session(url: str, monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    return Session(region="ap-northeast-1", attempts=1)


def asked(session: Session, name: str, operation: str, key: str, **parameters: Any) -> None:
    answer = session.service(name).call(operation, **parameters)
    assert not answer[key], "what is there may be empty"
    answer["Another"]


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("name", READS)
def test_an_answer_of_aws_that_is_none_did_not_come(session: Session, name: str, body: str) -> None:
    Handler.body = BODIES[body]
    operation, key, parameters = READS[name]
    with pytest.raises(AwsUnavailable) as caught:
        asked(session, name, operation, key, **parameters)
    assert caught.value.exit_code is ExitCode.REFUSED, "a read has changed nothing"
    assert "may or may not" not in str(caught.value)
    assert session.region in str(caught.value)


@pytest.mark.parametrize("body", ["half", "a list", "nested", "half XML"])
def test_a_change_whose_answer_is_broken_may_have_taken_effect(session: Session, body: str) -> None:
    Handler.body = BODIES[body]
    with pytest.raises(AwsUnavailable) as caught:
        asked(session, "ssm", "send_command", "Command", DocumentName="run")
    assert caught.value.exit_code is ExitCode.HALTED
    assert "may or may not have taken effect" in str(caught.value)


def test_a_key_that_is_missing_far_inside_is_named(session: Session) -> None:
    Handler.body = b'{"Command": {"Status": "Pending"}}'
    answer = session.service("ssm").call("send_command", DocumentName="run")
    assert answer["Command"]["Status"] == "Pending"
    assert answer["Command"].get("CommandId") is None
    with pytest.raises(AwsUnavailable, match="it holds no CommandId"):
        answer["Command"]["CommandId"]


VECTORS = [
    {"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": value}]}}
    for value in (None, [], [1], "12", {"1": 2}, 7)
]


@pytest.mark.parametrize("document", VECTORS)
def test_a_sample_that_is_none_did_not_come(url: str, document: object) -> None:
    Handler.body = json.dumps(document).encode()
    api = PrometheusApi(url, timeout=10, clock=SystemClock(), sign=lambda *given: given[2])
    with pytest.raises(SourceUnavailable, match="not a sample"):
        api.number("up", at=1.0)
    api.close()


@pytest.mark.parametrize("metric", [None, [], "x", 7])
def test_labels_that_are_none_did_not_come(url: str, metric: object) -> None:
    result = [{"metric": metric, "value": [1, "1"]}]
    Handler.body = json.dumps(
        {"status": "success", "data": {"resultType": "vector", "result": result}}
    ).encode()
    api = PrometheusApi(url, timeout=10, clock=SystemClock(), sign=lambda *given: given[2])
    with pytest.raises(SourceUnavailable, match="without labels"):
        api.label_values("up", "job", at=1.0)
    api.close()


@pytest.mark.parametrize("body", [one for one in BODIES if one != "bytes"])
def test_a_metric_source_that_answers_something_else_did_not_answer(url: str, body: str) -> None:
    Handler.body = BODIES[body]
    api = PrometheusApi(url, timeout=10, clock=SystemClock(), sign=lambda *given: given[2])
    with pytest.raises(SourceUnavailable):
        api.samples(["requests"], "", until=1.0, seconds=1.0)
    api.close()


@pytest.mark.parametrize("body", BODIES)
def test_a_target_that_answers_something_else_has_no_version(body: str) -> None:
    answer = Answer(status=200, body=BODIES[body].decode("utf-8", "replace"), seconds=0.1)
    _, fault = version_fault(answer, "v1", None)
    assert fault


@pytest.mark.parametrize(
    "value", ['v1"}or vector(1)#', "v1'", "v1\\", "v1\nv2", "v1\r", "v{1}", "`v1`", "\x1b"]
)
def test_a_tag_that_would_end_a_string_of_a_query_holds(value: str) -> None:
    """Anybody who may tag can change it; a crash would leave the release where it is."""
    group = TargetGroup(arn="arn", name="sc-prod-app-1", tags={Tag.RELEASE: value})
    with pytest.raises(SourceUnavailable, match="cannot be written into a query"):
        selector('version="{version}"', group)
