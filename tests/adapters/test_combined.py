"""Several sources in one: each feeds what deploy.toml says, and one that fails hides nothing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from bluegreen.adapters.metrics.combined import CombinedMetrics
from bluegreen.adapters.metrics.sources import open_metrics
from bluegreen.contract import Contract, Tier
from bluegreen.domain.measurement import Period
from bluegreen.domain.release import Color
from bluegreen.domain.stack import TargetGroup
from bluegreen.errors import CloudUnavailable, ConfigError, Refused
from bluegreen.policy import MetricsPolicy, Policy, Source, parse_policy
from bluegreen.ports import Arms, Collected, Halves

from .conftest import Stack

GROUP = TargetGroup(arn="arn:2", name="sc-test-app-2")
ARMS = Arms(tier=Tier.APP, green=GROUP)
PERIOD = Period(
    source="x", tier=Tier.APP, arm=Color.GREEN, start=60.0, seconds=60.0,
    requests=100, errors=7, slow=((200.0, 5),), labels=30, wrong=3, p95_ms=190.0,
)  # fmt: skip


@dataclass
class Said:
    """A source that says the same all the time, or fails."""

    name: str
    fails: Exception | None = None
    p95: float | None = 180.0
    troubles: tuple[str, ...] = ()
    asked: list[str] = field(default_factory=list)

    def _called(self, what: str) -> None:
        self.asked.append(what)
        if self.fails:
            raise self.fails

    def collect(self, arms: Any, **_: Any) -> Collected:
        self._called("collect")
        return Collected(periods=(replace(PERIOD, source=self.name),), troubles=self.troubles)

    def requests(self, target_group: TargetGroup, **_: Any) -> int | None:
        self._called("requests")
        return 5

    def p95_ms(self, target_group: TargetGroup, **_: Any) -> float | None:
        self._called("p95")
        return self.p95

    def halves(self, arms: Arms, **_: Any) -> tuple[Halves, ...]:
        self._called("halves")
        return (Halves(words=f"halves of {self.name}", periods=(replace(PERIOD, source=self.name),)),)


def combined(policy: str, **more: Any) -> tuple[CombinedMetrics, dict[str, Said]]:
    said = {name: more.get(name, Said(name)) for name in ("cloudwatch", "prometheus", "newrelic")}
    table = parse_policy(policy, stack="prod", source="deploy.toml").metrics
    others = {Source.PROMETHEUS: said["prometheus"], Source.NEW_RELIC: said["newrelic"]}
    return CombinedMetrics(said["cloudwatch"], others, table), said


def collect(metrics: CombinedMetrics) -> Collected:
    return metrics.collect([ARMS], since=0, until=120, slow_ms={})


MIXED = '[metrics]\nerrors = ["cloudwatch", "prometheus"]\nlatency = "prometheus"\naccuracy = "newrelic"'


def test_each_source_is_reduced_to_what_it_feeds() -> None:
    metrics, _ = combined(MIXED)
    found = {period.source: period for period in collect(metrics).periods}
    assert found["cloudwatch"] == replace(
        PERIOD, source="cloudwatch", slow=(), labels=0, wrong=0, p95_ms=None
    )
    assert found["prometheus"] == replace(PERIOD, source="prometheus", labels=0, wrong=0)
    assert found["newrelic"] == replace(
        PERIOD, source="newrelic", requests=0, errors=0, slow=(), p95_ms=None, counts_errors=False
    )
    assert not [fault for period in found.values() for fault in period.faults()]


def test_latency_alone_does_not_count_errors() -> None:
    metrics, _ = combined('[metrics]\nlatency = "prometheus"')
    found = {period.source: period for period in collect(metrics).periods}
    assert (found["prometheus"].requests, found["prometheus"].errors) == (100, 0)
    assert not found["prometheus"].counts_errors


def test_a_source_that_feeds_nothing_is_not_asked() -> None:
    metrics, said = combined("")
    assert [period.source for period in collect(metrics).periods] == ["cloudwatch"]
    assert said["prometheus"].asked == said["newrelic"].asked == []


@pytest.mark.parametrize(
    "error", [CloudUnavailable("HTTP 503"), Refused("not authorized to aps:QueryMetrics")]
)
def test_a_failed_source_is_named_and_the_others_still_count(error: Exception) -> None:
    metrics, _ = combined(MIXED, prometheus=Said("prometheus", fails=error))
    found = collect(metrics)
    assert {period.source for period in found.periods} == {"cloudwatch", "newrelic"}
    assert found.troubles == (f"metrics broken: prometheus: {error}",)


def test_a_failed_cloudwatch_leaves_prometheus(caplog: pytest.LogCaptureFixture) -> None:
    metrics, _ = combined(MIXED, cloudwatch=Said("cloudwatch", fails=CloudUnavailable("throttled")))
    found = collect(metrics)
    assert {period.source for period in found.periods} == {"prometheus", "newrelic"}
    assert found.troubles == ("metrics broken: cloudwatch: throttled",)


def test_what_a_source_objects_to_is_handed_on() -> None:
    metrics, _ = combined(MIXED, newrelic=Said("newrelic", troubles=("newrelic: late",)))
    assert collect(metrics).troubles == ("newrelic: late",)


def test_a_bug_in_a_source_is_no_broken_metric() -> None:
    metrics, _ = combined(MIXED, prometheus=Said("prometheus", fails=KeyError("x")))
    with pytest.raises(KeyError):
        collect(metrics)


def test_the_balancer_says_whether_a_fleet_is_quiet() -> None:
    metrics, said = combined('[metrics]\nlatency = "prometheus"')
    assert metrics.requests(GROUP, since=0, until=60) == 5
    assert said["cloudwatch"].asked == ["requests"]
    assert said["prometheus"].asked == []


def test_p95_comes_from_the_first_source_of_latency_that_has_it() -> None:
    both = '[metrics]\nlatency = ["prometheus", "cloudwatch"]'
    metrics, _ = combined(
        both, prometheus=Said("prometheus", p95=None), cloudwatch=Said("cloudwatch", p95=90.0)
    )
    assert metrics.p95_ms(GROUP, since=0, until=60) == 90.0
    metrics, _ = combined(both, prometheus=Said("prometheus", fails=Refused("denied")))
    with pytest.raises(CloudUnavailable, match="prometheus: denied"):
        metrics.p95_ms(GROUP, since=0, until=60)
    metrics, _ = combined(
        both, prometheus=Said("prometheus", p95=None), cloudwatch=Said("cloudwatch", p95=None)
    )
    assert metrics.p95_ms(GROUP, since=0, until=60) is None


def test_halves_of_every_source_reduced_alike() -> None:
    metrics, _ = combined(MIXED)
    found = metrics.halves(ARMS, since=0, until=60, slow_ms={})
    assert [one.words for one in found] == [
        "halves of cloudwatch",
        "halves of prometheus",
        "halves of newrelic",
    ]
    assert found[0].periods[0].slow == ()


class TestOpening:
    def test_needs_no_call_and_no_source_that_is_not_fed(self, stack: Stack) -> None:
        stack.region.calls.clear()
        open_metrics(stack.session, stack.contract, Policy(), clock=stack.clock)
        assert stack.region.calls == []

    def test_everything_that_is_missing_is_named_at_once(self, stack: Stack) -> None:
        policy = Policy(
            metrics=MetricsPolicy(
                errors=(Source.CLOUDWATCH, Source.PROMETHEUS),
                latency=(Source.CLOUDWATCH,),
                accuracy=(Source.NEW_RELIC,),
            )
        )
        with pytest.raises(ConfigError) as caught:
            open_metrics(stack.session, stack.contract, policy, clock=stack.clock)
        assert [fault.where for fault in caught.value.faults] == [
            "metrics.prometheus.url", "metrics.newrelic.account", "metrics.newrelic.secret",
        ]  # fmt: skip
        assert "prometheus feeds errors" in str(caught.value)
        known: dict[str, Any] = {
            "prometheus_query_url": "https://aps-workspaces.ap-northeast-1.amazonaws.com/workspaces/ws-1/",
            "new_relic_account": "123",
            "new_relic_secret": "/sportcoach/test/new-relic-query",
        }
        contract = Contract.model_validate(stack.contract.model_dump(mode="json", exclude_none=True) | known)
        open_metrics(stack.session, contract, policy, clock=stack.clock)

    @pytest.mark.parametrize(
        ("url", "auth", "signed"),
        [
            ("https://aps-workspaces.ap-northeast-1.amazonaws.com/workspaces/ws-1/", "auto", True),
            ("http://127.0.0.1:9090", "auto", False),
            ("http://127.0.0.1:9090", "sigv4", True),
            ("https://aps-workspaces.ap-northeast-1.amazonaws.com/workspaces/ws-1/", "none", False),
            ("https://amazonaws.com.example.org/", "auto", False),
        ],
    )
    def test_who_gets_a_signature(self, stack: Stack, url: str, auth: str, *, signed: bool) -> None:
        from bluegreen.adapters.metrics.sources import _signature
        from bluegreen.policy import Prometheus

        table = Prometheus.model_validate({"url": url, "auth": auth})
        headers = _signature(stack.session, table, url)(url, b"query=a", {"content-type": "x"})
        assert ("Authorization" in headers) is signed
