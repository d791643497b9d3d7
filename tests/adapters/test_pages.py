"""A page as each receiver must get it, over real HTTP; the fields are those of their guides."""

from __future__ import annotations

import json
import socket
import threading
from typing import Any

import pytest

from bluegreen.adapters.pager.channels import EVENTS_API, Post, channels
from bluegreen.adapters.pager.documents import by_protocol, chat_notification
from bluegreen.adapters.pager.pager import ChannelPager
from bluegreen.adapters.pager.webhook import ATTEMPTS, LONGEST_PAUSE, post
from bluegreen.contract import Alerts
from bluegreen.domain.page import Page
from tools.metric_server import Reply, serving

from .conftest import Stack

SUBJECT, TEXT = "HALTED: a human is needed", "The traffic is on v1.0.0. password=hunter2"


def test_slack_gets_a_custom_notification_and_a_telephone_one_line() -> None:
    document = json.loads(by_protocol(SUBJECT + "!" * 300, TEXT, stack="prod"))
    assert set(document) == {"default", "https", "sms"}
    assert document["default"] == TEXT
    assert len(document["sms"]) == 140
    note = json.loads(document["https"])
    assert (note["version"], note["source"]) == ("1.0", "custom")
    assert note["content"]["textType"] == "client-markdown"
    assert note["content"]["title"].startswith(SUBJECT)
    assert len(note["content"]["title"]) == 250
    assert note["content"]["description"] == TEXT
    assert note == chat_notification(SUBJECT + "!" * 300, TEXT, stack="prod")


KEY = "R0123456789abcdef0123456789abcdef"
CRITICAL = Page(subject=SUBJECT, text=TEXT, critical=True)
GOOD = Page(subject="released", text="v1.1.0 is live", resolves=True)


def pager(stack: Stack, *, pagerduty: str = "", slack: str = "", post_to: Post = post) -> ChannelPager:
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
    return ChannelPager(channels(stack.session, contract, owner="me@host", post_to=post_to))


def quickly(url: str, document: Any) -> str:
    return post(url, document, seconds=0.3, sleep=lambda _: None)


def test_pagerduty_opens_one_incident_a_stack_and_a_good_end_closes_it(stack: Stack) -> None:
    with serving() as server:
        secret = json.dumps({"routing_key": KEY, "endpoint": server.url})
        made = pager(stack, pagerduty=secret)
        for page in (CRITICAL, Page(subject="held", text="blue is sick"), GOOD):
            assert [one.failure for one in made.deliver(page)] == [""] * (2 - (page.subject == "held"))
        opened, closed = (json.loads(one.body) for one in server.asked)
    assert (opened["event_action"], closed["event_action"]) == ("trigger", "resolve")
    assert opened["routing_key"] == closed["routing_key"] == KEY
    assert opened["dedup_key"] == closed["dedup_key"] == "sc-deploy-test"
    assert (opened["payload"]["severity"], opened["payload"]["source"]) == ("critical", "sc-deploy test")
    assert opened["payload"]["summary"] == SUBJECT
    assert "hunter2" not in opened["payload"]["custom_details"]["text"]


def test_a_secret_may_be_the_key_alone(stack: Stack) -> None:
    sent: list[tuple[str, Any]] = []
    made = pager(stack, pagerduty=KEY, post_to=lambda url, document: sent.append((url, document)) or "")
    made.deliver(CRITICAL)
    assert [(url, document["routing_key"]) for url, document in sent] == [(EVENTS_API, KEY)]


def test_slack_gets_everything_and_no_word_becomes_a_mention(stack: Stack) -> None:
    with serving() as server:
        made = pager(stack, slack=server.url)
        made.deliver(CRITICAL)
        made.deliver(Page(subject="held", text="<!channel> & co"))
        first, second = (json.loads(one.body)["text"] for one in server.asked)
    assert first.startswith(f":rotating_light: *{SUBJECT}*\n")
    assert "hunter2" not in first
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
        assert post(server.url, {}, sleep=pauses.append) == words
    assert len(server.asked) == asked
    assert len(pauses) == asked - 1
    assert all(0 < pause <= LONGEST_PAUSE for pause in pauses)


def test_an_endpoint_that_hangs_or_is_not_there_is_given_up(stack: Stack) -> None:
    with serving() as server:
        server.reply = lambda _: Reply(wait=threading.Event())
        assert quickly(server.url, {}) == "no answer within 0.3 s"
        gone = server.url
    words = quickly(gone, {})
    assert words.startswith("the connection failed (")
    assert gone not in words
    assert quickly("http://hooks.example/secret", {}) == "its address is not an https URL"
    assert quickly("https://[bad", {}).startswith("the connection failed")


def test_an_endpoint_that_drips_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        over = threading.Event()

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(10_000)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                while not over.wait(0.05):
                    try:
                        connection.sendall(b".")
                    except OSError:
                        return

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        words = post(address, {}, seconds=0.3, sleep=lambda _: listener.close())
        over.set()
        thread.join(5)
    assert words


def test_a_channel_without_its_secret_is_named_and_the_others_are_told(stack: Stack) -> None:
    made = pager(stack, slack="x")
    stack.raw("secretsmanager").delete_secret(SecretId="slack_secret", ForceDeleteWithoutRecovery=True)
    for found in (made.deliver(CRITICAL), made.channels()):
        (bad,) = [one for one in found if one.failure]
        assert bad.channel == "slack"
        assert "its secret cannot be read" in bad.failure
        assert "put-secret-value --secret-id slack_secret" in bad.next_step
        assert any(one.channel == "critical" and not one.failure for one in found)


def test_a_run_never_waits_for_a_page(stack: Stack) -> None:
    """What hangs is told when the command ends, once, and no secret with it."""
    release = threading.Event()
    with serving() as server:
        server.reply = lambda _: Reply(wait=release)
        made = pager(stack, slack=server.url)
        for _ in range(3):
            made.send(CRITICAL)
        (late,) = made.flush(0.1)
        assert late.failure == "3 pages not delivered within 0.1 s"
        release.set()
        assert made.flush(20) == ()
        assert len(server.asked) == 3


def test_what_failed_is_told_once_a_channel(stack: Stack) -> None:
    made = pager(stack, slack="https://hooks.example/T0/secret", post_to=lambda _url, _document: "HTTP 404")
    for _ in range(3):
        made.send(CRITICAL)
    assert [(one.channel, one.to, one.failure) for one in made.flush(20)] == [
        ("slack", "slack_secret", "HTTP 404")
    ]
    assert made.flush(1) == ()


def test_a_channel_with_a_bug_does_not_end_the_pager(stack: Stack) -> None:
    def broken(_url: str, _document: Any) -> str:
        raise ZeroDivisionError

    made = pager(stack, slack="x", post_to=broken)
    for _ in range(2):
        made.send(CRITICAL)
        assert [one.failure for one in made.flush(20)] == ["a bug of sc-deploy: ZeroDivisionError"]
