"""A page as each receiver must get it, over real HTTP; the fields are those of their guides."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest

from bluegreen.adapters.pager.channels import EVENTS_API, Post, channels
from bluegreen.adapters.pager.documents import by_protocol, chat_notification
from bluegreen.adapters.pager.pager import ChannelPager
from bluegreen.adapters.pager.webhook import ATTEMPTS, LONGEST_PAUSE, Failure, post
from bluegreen.contract import Alerts
from bluegreen.domain.page import Delivery, Page
from bluegreen.engine.checks.liveness import page_everyone
from tools.metric_server import Reply, serving

from .conftest import Stack

SUBJECT, TEXT = "HALTED: a human is needed", "The traffic is on v1.0.0. password=hunter2"


KEY = "R0123456789abcdef0123456789abcdef"
CRITICAL = Page(subject=SUBJECT, text=TEXT, next_step="sc-deploy resume", deployment=7, critical=True)
HELD = Page(subject="held", text="<!channel> & co", deployment=7)
GOOD = Page(subject="released", text="v1.1.0 is live", deployment=8, resolves=(7, 8))


def test_a_chat_gets_a_custom_notification_and_a_telephone_one_line() -> None:
    page = replace(CRITICAL, subject=SUBJECT + "!" * 300)
    document = json.loads(by_protocol(page, stack="prod", signature="-- me"))
    assert set(document) == {"default", "https", "sms"}
    assert document["default"] == f"{TEXT}\nNext: sc-deploy resume\n\n-- me"
    assert len(document["sms"]) == 140
    note = json.loads(document["https"])
    assert (note["version"], note["source"]) == ("1.0", "custom")
    assert note["content"]["textType"] == "client-markdown"
    assert note["content"]["title"].startswith(SUBJECT)
    assert len(note["content"]["title"]) == 250
    assert note["content"]["description"] == f"{TEXT}\n\n-- me"
    assert note["content"]["nextSteps"] == ["sc-deploy resume"]
    assert note["metadata"]["threadId"] == "sc-deploy-prod-7"


def test_a_chat_has_a_thread_for_each_deployment() -> None:
    notes = [chat_notification(page, stack="prod", signature="") for page in (CRITICAL, HELD, GOOD)]
    first, second, later = (note["metadata"]["threadId"] for note in notes)
    assert first == second != later
    assert "nextSteps" not in notes[1]["content"]


def pager(
    stack: Stack,
    *,
    pagerduty: str = "",
    slack: str = "",
    post_to: Post = post,
    sleep: Callable[[float], None] = lambda _: None,
) -> ChannelPager:
    """Over topics that exist, and secrets with these values."""
    sns, secrets = stack.raw("sns"), stack.raw("secretsmanager")
    named = {"pagerduty_secret": pagerduty, "slack_secret": slack}
    for name, value in named.items():
        if value:
            secrets.create_secret(Name=name, SecretString=value)
    alerts = Alerts(
        critical_topic_arn=sns.create_topic(Name="critical")["TopicArn"],
        warning_topic_arn=sns.create_topic(Name="warning")["TopicArn"],
        **{name: name for name, value in named.items() if value},
    )
    contract = stack.contract.model_copy(update={"alerts": alerts})
    return ChannelPager(channels(stack.session, contract, owner="me@host", post_to=post_to), sleep=sleep)


def until(condition: Callable[[], object]) -> None:
    ends = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.01)


def quickly(url: str, document: Any) -> Failure | None:
    return post(url, document, seconds=0.3, sleep=lambda _: None)


def test_pagerduty_opens_an_incident_a_deployment_and_a_good_end_closes_them(stack: Stack) -> None:
    with serving() as server:
        secret = json.dumps({"routing_key": KEY, "endpoint": server.url})
        made = pager(stack, pagerduty=secret)
        for page in (CRITICAL, HELD, GOOD):
            assert [one.failure for one in made.deliver(page)] == [""] * (2 - (page is HELD))
        opened, *closed = (json.loads(one.body) for one in server.asked)
    assert opened["event_action"] == "trigger"
    assert opened["dedup_key"] == "sc-deploy-test-7"
    assert [one["event_action"] for one in closed] == ["resolve", "resolve"]
    assert [one["dedup_key"] for one in closed] == ["sc-deploy-test-7", "sc-deploy-test-8"]
    assert {one["routing_key"] for one in (opened, *closed)} == {KEY}
    assert (opened["payload"]["severity"], opened["payload"]["source"]) == ("critical", "sc-deploy test")
    assert opened["payload"]["summary"] == SUBJECT
    details = opened["payload"]["custom_details"]
    assert "hunter2" not in details["text"]
    assert details["next"] == "sc-deploy resume"


def test_a_page_that_tests_the_channels_leaves_a_real_incident_open(stack: Stack) -> None:
    sent: list[Any] = []
    made = pager(stack, pagerduty=KEY, post_to=lambda _url, document: sent.append(document))
    made.deliver(CRITICAL)
    page_everyone(SimpleNamespace(pager=made))  # type: ignore[arg-type]  # asks for nothing else
    real, opened, closed = sent
    assert opened["dedup_key"] == closed["dedup_key"] != real["dedup_key"]
    assert [one["event_action"] for one in sent] == ["trigger", "trigger", "resolve"]


def test_a_secret_may_be_the_key_alone(stack: Stack) -> None:
    sent: list[tuple[str, Any]] = []
    made = pager(stack, pagerduty=KEY, post_to=lambda url, document: sent.append((url, document)))
    made.deliver(CRITICAL)
    assert [(url, document["routing_key"]) for url, document in sent] == [(EVENTS_API, KEY)]


def test_slack_gets_everything_and_no_word_becomes_a_mention(stack: Stack) -> None:
    with serving() as server:
        made = pager(stack, slack=server.url)
        made.deliver(CRITICAL)
        made.deliver(HELD)
        first, second = (json.loads(one.body)["text"] for one in server.asked)
    assert first.startswith(f":rotating_light: *{SUBJECT}*\n")
    assert "hunter2" not in first
    assert "\nNext: sc-deploy resume\n" in first
    assert "&lt;!channel&gt; &amp; co" in second


@pytest.mark.parametrize(
    ("reply", "asked", "words"),
    [
        (Reply(status=400), 1, "HTTP 400"),
        (Reply(status=302, headers={"Location": "http://127.0.0.1:1/"}), 1, "HTTP 302"),
        (Reply(status=429, headers={"Retry-After": "86400"}), ATTEMPTS, "HTTP 429"),
        (Reply(status=500, body=b"secret-of-yours"), ATTEMPTS, "HTTP 500"),
    ],
)
def test_what_can_help_is_tried_again_and_never_for_long(reply: Reply, asked: int, words: str) -> None:
    pauses: list[float] = []
    with serving() as server:
        server.reply = lambda _: reply
        failure = post(server.url, {}, sleep=pauses.append)
    assert failure is not None
    assert (failure.words, failure.passing) == (words, asked > 1)
    assert len(server.asked) == asked
    assert len(pauses) == asked - 1
    assert all(0 < pause <= LONGEST_PAUSE for pause in pauses)


def test_an_endpoint_is_left_alone_for_as_long_as_it_asks_and_then_takes_it() -> None:
    pauses: list[float] = []
    with serving() as server:
        busy = Reply(status=429, headers={"Retry-After": "7"})
        server.reply = lambda _: busy if len(server.asked) == 1 else Reply(status=202)
        assert post(server.url, {}, sleep=pauses.append) is None
    assert pauses == [7.0]


def test_an_endpoint_that_hangs_or_is_not_there_is_given_up() -> None:
    with serving() as server:
        server.reply = lambda _: Reply(wait=threading.Event())
        assert quickly(server.url, {}) == Failure(words="no answer within 0.3 s", passing=True)
        gone = server.url
    failure = quickly(gone, {})
    assert failure == Failure(words="the connection failed (ConnectError)", passing=True)


@pytest.mark.parametrize("url", ["http://hooks.example/secret", "https://", "https://a\x00b/", ""])
def test_what_is_no_address_is_said_without_it(url: str) -> None:
    assert quickly(url, {}) == Failure(words="its address is not an https URL", passing=False)


@contextmanager
def answering(answer: Callable[[socket.socket, threading.Event], None]) -> Iterator[str]:
    """A server whose connections are each handed to `answer`, with the event that ends the test."""
    over, threads = threading.Event(), []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                connection.recv(10_000)
                answer(connection, over)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threads.append(threading.Thread(target=serve, args=(connection,)))
                    threads[-1].start()

        acceptor = threading.Thread(target=accept)
        acceptor.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
    for thread in (acceptor, *threads):
        thread.join()


@pytest.mark.parametrize(
    "begin", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"]
)
def test_an_endpoint_that_drips_is_given_up(begin: bytes) -> None:
    """Wherever it begins to: each byte comes in time, the answer does not."""

    def drip(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(begin)
        while not over.wait(0.05):
            connection.sendall(b"X")

    with answering(drip) as url:
        assert quickly(url, {}) == Failure(words="no answer within 0.3 s", passing=True)


def test_a_connection_that_is_reset_is_tried_again() -> None:
    asked: list[None] = []

    def reset(connection: socket.socket, _over: threading.Event) -> None:
        asked.append(None)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with answering(reset) as url:
        failure = quickly(url, {})
    assert failure is not None
    assert failure.words.startswith("the connection failed (")
    assert len(asked) == ATTEMPTS


def test_a_channel_without_its_secret_is_named_and_the_others_are_told(stack: Stack) -> None:
    made = pager(stack, slack="x")
    stack.raw("secretsmanager").delete_secret(SecretId="slack_secret", ForceDeleteWithoutRecovery=True)
    for found in (made.deliver(CRITICAL), made.channels()):
        (bad,) = [one for one in found if one.failure]
        assert bad.channel == "slack"
        assert "its secret cannot be read" in bad.failure
        assert "put-secret-value --secret-id slack_secret" in bad.next_step
        assert any(one.channel == "critical" and not one.failure for one in found)


def test_a_secret_that_is_empty_is_told(stack: Stack) -> None:
    made = pager(stack, slack=" ")
    (bad,) = [one for one in made.channels() if one.failure]
    assert (bad.channel, bad.failure) == ("slack", "its secret is empty")


@pytest.mark.parametrize(
    ("failure", "advice"),
    [
        (Failure(words="HTTP 404", passing=False), "set it: aws secretsmanager put-secret-value"),
        (Failure(words="HTTP 503", passing=True), "`sc-deploy notify test` tries it again"),
    ],
)
def test_what_helps_against_a_failure_is_said(stack: Stack, failure: Failure, advice: str) -> None:
    made = pager(stack, slack="https://hooks.example/T0/secret", post_to=lambda _url, _document: failure)
    (bad,) = [one for one in made.deliver(HELD) if one.failure]
    assert bad.next_step.startswith(advice)
    assert "T0/secret" not in f"{bad}"


def test_a_run_never_waits_for_a_page_nor_one_channel_for_another(stack: Stack) -> None:
    """What hangs is told when the command ends, once, and no secret with it."""
    release = threading.Event()
    told: list[Any] = []

    def post_to(url: str, document: Any) -> None:
        if url == EVENTS_API:
            told.append(document)
        else:
            release.wait()

    made = pager(stack, pagerduty=KEY, slack="https://hooks.example", post_to=post_to)
    for _ in range(2):
        made.send(HELD)
    made.send(CRITICAL)
    until(lambda: told)
    (late,) = made.flush(0.1)
    assert (late.channel, late.failure) == ("slack", "3 pages not delivered within 0.1 s")
    release.set()
    assert made.flush(20) == ()


def test_pages_that_come_all_at_once_leave_one_after_the_other(stack: Stack) -> None:
    pauses: list[float] = []
    made = pager(stack, slack="x", post_to=lambda _url, _document: None, sleep=pauses.append)
    for _ in range(3):
        made.send(HELD)
    assert made.flush(20) == ()
    until(lambda: len(pauses) == 6)  # of Slack and the topic of warnings, each after each page
    assert set(pauses) == {1.0}


@dataclass
class Slow:
    """A channel that takes nothing until it is `released`."""

    released: threading.Event
    name: str = "slow"

    def deliver(self, _page: Page) -> Delivery:
        self.released.wait()
        return self.usable()

    def usable(self) -> Delivery:
        return Delivery(channel=self.name, to="")


def test_a_flood_is_cut_and_told() -> None:
    made = ChannelPager((channel := Slow(threading.Event()),), sleep=lambda _: None)
    for _ in range(202):
        made.send(HELD)
    channel.released.set()
    assert [one.failure for one in made.flush(20)] == ["too many pages wait for delivery"]


def test_what_failed_is_told_once_a_channel(stack: Stack) -> None:
    gone = Failure(words="HTTP 404", passing=False)
    made = pager(stack, slack="https://hooks.example/T0/secret", post_to=lambda _url, _document: gone)
    for _ in range(3):
        made.send(CRITICAL)
    assert [(one.channel, one.to, one.failure) for one in made.flush(20)] == [
        ("slack", "slack_secret", "HTTP 404")
    ]
    assert made.flush(1) == ()


def test_a_channel_with_a_bug_does_not_end_the_pager(stack: Stack) -> None:
    def broken(_url: str, _document: Any) -> None:
        raise ZeroDivisionError

    made = pager(stack, slack="x", post_to=broken)
    for _ in range(2):
        made.send(CRITICAL)
        assert [one.failure for one in made.flush(20)] == ["a bug of sc-deploy: ZeroDivisionError"]
