"""The Prometheus source over real HTTP on loopback: whole answers count, everything else is named."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from functools import partial
from itertools import product
from typing import Any

import pytest

from bluegreen.adapters.aws.session import Session
from bluegreen.adapters.metrics.prometheus import PrometheusMetrics
from bluegreen.adapters.metrics.prometheus_api import PrometheusApi, sigv4
from bluegreen.adapters.metrics.sources import silent_series
from bluegreen.contract import Tag, Tier
from bluegreen.domain.measurement import Period, period_of, period_row
from bluegreen.domain.release import Color
from bluegreen.domain.stack import TargetGroup
from bluegreen.errors import CloudUnavailable
from bluegreen.lab.app.behaviour import Release
from bluegreen.lab.app.exposition import Exposition
from bluegreen.lab.cloud.clock import ManualClock
from bluegreen.policy import Prometheus
from bluegreen.ports import Arms
from tools.metric_server import Asked, Reply, Scraped, Server, serving

from .conftest import Stack

T0 = 1_800_000_000.0
SLOW = {Tier.APP: (100.0, 120.0, 140.0), Tier.AI: (100.0, 120.0, 140.0)}


def fleet(number: int, tier: Tier = Tier.APP, version: str = "") -> TargetGroup:
    tags = {
        Tag.STACK: "test",
        Tag.TIER: tier,
        Tag.DEPLOYMENT: str(number),
        Tag.RELEASE: version or f"v1.{number}.0",
    }
    return TargetGroup(
        arn=f"arn:{tier}:{number}", name=f"sc-test-{tier}-{number}", tags={str(k): v for k, v in tags.items()}
    )


def arms(tier: Tier = Tier.APP, blue: int | None = 1) -> Arms:
    return Arms(tier=tier, green=fleet(2, tier), blue=fleet(blue, tier) if blue else None)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as made:
        yield made


@pytest.fixture
def clock() -> ManualClock:
    made = ManualClock()
    made.sleep(T0 + 120 - made.now())
    return made


OPENED: list[PrometheusApi] = []


def opened(api: PrometheusApi) -> PrometheusApi:
    OPENED.append(api)
    return api


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    while OPENED:
        OPENED.pop().close()


def source(
    server: Server,
    clock: ManualClock,
    *,
    feeds: tuple[str, ...] = ("errors", "latency", "accuracy"),
    **policy: Any,
) -> PrometheusMetrics:
    made = Prometheus(**policy)
    api = opened(
        PrometheusApi(
            server.url, timeout=made.timeout, clock=clock, sign=lambda _url, _body, headers: headers
        )
    )
    return PrometheusMetrics(api, made, feeds=feeds, clock=clock)


def collect(
    metrics: PrometheusMetrics, *, tier: Tier = Tier.APP, blue: int | None = 1, until: float = 120
) -> tuple[Period, ...]:
    return metrics.collect([arms(tier, blue)], since=T0, until=T0 + until, slow_ms=SLOW).periods


def fill(scraped: Scraped, number: int, tier: Tier = Tier.APP, *, bad: int = 0, end: int = 120) -> None:
    """Two instances with 100 requests each a scrape, `bad` of them failed on the second instance."""
    for index in range(end // 15):
        for instance in ("i-1", "i-2"):
            labels = {"fleet": f"sc-test-{tier}-{number}", "instance_id": f"{number}{instance}"}
            failed = bad * index if instance == "i-2" else 0
            at = T0 + 15 * index + (3 if instance == "i-1" else 8)
            scraped.add(at, "http_requests_total", 100 * index - failed, status="200", **labels)
            if failed:
                scraped.add(at, "http_requests_total", failed, status="503", **labels)
            for le, share in (("0.05", 50), ("0.1", 95), ("0.12", 97), ("0.25", 99), ("+Inf", 100)):
                scraped.add(at, "http_request_duration_seconds_bucket", share * index, le=le, **labels)


class TestCounts:
    def test_both_arms_in_periods_of_fifteen_seconds(self, server: Server, clock: ManualClock) -> None:
        scraped = Scraped()
        fill(scraped, 1)
        fill(scraped, 2, bad=5)
        server.reply = scraped.reply
        found = collect(source(server, clock))
        assert not [fault for period in found for fault in period.faults()]
        assert {period.seconds for period in found} == {15.0}
        # 120 s less one period that has to settle; the first period only begins to count.
        assert sorted({period.start - T0 for period in found}) == [15.0 * n for n in range(7)]
        blue, green = (
            [p for p in found if p.arm is arm and p.start > T0] for arm in (Color.BLUE, Color.GREEN)
        )
        assert {(p.requests, p.errors) for p in blue} == {(200, 0)}
        assert {(p.requests, p.errors) for p in green} == {(200, 5)}
        noisiest = {(p.noisiest, p.noisiest_errors, p.noisiest_requests) for p in (*blue, *green)}
        assert noisiest == {("", 0, 0), ("2i-2", 5, 100)}
        assert green[0].slow == ((50.0, 100), (100.0, 10), (120.0, 6), (250.0, 2))
        assert all(period.counts_errors for period in found)

    @pytest.mark.parametrize(("slow", "found"), [(60, ("2i-2", 100)), (12, ("", 0))])
    def test_the_instance_that_is_much_slower_than_the_others(
        self, server: Server, clock: ManualClock, slow: int, found: tuple[str, int]
    ) -> None:
        """Of green, whose instance 2 is slower than 100 ms in so many of 100 requests, the other in 10."""
        scraped = Scraped()
        for index, (number, instance) in product(range(8), product((1, 2), ("i-1", "i-2"))):
            labels = {"fleet": f"sc-test-app-{number}", "instance_id": f"{number}{instance}"}
            fast = 100 - (slow if instance == "i-2" else 10)
            scraped.add(T0 + 15 * index + 3, "http_requests_total", 100 * index, status="200", **labels)
            for le, share in (("0.05", fast // 2), ("0.1", fast), ("0.25", 100), ("+Inf", 100)):
                scraped.add(
                    T0 + 15 * index + 3,
                    "http_request_duration_seconds_bucket",
                    share * index,
                    le=le,
                    **labels,
                )
        server.reply = scraped.reply
        periods = [one for one in collect(source(server, clock)) if one.start > T0]
        assert {(one.slowest, one.slowest_requests) for one in periods if one.arm is Color.BLUE} == {("", 0)}
        greens = [one for one in periods if one.arm is Color.GREEN]
        assert {(one.slowest, one.slowest_requests) for one in greens} == {found}
        if found[0]:
            assert {one.slowest_slow for one in greens} == {((50.0, 80), (100.0, 60), (250.0, 0))}
        assert {period_of(json.loads(json.dumps(period_row(one)))) for one in periods} == set(periods)

    def test_latency_alone_says_nothing_of_errors(self, server: Server, clock: ManualClock) -> None:
        scraped = Scraped()
        fill(scraped, 2, bad=5)
        server.reply = scraped.reply
        found = collect(source(server, clock, feeds=("latency",)), blue=None)
        assert {(p.requests, p.errors, p.counts_errors) for p in found if p.start > T0} == {(200, 0, False)}
        assert "http_requests_total" not in server.asked[0].form["query"]

    def test_labels_are_asked_for_on_the_ai_tier_alone(self, server: Server, clock: ManualClock) -> None:
        scraped = Scraped()
        for index in range(8):
            labels = {"fleet": "sc-test-ai-2", "instance_id": "i-1"}
            scraped.add(T0 + 15 * index + 1, "ai_labelled_answers_total", 20 * index, **labels)
            scraped.add(T0 + 15 * index + 1, "ai_wrong_answers_total", 2 * index, **labels)
        server.reply = scraped.reply
        metrics = source(server, clock, feeds=("accuracy",))
        found = collect(metrics, tier=Tier.AI, blue=None)
        assert {(p.labels, p.wrong, p.requests, p.counts_errors) for p in found if p.start > T0} == {
            (20, 2, 0, False)
        }
        server.asked.clear()
        assert collect(metrics, tier=Tier.APP) == ()
        assert server.asked == []

    def test_a_restart_and_a_fleet_that_grows(self, server: Server, clock: ManualClock) -> None:
        scraped = Scraped()
        labels = {"fleet": "sc-test-app-2", "status": "200"}
        for index, value in enumerate([900, 1_000, 50, 150, 250, 350, 450, 550]):
            scraped.add(T0 + 15 * index + 2, "http_requests_total", value, instance_id="i-1", **labels)
            if index >= 4:
                scraped.add(
                    T0 + 15 * index + 9,
                    "http_requests_total",
                    70_000 + 10 * index,
                    instance_id="i-2",
                    **labels,
                )
        server.reply = scraped.reply
        found = collect(source(server, clock, feeds=("errors",)), blue=None)
        assert [p.requests for p in found] == [0, 100, 50, 100, 100, 110, 110]

    def test_other_names_and_milliseconds(self, server: Server, clock: ManualClock) -> None:
        scraped = Scraped()
        for index in range(8):
            labels = {"release": "v1.2.0", "pod": "a"}
            scraped.add(T0 + 15 * index + 1, "hits", 10 * index, code="E1", **labels)
            scraped.add(T0 + 15 * index + 1, "hits", 30 * index, code="OK", **labels)
            for le, share in (("100", 30), ("200", 35), ("+Inf", 40)):
                scraped.add(T0 + 15 * index + 1, "took_bucket", share * index, le=le, **labels)
        server.reply = scraped.reply
        policy = {
            "selector": 'release="{version}"',
            "instance_label": "pod",
            "requests": "hits",
            "status_label": "code",
            "failed": "E.*",
            "duration": "took",
            "duration_unit": "ms",
        }
        found = collect(source(server, clock, **policy), blue=None)
        assert {(p.requests, p.errors, p.slow) for p in found if p.start > T0} == {
            (40, 10, ((100.0, 10), (200.0, 5)))
        }

    def test_a_stretch_of_time_is_read_once_and_a_little_again(
        self, server: Server, clock: ManualClock
    ) -> None:
        scraped = Scraped()
        fill(scraped, 2, end=600)
        server.reply = scraped.reply
        metrics = source(server, clock, feeds=("errors",))
        clock.sleep(300)
        first = collect(metrics, blue=None, until=10_000)
        clock.sleep(15)
        second = collect(metrics, blue=None, until=10_000)
        assert len(first) == 27
        assert len(second) == 5
        assert second[:4] == first[-4:]
        lengths = [int(asked.form["query"].split("[")[1].removesuffix("ms]")) for asked in server.asked]
        assert lengths == [465_000, 135_000]

    def test_data_that_comes_too_late_is_said_so(self, server: Server, clock: ManualClock) -> None:
        early, late = Scraped(), Scraped()
        fill(early, 2, end=150)
        fill(late, 2, end=150)
        early.forget("2i-2", since=T0 + 75)
        server.reply = early.reply
        metrics = source(server, clock, feeds=("errors",))
        collect(metrics, blue=None, until=10_000)
        server.reply = late.reply
        clock.sleep(15)
        found = metrics.collect([arms(blue=None)], since=T0, until=T0 + 10_000, slow_ms=SLOW)
        (said,) = found.troubles
        assert "came later than 15 s after their period" in said
        assert "metrics.prometheus.settle" in said

    def test_an_arm_that_nobody_scrapes_has_no_period(self, server: Server, clock: ManualClock) -> None:
        scraped = Scraped()
        fill(scraped, 1)
        server.reply = scraped.reply
        assert {period.arm for period in collect(source(server, clock))} == {Color.BLUE}

    def test_a_fleet_without_traffic_is_heard_all_the_same(self, server: Server, clock: ManualClock) -> None:
        scraped = Scraped()
        for index in range(8):
            scraped.add(
                T0 + 15 * index,
                "http_requests_total",
                7,
                status="200",
                fleet="sc-test-app-2",
                instance_id="i",
            )
        server.reply = scraped.reply
        found = collect(source(server, clock, feeds=("errors",)), blue=None)
        assert [p.requests for p in found] == [0] * 7

    def test_halves_are_instances(self, server: Server, clock: ManualClock) -> None:
        scraped = Scraped()
        fill(scraped, 2, bad=5)
        server.reply = scraped.reply
        (halves,) = source(server, clock).halves(arms(blue=None), since=T0, until=T0 + 120, slow_ms=SLOW)
        assert halves.words == "1 of 2 instances against the others"
        counted = {(p.arm, p.requests, p.errors) for p in halves.periods if p.start > T0}
        assert counted == {(Color.GREEN, 100, 0), (Color.BLUE, 100, 5)}

    def test_p95(self, server: Server, clock: ManualClock) -> None:
        server.says(
            {
                "status": "success",
                "data": {"resultType": "vector", "result": [{"metric": {}, "value": [T0, "0.21"]}]},
            }
        )
        metrics = source(server, clock)
        assert metrics.p95_ms(fleet(1), since=T0 - 3600, until=T0) == pytest.approx(210)
        assert (
            'http_request_duration_seconds_bucket{fleet="sc-test-app-1"}[3600s]'
            in server.asked[0].form["query"]
        )
        for result in ([], [{"metric": {}, "value": [T0, "NaN"]}]):
            server.says({"status": "success", "data": {"resultType": "vector", "result": result}})
            assert metrics.p95_ms(fleet(1), since=T0 - 3600, until=T0) is None


class TestTheLabsOwnExposition:
    """The text that the lab's applications serve, as a scraper labels it on an instance of AWS."""

    def test_is_read_as_it_is(self, server: Server, clock: ManualClock) -> None:
        scraped = Scraped()
        apps = {f"i-{number}": Exposition(release(f"i-{number}", f"v1.{number}.0")) for number in (1, 2)}
        for index in range(8):
            for number, (instance, app) in enumerate(apps.items(), start=1):
                for request in range(50):
                    bad = number == 2 and request < 2 and index > 2
                    app.observe(500 if bad else 200, 0.2 if request < 4 else 0.03)
                at = T0 + 15 * index + number
                labels = {"fleet": f"sc-test-app-{number}", "instance_id": instance, "job": "application"}
                scraped.scrape(at, app.metrics().decode(), instance="127.0.0.1:8080", **labels)
        server.reply = scraped.reply
        found = collect(source(server, clock))
        assert not [fault for period in found for fault in period.faults()]
        green = [(p.requests, p.errors) for p in found if p.arm is Color.GREEN]
        assert green == [(0, 0), (50, 0), (50, 0), (50, 2), (50, 2), (50, 2), (50, 2)]
        # The bounds around 100 ms are those that the lab has: 50, 100 and 250 ms.
        assert {p.slow for p in found if p.start > T0} == {((50.0, 4), (100.0, 4), (250.0, 0))}


def release(instance: str, version: str) -> Release:
    fields = Release.__dataclass_fields__
    known: dict[str, Any] = {
        "tier": "app",
        "version": version,
        "instance": instance,
        "model": "",
        "accuracy": 0.9,
    }
    return Release(**{name: known[name] for name in fields if name in known})


EMPTY = {"resultType": "matrix", "result": []}
BROKEN: dict[str, tuple[Any, str]] = {
    "partial": (
        {"status": "success", "warnings": ["store-2 did not answer"], "data": EMPTY},
        "gave only a part of the data: store-2 did not answer",
    ),
    "isPartial": ({"status": "success", "isPartial": True, "data": EMPTY}, "gave only a part of the data"),
    "error": (
        {"status": "error", "errorType": "bad_data", "error": "parse error"},
        "no success: parse error",
    ),
    "no object": (["what"], "no success"),
    "no data": ({"status": "success"}, "answered no matrix"),
    "scalar": (
        {"status": "success", "data": {"resultType": "scalar", "result": [1, "2"]}},
        "answered no matrix",
    ),
    "no result": ({"status": "success", "data": {"resultType": "matrix"}}, "a matrix without a result"),
}


def one_series(values: Any, **more: Any) -> dict[str, Any]:
    metric = {"__name__": "http_requests_total", "status": "200", "instance_id": "i-9"}
    item = {"metric": metric, "values": values} | more
    return {"status": "success", "data": {"resultType": "matrix", "result": [item]}}


BROKEN |= {
    "NaN": (one_series([[T0, "5"], [T0 + 15, "NaN"]]), "i-9.*'NaN' is not a counter's value"),
    "infinite": (one_series([[T0, "+Inf"]]), r"'\+Inf' is not a counter's value"),
    "negative": (one_series([[T0, "-4"]]), "'-4' is not a counter's value"),
    "words": (one_series([[T0, "many"]]), "'many' is not a counter's value"),
    "no time": (one_series([["soon", "4"]]), "is not a counter's value"),
    "no sample": (one_series([[T0]]), "is not a sample"),
    "no values": (one_series("none"), "is not a sample"),
    "time goes back": (one_series([[T0 + 15, "1"], [T0, "2"]]), "not in the order of time"),
    "native histogram": (one_series(None, histograms=[[T0, {}]]), "native histogram"),
    "no labels": (
        {"status": "success", "data": {"resultType": "matrix", "result": [{"values": []}]}},
        "without labels",
    ),
}


class TestBroken:
    @pytest.mark.parametrize("case", BROKEN)
    def test_an_answer_that_must_not_be_used(self, server: Server, clock: ManualClock, case: str) -> None:
        document, says = BROKEN[case]
        server.says(document)
        with pytest.raises(CloudUnavailable, match=says) as caught:
            collect(source(server, clock, feeds=("errors",)), blue=None)
        assert str(caught.value).startswith("prometheus: ")
        assert "never count as a pass" in str(caught.value)

    def test_remarks_on_the_query_are_no_fault_of_the_data(self, server: Server, clock: ManualClock) -> None:
        document = one_series([[T0 + 5, "5"], [T0 + 20, "9"]])
        server.says(document | {"infos": ["metric might not be a counter"]})
        found = collect(source(server, clock, feeds=("errors",)), blue=None)
        assert [period.requests for period in found] == [0, 4]

    @pytest.mark.parametrize(
        ("reply", "says"),
        [
            (Reply(status=503, body=b"upstream\n  is away"), "HTTP 503: upstream is away"),
            (Reply(status=500, document={"error": "query timed out"}), "HTTP 500.*query timed out"),
            (Reply(status=401, body=b""), "prometheus: HTTP 401\n"),
            (Reply(status=302, headers={"Location": "http://127.0.0.1:9/"}), "HTTP 302"),
            (
                Reply(body=b"<html>sign in</html>", headers={"Content-Type": "text/html"}),
                r"is not JSON \(text/html\)",
            ),
            (Reply(body=b'{"status": NaN}'), "is not JSON"),
            (Reply(status=400, body=b"bad token=hunter2 given"), r"token=\*\*\*\*"),
        ],
    )
    def test_an_answer_that_is_none(
        self, server: Server, clock: ManualClock, reply: Reply, says: str
    ) -> None:
        server.reply = lambda _: reply
        with pytest.raises(CloudUnavailable, match=says):
            collect(source(server, clock))

    def test_429_is_obeyed(self, server: Server, clock: ManualClock) -> None:
        server.says(status=429, headers={"Retry-After": "40"}, body=b"slow down")
        metrics = source(server, clock)
        with pytest.raises(CloudUnavailable, match="HTTP 429, rate limited; retry in 40 s: slow down"):
            collect(metrics, blue=None)
        asked = len(server.asked)
        server.reply = Scraped().reply
        clock.sleep(15)
        with pytest.raises(CloudUnavailable, match="rate limited; retry in 25 s"):
            collect(metrics, blue=None)
        assert len(server.asked) == asked
        clock.sleep(25)
        assert collect(metrics, blue=None) == ()

    def test_a_server_that_hangs_or_is_gone(self, server: Server, clock: ManualClock) -> None:
        done = threading.Event()
        server.says({}, wait=done)
        with pytest.raises(CloudUnavailable, match=r"prometheus: no answer within 0.2 s"):
            collect(source(server, clock, timeout=0.2))
        done.set()
        gone = Server()
        gone.url = "http://127.0.0.1:9/"
        with pytest.raises(CloudUnavailable, match="prometheus: ConnectError"):
            collect(source(gone, clock))

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"requests": "hits"}, "app green is scraped, but has no hits"),
            ({"duration": "took"}, "app green is scraped, but has no took_bucket"),
            ({"status_label": "code"}, "http_requests_total has no label code"),
            ({"selector": 'release="{version}"'}, ""),
        ],
    )
    def test_names_that_do_not_fit_the_fleet(
        self, server: Server, clock: ManualClock, change: dict[str, str], says: str
    ) -> None:
        scraped = Scraped()
        fill(scraped, 2)
        server.reply = scraped.reply
        metrics = source(server, clock, **change)
        if not says:
            assert collect(metrics, blue=None) == ()
            return
        with pytest.raises(CloudUnavailable, match=says):
            collect(metrics, blue=None)

    def test_coarse_buckets_speak_against_a_pass_and_leave_the_errors(
        self, server: Server, clock: ManualClock
    ) -> None:
        scraped = Scraped()
        fill(scraped, 2, bad=5)
        server.reply = scraped.reply
        metrics = source(server, clock, duration_unit="ms")
        found = metrics.collect([arms(blue=None)], since=T0, until=T0 + 120, slow_ms=SLOW)
        (said,) = found.troubles
        assert "app green: http_request_duration_seconds has too few buckets from 100 to 280 ms" in said
        assert "feed latency from cloudwatch" in said
        assert {(p.requests, p.errors, p.slow) for p in found.periods if p.start > T0} == {(200, 5, ())}

    def test_fleets_that_the_selector_cannot_tell_apart(self, server: Server, clock: ManualClock) -> None:
        metrics = source(server, clock, selector='release="{version}"')
        same = Arms(tier=Tier.APP, green=fleet(2, version="v1.4.0"), blue=fleet(1, version="v1.4.0"))
        with pytest.raises(CloudUnavailable, match=r'release="v1[.]4[.]0" for green and for blue'):
            metrics.collect([same], since=T0, until=T0 + 120, slow_ms=SLOW)
        assert server.asked == []


class TestSigned:
    def test_managed_prometheus_gets_sigv4(
        self, server: Server, clock: ManualClock, session: Session
    ) -> None:
        server.reply = Scraped().reply
        url = server.url + "workspaces/ws-1"
        api = opened(PrometheusApi(url, timeout=5, clock=clock, sign=sigv4(session)))
        metrics = PrometheusMetrics(api, Prometheus(), feeds=["errors"], clock=clock)
        collect(metrics, blue=None)
        (asked,) = server.asked
        assert asked.path == "/workspaces/ws-1/api/v1/query"
        said = asked.headers["authorization"]
        assert said.startswith("AWS4-HMAC-SHA256 Credential=testing/")
        assert "/ap-northeast-1/aps/aws4_request" in said
        assert "content-type;host;x-amz-date" in said
        assert asked.headers["x-amz-date"]
        assert asked.form["query"] == '{__name__=~"http_requests_total",fleet="sc-test-app-2"}[165000ms]'

    def test_the_signature_is_that_of_the_body(
        self, server: Server, clock: ManualClock, session: Session
    ) -> None:
        """Signed anew from what arrived, with the same keys, the signature is the same."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        seen: list[Asked] = []

        def check(asked: Asked) -> Reply:
            seen.append(asked)
            return Reply(document={"status": "success", "data": EMPTY})

        server.reply = check
        api = opened(PrometheusApi(server.url, timeout=5, clock=clock, sign=sigv4(session)))
        api.samples(["a"], 'x="ä"', until=T0, seconds=60)
        asked = seen[0]
        credentials = session.boto3.get_credentials()
        auth = SigV4Auth(credentials.get_frozen_credentials(), "aps", "ap-northeast-1")
        stamp, kind = asked.headers["x-amz-date"], asked.headers["content-type"]
        request = AWSRequest(
            method="POST",
            url=server.url + "api/v1/query",
            data=asked.body.encode(),
            headers={"content-type": kind, "X-Amz-Date": stamp},
        )
        request.context["timestamp"] = asked.headers["x-amz-date"]
        wanted = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
        assert asked.headers["authorization"].endswith(f"Signature={wanted}")

    def test_without_credentials_the_question_is_not_sent(
        self, server: Server, clock: ManualClock, session: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(session.boto3, "get_credentials", lambda: None)
        api = opened(PrometheusApi(server.url, timeout=5, clock=clock, sign=sigv4(session)))
        with pytest.raises(CloudUnavailable, match="no AWS credentials"):
            api.samples(["a"], "", until=T0, seconds=60)
        assert server.asked == []


def test_series_without_a_sample_are_named(server: Server, clock: ManualClock, stack: Stack) -> None:
    def reply(asked: Asked) -> Reply:
        found = [] if "gone" in asked.form["query"] else [{"metric": {}, "value": [T0, "2"]}]
        return Reply(document={"status": "success", "data": {"resultType": "vector", "result": found}})

    server.reply = reply
    contract = stack.contract.model_copy(update={"prometheus_query_url": f"{server.url}/"})
    ask = partial(silent_series, stack.session, contract, clock)
    assert ask(['up{job="node"}', "gone"]) == ("gone",)
    assert [one.form["query"] for one in server.asked] == ['count(up{job="node"})', "count(gone)"]
    assert partial(silent_series, stack.session, stack.contract, clock)(["gone"]) == ()
