"""New Relic over a loopback NerdGraph: counts by the minute, and a key that nobody sees."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bluegreen.adapters.metrics.nerdgraph import NerdGraph, user_key
from bluegreen.adapters.metrics.newrelic import NewRelicMetrics
from bluegreen.contract import Tier
from bluegreen.domain.release import Color
from bluegreen.domain.stack import TargetGroup
from bluegreen.errors import CloudUnavailable
from bluegreen.lab.cloud.clock import ManualClock
from bluegreen.policy import NewRelic
from bluegreen.ports import Arms
from tools.metric_server import Asked, Reply, Server, serving

from .conftest import Stack

T0 = 1_800_000_000.0
KEY = "NRAK-ABCDEFGHIJKLMNOPQRSTUVWXYZ1"
SLOW = {Tier.APP: (200.0, 260.0), Tier.AI: (200.0, 260.0)}
Row = dict[str, Any]


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as made:
        yield made


@pytest.fixture
def clock() -> ManualClock:
    made = ManualClock()
    made.sleep(T0 + 600 - made.now())
    return made


@pytest.fixture
def source(server: Server, clock: ManualClock) -> Iterator[Callable[..., NewRelicMetrics]]:
    opened: list[NerdGraph] = []

    def make(*feeds: str, sign: Any = lambda _url, _body, headers: headers, **policy: Any) -> NewRelicMetrics:
        table = NewRelic(url=server.url + "graphql", **policy)
        opened.append(NerdGraph(table, "123", clock=clock, sign=sign))
        return NewRelicMetrics(
            opened[-1], table, feeds=feeds or ("errors", "latency", "accuracy"), clock=clock
        )

    yield make
    for one in opened:
        one.close()


def arms(tier: Tier = Tier.APP, blue: str = "sc-test-app-1") -> Arms:
    green = TargetGroup(arn="arn:2", name="sc-test-app-2")
    return Arms(tier=tier, green=green, blue=TargetGroup(arn="arn:1", name=blue) if blue else None)


def minutes(*counts: Row, begin: float = T0) -> list[Row]:
    return [
        {"beginTimeSeconds": begin + 60 * n, "endTimeSeconds": begin + 60 * n + 60, **row}
        for n, row in enumerate(counts)
    ]


def graph(rows: Callable[[str], Any]) -> Callable[[Asked], Reply]:
    """Answers every query of a request by what `rows` says of its NRQL."""

    def reply(asked: Asked) -> Reply:
        document = json.loads(asked.body)
        names = re.findall(r"(\w+): nrql\(query: \$(\w+), timeout: (\d+)\)", document["query"])
        account = {name: {"results": rows(document["variables"][variable])} for name, variable, _ in names}
        return Reply(document={"data": {"actor": {"account": account}}})

    return reply


def nrql(server: Server) -> list[str]:
    variables = json.loads(server.asked[-1].body)["variables"]
    return [text for name, text in sorted(variables.items()) if name != "account"]


def test_both_arms_in_one_request(server: Server, source: Any) -> None:
    def rows(query: str) -> list[Row]:
        bad = 5 if "sc-test-app-2" in query else 0
        return minutes(
            {"requests": 100, "failed": bad, "slow0": 9, "slow1": 3},
            {"requests": 0, "failed": 0, "slow0": 0, "slow1": 0},
            {"requests": 120.0, "failed": 0.0, "slow0": 0, "slow1": 0},
        )

    server.reply = graph(rows)
    found = source("errors", "latency").collect([arms()], since=T0, until=T0 + 180, slow_ms=SLOW).periods
    assert [(p.arm, p.start - T0, p.requests, p.errors) for p in found] == [
        (Color.BLUE, 0, 100, 0),
        (Color.GREEN, 0, 100, 5),
        (Color.BLUE, 120, 120, 0),
        (Color.GREEN, 120, 120, 0),
    ]
    assert found[0].slow == ((200.0, 9), (260.0, 3))
    assert not [fault for period in found for fault in period.faults()]
    assert len(server.asked) == 1
    assert json.loads(server.asked[0].body)["variables"]["account"] == 123
    assert nrql(server)[1] == (
        "FROM Transaction SELECT count(*) AS 'requests', "
        "filter(count(*), WHERE error IS TRUE OR numeric(http.statusCode) >= 500) AS 'failed', "
        "filter(count(*), WHERE duration > 0.2) AS 'slow0', "
        "filter(count(*), WHERE duration > 0.26) AS 'slow1' "
        f"WHERE fleet = 'sc-test-app-2' SINCE {T0 * 1000:.0f} UNTIL {(T0 + 180) * 1000:.0f} "
        "TIMESERIES 60 seconds"
    )


def test_settled_minutes_only_and_no_more_than_a_timeseries_has(server: Server, source: Any) -> None:
    server.reply = graph(lambda _query: [])
    source("errors").collect([arms()], since=T0 - 100_000, until=T0 + 9_999, slow_ms=SLOW)
    end = T0 + 600 - 120
    assert f"SINCE {(end - 366 * 60) * 1000:.0f} UNTIL {end * 1000:.0f}" in nrql(server)[0]
    server.asked.clear()
    assert source("errors").collect([arms()], since=T0 + 490, until=T0 + 600, slow_ms=SLOW).periods == ()
    assert server.asked == []


def test_accuracy_has_events_of_its_own(server: Server, source: Any) -> None:
    server.reply = graph(
        lambda query: minutes(
            {"labels": 40, "wrong": 4} if "FROM AiAnswer" in query else {"requests": 100, "failed": 1}
        )
    )
    (both,) = (
        source("errors", "accuracy")
        .collect([arms(Tier.AI, blue="")], since=T0, until=T0 + 60, slow_ms=SLOW)
        .periods
    )
    assert (both.requests, both.errors, both.labels, both.wrong) == (100, 1, 40, 4)
    (alone,) = (
        source("accuracy").collect([arms(Tier.AI, blue="")], since=T0, until=T0 + 60, slow_ms=SLOW).periods
    )
    assert (alone.requests, alone.labels, alone.wrong, alone.counts_errors) == (0, 40, 4, False)
    server.asked.clear()
    assert source("accuracy").collect([arms()], since=T0, until=T0 + 60, slow_ms=SLOW).periods == ()
    assert server.asked == []


def test_p95(server: Server, source: Any) -> None:
    server.reply = graph(lambda _query: [{"percentile.duration": {"95": 0.21}}])
    assert source().p95_ms(arms().green, since=T0 - 3600, until=T0) == pytest.approx(210)
    assert "SELECT percentile(duration, 95) WHERE fleet = 'sc-test-app-2'" in nrql(server)[0]
    for rows in ([], [{"percentile.duration": {"95": None}}], [{"percentile.duration": {"95": 0}}]):
        server.reply = graph(lambda _query, rows=rows: rows)
        assert source().p95_ms(arms().green, since=T0 - 3600, until=T0) is None


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (
            {"data": None, "errors": [{"message": "NRQL Syntax Error at position 7"}, {"message": "twice"}]},
            "no answer to a query: NRQL Syntax Error at position 7; twice",
        ),
        ({"errors": [{"message": "Too many", "extensions": {"errorClass": "BUSY"}}]}, "Too many"),
        (
            {"data": {"actor": {"account": {"q0": {"results": []}}}}, "errors": [{"message": "timed out"}]},
            "timed out",
        ),
        ({"data": {"actor": {"account": None}}}, "its answer has no results"),
        ({"data": {"actor": {"account": {"q0": {"results": {}}, "q1": {"results": []}}}}}, "are not rows"),
        (["x"], "no answer to a query: "),
    ],
)  # fmt: skip
def test_an_answer_that_must_not_be_used(server: Server, source: Any, document: Any, says: str) -> None:
    server.says(document)
    with pytest.raises(CloudUnavailable, match=f"newrelic: .*{says}"):
        source("errors").collect([arms()], since=T0, until=T0 + 60, slow_ms=SLOW)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"requests": None, "failed": 0}, "requests is None, not a count"),
        ({"requests": 10}, "failed is None, not a count"),
        ({"requests": -1, "failed": 0}, "requests is -1, not a count"),
        ({"requests": True, "failed": 0}, "requests is True, not a count"),
        ({"requests": "10", "failed": 0}, "requests is '10', not a count"),
        ({"requests": 1e999, "failed": 0}, "is not JSON|requests is inf, not a count"),
        ({"requests": 1, "failed": 0, "endTimeSeconds": T0 + 300}, "is not the period that was asked for"),
        (
            {"requests": 1, "failed": 0, "beginTimeSeconds": T0 + 7, "endTimeSeconds": T0 + 67},
            "not the period",
        ),
    ],
)
def test_rows_that_cannot_be_true(server: Server, source: Any, row: Row, says: str) -> None:
    server.reply = graph(lambda _query: [*minutes({}), {}][:1] and [minutes({})[0] | row])
    with pytest.raises(CloudUnavailable, match=says):
        source("errors").collect([arms()], since=T0, until=T0 + 60, slow_ms=SLOW)


def test_429_and_refusals(server: Server, source: Any, clock: ManualClock) -> None:
    metrics = source("errors")
    server.says(status=429, headers={"Retry-After": "30"}, body=b"limit")
    for says in ("HTTP 429, rate limited; retry in 30 s: limit", "newrelic: rate limited; retry in"):
        with pytest.raises(CloudUnavailable, match=says):
            metrics.collect([arms()], since=T0, until=T0 + 60, slow_ms=SLOW)
    assert len(server.asked) == 1
    clock.sleep(30)
    server.says(status=403, body=f"key {KEY} is not allowed".encode())
    with pytest.raises(CloudUnavailable, match="HTTP 403") as caught:
        metrics.collect([arms()], since=T0, until=T0 + 60, slow_ms=SLOW)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("held", [KEY, json.dumps({"api_key": KEY}), json.dumps({"user_key": f"{KEY}"})])
def test_the_key_comes_from_the_secret_and_stays_out_of_sight(
    server: Server, source: Any, stack: Stack, caplog: pytest.LogCaptureFixture, held: str
) -> None:
    caplog.set_level(logging.DEBUG, logger="bluegreen")
    stack.raw("secretsmanager").create_secret(Name="/sportcoach/test/new-relic-query", SecretString=held)
    metrics = source("errors", sign=user_key(stack.session, "/sportcoach/test/new-relic-query"))
    server.reply = graph(lambda _query: [])
    stack.region.calls.clear()
    for _ in range(2):
        metrics.collect([arms()], since=T0, until=T0 + 60, slow_ms=SLOW)
    assert [asked.headers["api-key"] for asked in server.asked] == [KEY, KEY]
    server.says(status=500, body=b"no")
    with pytest.raises(CloudUnavailable) as caught:
        metrics.collect([arms()], since=T0, until=T0 + 60, slow_ms=SLOW)
    assert KEY not in repr(caught.value) + str(caught.value) + caplog.text + repr(vars(metrics))


@pytest.mark.parametrize("held", ["", "{}", '{"license": "x"}', "{broken", "two words", "schlüssel"])
def test_a_secret_without_a_key(server: Server, source: Any, stack: Stack, held: str) -> None:
    stack.raw("secretsmanager").create_secret(Name="s", SecretString=held or " ")
    metrics = source("errors", sign=user_key(stack.session, "s"))
    with pytest.raises(CloudUnavailable, match="newrelic: the secret s holds no user key") as caught:
        metrics.collect([arms()], since=T0, until=T0 + 60, slow_ms=SLOW)
    assert "words" not in str(caught.value)
    assert server.asked == []


def test_a_secret_that_is_not_there_is_a_broken_metric(server: Server, source: Any, stack: Stack) -> None:
    metrics = source("errors", sign=user_key(stack.session, "nowhere"))
    with pytest.raises(CloudUnavailable, match=r"newrelic: .*nowhere"):
        metrics.collect([arms()], since=T0, until=T0 + 60, slow_ms=SLOW)
