"""Connections, retries, and what failures mean, over a real socket on loopback."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from botocore import exceptions as boto

from bluegreen.adapters.aws.budget import ApiBudget
from bluegreen.adapters.aws.failures import (
    AwsRefusal,
    AwsUnavailable,
    Call,
    CredentialsUnusable,
    Tolerated,
    translate,
)
from bluegreen.adapters.aws.session import Session
from bluegreen.adapters.loopback import is_loopback
from bluegreen.errors import CloudUnavailable, ConfigError, ExitCode, Refused
from bluegreen.lab.cloud.clock import ManualClock

EMPTY = (
    200,
    "<DescribeRulesResponse><DescribeRulesResult><Rules/></DescribeRulesResult></DescribeRulesResponse>",
)
THROTTLED = (
    400,
    "<ErrorResponse><Error><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>",
)
GATEWAY = (502, "<html>bad gateway")
PROXY_PAGE = (200, "<html>please log in")


class Server:
    """Answers what it is told to, in order, then the last again; remembers user agents."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, str]] = [EMPTY]
        self.agents: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                server.agents.append(self.headers["User-Agent"])
                status, body = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr("time.sleep", lambda _: None)  # botocore's backoff
    return monkeypatch


@pytest.fixture
def server(environment: pytest.MonkeyPatch) -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    environment.setenv("AWS_ENDPOINT_URL", made.url)
    yield made
    made.http.shutdown()
    made.http.server_close()
    thread.join()


def rules(session: Session) -> object:
    return session.service("elbv2").call("describe_rules", RuleArns=["arn"])["Rules"]


def test_endpoint_comes_from_the_environment_and_we_say_who_we_are(server: Server) -> None:
    assert rules(Session(region="eu-west-1")) == []
    assert "sc-deploy/" in server.agents[0]


def page(arn: str, marker: str = "") -> tuple[int, str]:
    more = f"<NextMarker>{marker}</NextMarker>" if marker else ""
    rule = f"<Rules><member><RuleArn>{arn}</RuleArn></member></Rules>"
    result = f"<DescribeRulesResult>{rule}{more}</DescribeRulesResult>"
    return 200, f"<DescribeRulesResponse>{result}</DescribeRulesResponse>"


def test_what_is_on_a_later_page_is_found(server: Server) -> None:
    server.answers = [page("a", "second"), page("b", "third"), page("c")]
    found = Session(region="eu-west-1").service("elbv2").pages("describe_rules", "Rules", ListenerArn="arn")
    assert [one["RuleArn"] for one in found] == ["a", "b", "c"]


def test_proxy_of_the_environment_is_not_asked_for_this_machine(
    server: Server, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    environment.delenv("NO_PROXY", raising=False)
    environment.delenv("no_proxy", raising=False)
    assert rules(Session(region="eu-west-1", attempts=1)) == []


@pytest.mark.parametrize(
    ("url", "stays"),
    [
        ("http://127.0.0.1:4566", True),
        ("http://localhost", True),
        ("http://[::1]:80/x", True),
        ("https://elb.amazonaws.com", False),
        ("http://127.0.0.1.example.com", False),
        ("", False),
        ("http://[", False),
    ],
)
def test_loopback(url: str, *, stays: bool) -> None:
    assert is_loopback(url) is stays


def test_region_of_the_other_sdks(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert Session().region == "eu-west-1"
    environment.setenv("AWS_REGION", "eu-west-2")
    assert Session().region == "eu-west-2"
    assert Session(region="eu-west-3").region == "eu-west-3"


def test_throttled_answers_are_retried_and_drain_the_budget(server: Server) -> None:
    server.answers = [THROTTLED, THROTTLED, EMPTY]
    session = Session(region="eu-west-1")
    budget = ApiBudget(ManualClock())
    budget.watch(session.service("elbv2").client)
    assert rules(session) == []
    assert len(server.agents) == 3
    assert budget.bucket("DescribeRules").tokens == 0
    assert budget.bucket("ModifyRule").tokens == 20


def test_endless_throttling_ends(server: Server) -> None:
    server.answers = [THROTTLED]
    with pytest.raises(CloudUnavailable, match="Throttling: Rate exceeded"):
        rules(Session(region="eu-west-1", attempts=3))
    assert len(server.agents) == 3


def test_without_retries_a_call_is_sent_once(server: Server) -> None:
    server.answers = [THROTTLED]
    with pytest.raises(CloudUnavailable):
        Session(region="eu-west-1").service("elbv2", retries=False).call("describe_rules", RuleArns=["arn"])
    assert len(server.agents) == 1


@pytest.mark.parametrize("answer", [GATEWAY, PROXY_PAGE])
def test_answer_that_is_not_of_aws_leaves_open_what_a_change_did(
    server: Server, answer: tuple[int, str]
) -> None:
    server.answers = [answer]
    elbv2 = Session(region="eu-west-1", attempts=2).service("elbv2")
    with pytest.raises(CloudUnavailable, match="may or may not have taken effect") as caught:
        elbv2.call("delete_rule", RuleArn="arn")
    assert caught.value.exit_code == ExitCode.HALTED


@pytest.mark.parametrize("answer", [GATEWAY, PROXY_PAGE, THROTTLED])
def test_a_read_that_fails_has_changed_nothing(server: Server, answer: tuple[int, str]) -> None:
    server.answers = [answer]
    elbv2 = Session(region="eu-west-1", attempts=2).service("elbv2")
    paged = Session(region="eu-west-1")
    for read in (lambda: elbv2.call("describe_rules", RuleArns=["arn"]), lambda: rules(paged)):
        with pytest.raises(CloudUnavailable) as caught:
            read()
        assert "taken effect" not in caught.value.what
        assert "resume" not in caught.value.next_step
        assert caught.value.exit_code == ExitCode.REFUSED


def test_nobody_listens(server: Server, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(CloudUnavailable, match="not reachable") as caught:
        rules(Session(region="eu-west-1", attempts=2))
    assert "`sc-deploy lab status` says what became of it" in caught.value.next_step


def test_a_region_without_an_endpoint() -> None:
    unreachable = boto.EndpointConnectionError(endpoint_url="https://ssm.xx-north-1.amazonaws.com")
    call = Call(service="ssm", operation="GetParameter", region="xx-north-1")
    assert "the region xx-north-1 exists" in translate(unreachable, call).next_step


def test_no_credentials(server: Server, environment: pytest.MonkeyPatch) -> None:
    environment.delenv("AWS_ACCESS_KEY_ID")
    environment.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(CredentialsUnusable, match="Unable to locate credentials") as caught:
        rules(Session(region="eu-west-1"))
    assert "log in" in caught.value.next_step


def test_wrong_parameter_is_not_sent(server: Server) -> None:
    with pytest.raises(Refused, match="was not sent"):
        Session(region="eu-west-1").service("elbv2").call("describe_rules", RuleArns="arn")
    assert server.agents == []


def test_bad_settings(environment: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="no AWS region"):
        Session().service("elbv2")
    with pytest.raises(ConfigError, match="nowhere"):
        Session(profile="nowhere")
    environment.setenv("AWS_ENDPOINT_URL", "not a url")
    with pytest.raises(ConfigError, match="endpoint of elbv2"):
        Session(region="eu-west-1").service("elbv2")
    environment.delenv("AWS_ENDPOINT_URL")
    with pytest.raises(ConfigError, match="region"):
        Session(region="not a region").service("elbv2")


def test_clients_are_made_once_for_all_threads(environment: pytest.MonkeyPatch) -> None:
    session = Session(region="eu-west-1")
    made: list[object] = []
    threads = [threading.Thread(target=lambda: made.append(session.service("sns"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8
    assert len({id(one) for one in made}) == 1


CALL = Call(service="elbv2", operation="ModifyRule", region="eu-west-1", about="tier app")


@pytest.mark.parametrize(
    ("code", "status", "kind", "advice"),
    [
        ("Throttling", 400, AwsUnavailable, "API rate"),
        ("InternalFailure", 500, AwsUnavailable, "resume"),
        ("ServiceUnavailable", 503, AwsUnavailable, "resume"),
        ("ExpiredToken", 403, CredentialsUnusable, "log in"),
        ("InvalidClientTokenId", 403, CredentialsUnusable, "log in"),
        ("AccessDenied", 403, AwsRefusal, "elasticloadbalancing:ModifyRule"),
        ("UnauthorizedOperation", 403, AwsRefusal, "allow"),
        ("TooManyTargets", 400, AwsRefusal, "quota"),
        ("RuleNotFound", 400, AwsRefusal, ""),
    ],
)
def test_answers(code: str, status: int, kind: type[Exception], advice: str) -> None:
    answer = {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    error = translate(boto.ClientError(answer, "ModifyRule"), CALL)  # type: ignore[arg-type]  # a part of it
    assert type(error) is kind
    first = "AWS does not accept the credentials: " if kind is CredentialsUnusable else ""
    assert error.what.startswith(f"{first}AWS elbv2 ModifyRule (tier app) in eu-west-1: {code}: m")
    assert advice in error.next_step


def test_messages_hold_no_secret() -> None:
    answer = {"Error": {"Code": "X", "Message": "bad key AKIAIOSFODNN7EXAMPLE, token=abcdef"}}
    error = translate(boto.ClientError(answer, "ModifyRule"), CALL)  # type: ignore[arg-type]  # a part of it
    assert error.what.endswith("bad key ****, token=****")


def test_only_the_codes_that_are_named_are_tolerated() -> None:
    with Tolerated("NotFound"):
        raise AwsRefusal("gone", code="NotFound")
    with pytest.raises(AwsRefusal, match="denied"), Tolerated("NotFound"):
        raise AwsRefusal("denied", code="AccessDenied")
    with pytest.raises(ValueError, match="NotFound"), Tolerated("NotFound"):
        raise ValueError("NotFound")


class TestEnd:
    """When the credentials of this session end, where anybody can know."""

    @pytest.fixture(autouse=True)
    def keys(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        monkeypatch.delenv("AWS_PROFILE", raising=False)

    @pytest.mark.parametrize(
        ("told", "end"),
        [
            ("2099-01-01T00:00:00Z", 4070908800.0),
            ("2099-01-01T09:00:00+09:00", 4070908800.0),
            ("2099-01-01T00:00:00", 4070908800.0),
            ("", None),
        ],
    )
    def test_it_is_told_by_the_environment(
        self, monkeypatch: pytest.MonkeyPatch, told: str, end: float | None
    ) -> None:
        monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", told)
        assert Session(region="eu-west-1").ends() == end

    def test_nonsense_is_left_to_the_first_call(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", "soon")
        assert Session(region="eu-west-1").ends() is None

    def test_of_what_is_renewed_it_is_not_known(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """A variable that another login left behind says nothing about a profile's keys."""
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        (tmp_path / "keys").write_text("[default]\naws_access_key_id = a\naws_secret_access_key = b\n")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "keys"))
        monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", "2099-01-01T00:00:00Z")
        assert Session(region="eu-west-1").ends() is None
