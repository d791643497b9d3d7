"""Counts of the load balancer: complete, settled, never invented."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bluegreen.adapters.aws.elb.balancer import ElbBalancer
from bluegreen.adapters.metrics.cloudwatch import CloudWatchMetrics
from bluegreen.adapters.metrics.counts import FleetCounts, own_failures, period_from
from bluegreen.contract import Tier
from bluegreen.domain.measurement import Period
from bluegreen.domain.release import Color
from bluegreen.domain.stack import TargetGroup
from bluegreen.errors import CloudUnavailable
from bluegreen.policy import Judging
from bluegreen.ports import Arms

from .conftest import Stack, spec, tags

T0 = 1_800_000_000.0


@pytest.fixture
def arms(stack: Stack) -> Arms:
    balancer = ElbBalancer(stack.elb(), stack.contract)
    tier = stack.contract.tier(Tier.APP)
    blue, green = (balancer.ensure_target_group(tier, spec(n), tags(n)) for n in (1, 2))
    balancer.set_weights(tier, {blue.arn: 95, green.arn: 5}, tags())
    return Arms(tier=Tier.APP, blue=blue, green=green)


@pytest.fixture
def metrics(stack: Stack) -> CloudWatchMetrics:
    judging = Judging(period=60.0, settle=180.0)
    return CloudWatchMetrics(stack.session, stack.contract, judging, clock=stack.clock)


def minute(stack: Stack, group: TargetGroup | None, number: int, **counters: Any) -> None:
    """What one target group did in minute `number`."""
    assert group is not None
    latency = counters.pop("latency", ())
    named = {name.removeprefix("n"): value for name, value in counters.items()}
    stack.cloud.balancer_metrics.ingest(
        {"at": T0 + 60 * number + 30, "groups": {group.arn: named | {"latency": latency}}}
    )


def collect(metrics: CloudWatchMetrics, arms: Arms, minutes: float, **more: Any) -> tuple[Period, ...]:
    values: dict[str, Any] = {"since": T0, "until": T0 + 60 * minutes, "slow_ms": {}}
    return metrics.collect([arms], **(values | more)).periods


def at(stack: Stack, minutes: float) -> None:
    stack.clock.sleep(T0 + 60 * minutes - stack.clock.now())


class TestCollect:
    def test_both_arms_in_one_call(self, stack: Stack, arms: Arms, metrics: CloudWatchMetrics) -> None:
        slow = ((0.1, 900.0), (0.3, 90.0), (0.9, 10.0))
        minute(stack, arms.blue, 0, requests=1000, n2xx=980, n3xx=5, n4xx=10, n5xx=5, latency=slow)
        minute(stack, arms.green, 0, requests=50, n2xx=50)
        at(stack, 10)
        stack.region.calls.clear()
        blue, green = collect(metrics, arms, 10, slow_ms={Tier.APP: (500.0, 200.0)})

        assert stack.region.count() == {"GetMetricData": 1}
        assert (blue.arm, blue.start, blue.seconds, blue.requests, blue.errors) == (
            Color.BLUE,
            T0,
            60,
            1000,
            5,
        )
        assert blue.slow == ((200.0, 100), (500.0, 10))
        assert blue.p95_ms == pytest.approx(300, rel=0.05)
        assert (green.arm, green.requests, green.errors, green.slow) == (
            *(Color.GREEN, 50, 0),
            ((200.0, 0), (500.0, 0)),
        )
        assert not blue.faults()
        assert not green.faults()

    def test_clients_that_go_away_and_websockets_are_no_errors(
        self, stack: Stack, arms: Arms, metrics: CloudWatchMetrics
    ) -> None:
        """460 and 101 are in no class that ALB counts: with such clients every fleet looked sick."""
        minute(stack, arms.blue, 0, requests=1000, n2xx=940)
        minute(stack, arms.green, 0, requests=50, n2xx=45)
        minute(stack, arms.green, 1, requests=50, n2xx=0)
        stack.cloud.balancer_metrics.ingest({"at": T0 + 90, "groups": {}, "elb": {"5xx": 50}})
        at(stack, 10)
        found = {(one.arm, one.start): one.errors for one in collect(metrics, arms, 10)}
        assert found[Color.BLUE, T0] == found[Color.GREEN, T0] == 0
        assert found[Color.GREEN, T0 + 60] == 50  # a fleet that answers nothing is not spared

    def test_period_is_kept_back_until_it_is_settled(
        self, stack: Stack, arms: Arms, metrics: CloudWatchMetrics
    ) -> None:
        for number in range(6):
            minute(stack, arms.blue, number, requests=10, n2xx=10)
        at(stack, 5)  # 2 minutes ended 3 minutes ago
        assert [one.start for one in collect(metrics, arms, 5)] == [T0, T0 + 60]

    def test_only_periods_that_began_in_the_time_asked(
        self, stack: Stack, arms: Arms, metrics: CloudWatchMetrics
    ) -> None:
        for number in range(6):
            minute(stack, arms.blue, number, requests=10, n2xx=10)
        at(stack, 20)
        found = collect(metrics, arms, 0, since=T0 + 61, until=T0 + 240)
        assert [one.start for one in found] == [T0 + 120, T0 + 180]

    def test_no_data_is_no_period(self, stack: Stack, arms: Arms, metrics: CloudWatchMetrics) -> None:
        minute(stack, arms.green, 0, healthy=2)
        at(stack, 10)
        assert collect(metrics, arms, 10) == ()
        assert collect(metrics, arms, 10, until=T0 - 1) == ()

    def test_first_deployment_has_no_blue(self, stack: Stack, arms: Arms, metrics: CloudWatchMetrics) -> None:
        minute(stack, arms.green, 0, requests=7, n2xx=7)
        at(stack, 10)
        alone = Arms(tier=Tier.APP, green=arms.green)
        assert [(one.arm, one.requests) for one in collect(metrics, alone, 10)] == [(Color.GREEN, 7)]

    def test_partial_answer_is_not_taken_for_all(
        self, stack: Stack, arms: Arms, metrics: CloudWatchMetrics, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = stack.cloud.call

        def partly(service: str, operation: str, params: dict[str, Any]) -> dict[str, Any]:
            answer = real(service, operation, params)
            answer["MetricDataResults"][0]["StatusCode"] = "InternalError"
            return answer

        at(stack, 10)
        monkeypatch.setattr(stack.cloud, "call", partly)
        with pytest.raises(CloudUnavailable, match="only a part of the data: InternalError"):
            collect(metrics, arms, 10)


class TestTheBalancersOwnFailures:
    """HTTPCode_ELB_5XX has no target group: an empty one answers 503 and looks clean by its own counts."""

    def ingest(self, stack: Stack, number: int, **counters: int) -> None:
        named = {name.removeprefix("n"): value for name, value in counters.items()}
        stack.cloud.balancer_metrics.ingest({"at": T0 + 60 * number + 30, "elb": named})

    def troubles(self, metrics: CloudWatchMetrics, arms: Arms) -> tuple[str, ...]:
        return metrics.collect([arms], since=T0, until=T0 + 600, slow_ms={}).troubles

    def test_without_a_target_speak_against_going_on(
        self, stack: Stack, arms: Arms, metrics: CloudWatchMetrics
    ) -> None:
        minute(stack, arms.blue, 0, requests=950, n2xx=950)
        self.ingest(stack, 0, requests=950, n5xx=50, n503=50)
        at(stack, 10)
        (said,) = self.troubles(metrics, arms)
        assert said == (
            "cloudwatch: the load balancer itself failed 50 of 1,000 requests, "
            "for which it chose no target (HTTPCode_ELB_5XX_Count)"
        )

    def test_of_a_chosen_target_are_the_fleets_errors_alone(
        self, stack: Stack, arms: Arms, metrics: CloudWatchMetrics
    ) -> None:
        minute(stack, arms.green, 0, requests=1000, n2xx=900, n5xx=20)
        self.ingest(stack, 0, requests=1000, n5xx=80)
        at(stack, 10)
        assert self.troubles(metrics, arms) == ()
        (green,) = collect(metrics, arms, 10)
        assert (green.requests, green.errors) == (1000, 100)

    def test_few_of_them_and_old_ones_are_left_alone(
        self, stack: Stack, arms: Arms, metrics: CloudWatchMetrics
    ) -> None:
        self.ingest(stack, 0, requests=100, n5xx=900)
        for number in range(1, 5):
            self.ingest(stack, number, requests=1000, n5xx=9)
        at(stack, 10)
        assert self.troubles(metrics, arms) == ()

    def test_fixed_answers_of_a_rule_are_no_failures(self) -> None:
        assert own_failures(60, 60, []) == 0
        fleet = FleetCounts(sums={"RequestCount": 30.0}, balancer_failed=50)
        assert own_failures(60, 10, [fleet]) == 20
        assert own_failures(5, 0, [replace(fleet, balancer_failed=5)]) == 0


class TestHalves:
    def record(self, stack: Stack, group: TargetGroup, zone: str, number: int, **sums: float) -> None:
        """A minute of one zone, as ELB reports it beside the target group's total."""
        balancer = stack.balancer_arn.split(":loadbalancer/")[1]
        dimensions = frozenset(
            {("LoadBalancer", balancer), ("TargetGroup", group.metric_dimension), ("AvailabilityZone", zone)}
        )
        for metric, value in sums.items():
            key = ("AWS/ApplicationELB", metric, dimensions)
            sample = (0.2, value) if metric == "TargetResponseTime" else (1.0, value)
            stack.cloud.balancer_metrics._store.record(key, T0 + 60 * number + 30, [sample])

    def test_the_busiest_zone_against_the_others(
        self, stack: Stack, arms: Arms, metrics: CloudWatchMetrics
    ) -> None:
        for number in range(3):
            for zone, requests in (("1a", 100), ("1c", 70), ("1d", 50)):
                good = requests - (5 if zone == "1d" else 0)
                sums = {"RequestCount": requests, "HTTPCode_Target_2XX_Count": good}
                self.record(stack, arms.green, zone, number, **sums, TargetResponseTime=requests)
            stack.cloud.balancer_metrics.ingest(
                {"at": T0 + 60 * number + 30, "groups": {}, "elb": {"5xx": 5}}
            )
        at(stack, 20)
        (found,) = metrics.halves(arms, since=T0, until=T0 + 180, slow_ms={Tier.APP: (100.0, 300.0)})
        assert found.words == "1a against 1c, 1d"
        counted = {(p.arm, p.requests, p.errors, p.slow) for p in found.periods}
        assert counted == {
            (Color.GREEN, 100, 0, ((100.0, 100), (300.0, 0))),
            (Color.BLUE, 120, 5, ((100.0, 120), (300.0, 0))),
        }
        assert len(found.periods) == 6

    def test_one_zone_has_no_halves(self, stack: Stack, arms: Arms, metrics: CloudWatchMetrics) -> None:
        self.record(stack, arms.green, "1a", 0, RequestCount=5)
        at(stack, 20)
        assert metrics.halves(arms, since=T0, until=T0 + 180, slow_ms={}) == ()


class TestRequests:
    def test_counts_touching_periods(self, stack: Stack, arms: Arms, metrics: CloudWatchMetrics) -> None:
        for number in range(4):
            minute(stack, arms.blue, number, requests=10, n2xx=10, healthy=2)
        at(stack, 10)
        assert arms.blue is not None
        assert metrics.requests(arms.blue, since=T0 + 70, until=T0 + 180) == 20

    def test_zero_needs_a_witness(self, stack: Stack, arms: Arms, metrics: CloudWatchMetrics) -> None:
        """RequestCount is absent without requests: only another metric tells zero from late."""
        at(stack, 10)
        assert arms.blue is not None
        assert metrics.requests(arms.blue, since=T0, until=T0 + 120) is None
        minute(stack, arms.blue, 0, healthy=2)
        assert metrics.requests(arms.blue, since=T0, until=T0 + 120) is None
        minute(stack, arms.blue, 1, healthy=2)
        assert metrics.requests(arms.blue, since=T0, until=T0 + 120) == 0

    def test_unsettled_time_is_unknown(self, stack: Stack, arms: Arms, metrics: CloudWatchMetrics) -> None:
        minute(stack, arms.blue, 0, healthy=2)
        assert arms.blue is not None
        at(stack, 3.9)
        assert metrics.requests(arms.blue, since=T0, until=T0 + 60) is None
        at(stack, 4)
        assert metrics.requests(arms.blue, since=T0, until=T0 + 60) == 0


class TestP95:
    def test_is_that_of_the_busiest_hour(self, stack: Stack, arms: Arms, metrics: CloudWatchMetrics) -> None:
        for number, (requests, seconds) in enumerate([(10, 5.0), (900, 0.2), (90, 0.4)]):
            minute(stack, arms.blue, number, requests=requests, n2xx=requests, latency=((seconds, requests),))
        minute(stack, arms.blue, 90, requests=5, n2xx=5, latency=((9.0, 5),))
        at(stack, 100)
        assert arms.blue is not None
        found = metrics.p95_ms(arms.blue, since=T0, until=T0 + 6000)
        assert found == pytest.approx(400, rel=0.02)

    def test_of_little_traffic_is_no_maximum_of_a_minute(
        self, stack: Stack, arms: Arms, metrics: CloudWatchMetrics
    ) -> None:
        """Two requests a minute: the hour knows its p95, the median of the minutes' p95s is far below."""
        for number in range(50):
            latency = ((0.5, 1), (0.1, 1)) if number % 7 == 0 else ((0.1, 2),)
            minute(stack, arms.blue, number, requests=2, n2xx=2, latency=latency)
        at(stack, 60)
        assert arms.blue is not None
        found = metrics.p95_ms(arms.blue, since=T0, until=T0 + 3600)
        assert found == pytest.approx(500, rel=0.1)

    def test_without_data(self, stack: Stack, arms: Arms, metrics: CloudWatchMetrics) -> None:
        at(stack, 10)
        assert arms.blue is not None
        assert metrics.p95_ms(arms.blue, since=T0, until=T0 + 600) is None


def counts(
    slow: tuple[tuple[float, float | None], ...] = (), own: int = 0, **sums: float | None
) -> Period | None:
    names = {"n": "RequestCount", "refused": "TargetConnectionErrorCount"}
    full = {names.get(key, f"HTTPCode_Target_{key[1:]}_Count"): value for key, value in sums.items()}
    given = FleetCounts(sums=full, slow=slow, balancer_failed=own)
    return period_from(given, tier=Tier.APP, arm=Color.GREEN, start=T0, seconds=60.0)


@pytest.mark.parametrize(
    ("sums", "requests", "errors"),
    [
        ({"n": 100, "_2XX": 100}, 100, 0),
        ({"n": 100, "_2XX": 90, "_3XX": 5, "_4XX": 5}, 100, 0),
        ({"n": 100, "_2XX": 98, "_5XX": 2}, 100, 2),
        ({"n": 100, "_2XX": 97, "_5XX": 1, "own": 2}, 100, 3),  # two answers made up by the balancer
        ({"n": 100, "_2XX": 97, "_5XX": 1, "own": 9}, 100, 3),  # more for another fleet
        ({"n": 100, "_2XX": 70, "_5XX": 1}, 100, 1),  # 29 clients that went away (460), or WebSockets (101)
        ({"n": 100, "_2XX": 70, "_5XX": 1, "own": 2}, 100, 3),  # of the 29, two at most had no answer
        ({"n": 100, "_2XX": 95, "refused": 5}, 100, 5),  # refused connections are among the 100
        ({"n": 100, "_2XX": 95, "_5XX": 5, "refused": 5}, 105, 10),  # they are not
        ({"n": 100, "_2XX": 100, "refused": 3}, 103, 3),
        ({"refused": 4}, 4, 4),
        ({"n": 100, "_2XX": 101}, 100, 0),  # an answer that ended in the next period
        ({"n": 100, "own": 100}, 100, 100),
    ],
)
def test_errors(sums: dict[str, Any], requests: int, errors: int) -> None:
    period = counts(**sums)
    assert period is not None
    assert (period.requests, period.errors) == (requests, errors)
    assert period.undelivered == errors - sums.get("_5XX", 0)
    assert not period.faults()


def test_absent_is_not_zero() -> None:
    assert counts() is None
    assert counts(n=None, _2XX=None) is None


def test_slow_counts_never_exceed_the_requests() -> None:
    period = counts(n=10, _2XX=10, slow=((100.0, 12.0), (200.0, None), (300.0, 1.0)))
    assert period is not None
    assert period.slow == ((100.0, 10), (200.0, 0), (300.0, 0))
    assert not period.faults()
