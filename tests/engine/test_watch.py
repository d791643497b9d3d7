"""The watch over a ramp step: two clocks, sources that fail, blue's own functions, little traffic."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from random import Random
from typing import Any, TypeVar

import pytest

from bluegreen.contract import Tag, Tier
from bluegreen.domain.journal import (
    BaselineMeasured,
    Decided,
    Ending,
    Entry,
    Event,
    Measured,
    StageStarted,
    StepProgress,
    VerdictGiven,
    Warned,
)
from bluegreen.domain.measurement import Period
from bluegreen.domain.release import Color
from bluegreen.domain.reports import Result
from bluegreen.domain.stack import Health, TargetGroup
from bluegreen.domain.verdict import Outcome
from bluegreen.engine.watch.key_functions import repeats_for_blue
from bluegreen.errors import CloudUnavailable
from bluegreen.lab.cloud.behaviour import Behaviour
from bluegreen.lab.cloud.settings import Settings
from bluegreen.lab.faults import Effect, Fault
from bluegreen.ports import (
    PREVIEW_HEADER,
    Answer,
    Arms,
    Balancer,
    Collected,
    Halves,
    Metrics,
    Ports,
    Prober,
    Request,
    at_once,
)
from tests.world import LATENCY, POLICY, World, in_turn
from tools.world import lognormal

E = TypeVar("E", bound=Event)
LOGIN = """
[[smoke]]
name = "login"
tier = "app"
[[smoke.steps]]
path = "/api/login"
"""
AT_THE_PACE_OF_AWS = """
[rollout]
ramp = ["10%", "50%"]
bake = "5m"
min_bake = "2m"
extension = "10m"
final_bake = "2m"
dwell = "20s"
tick = "15s"
[judge]
period = "60s"
settle = "180s"
[health]
poll = "5s"
[probes]
interval = "5s"
timeout = "2s"
[retire]
quiet = "30s"
deadline = "1000s"
[backup]
snapshot = false
"""
SLOW_CLOUD = Settings(metrics_period_seconds=60, metrics_delay_seconds=90.0, rule_propagation_seconds=5.0)


class Watched(World):
    """A world whose metrics and prober a test may replace, with v1.0.0 serving."""

    metrics: Callable[[Metrics], Metrics] = staticmethod(lambda real: real)
    prober: Callable[[Prober], Prober] = staticmethod(lambda real: real)
    balancer: Callable[[Balancer], Balancer] = staticmethod(lambda real: real)
    hangs = False
    """Whether what is asked for aside gets no answer any more."""

    def _aside(self, call: Callable[[], Any]) -> Callable[[float], Any]:
        return never if self.hangs else at_once(call)

    def ports(self) -> Ports:
        made = super().ports()
        metrics, prober = self.metrics(made.metrics), self.prober(made.prober)
        balancer = self.balancer(made.balancer)
        return replace(made, metrics=metrics, prober=prober, balancer=balancer, aside=self._aside)

    def serve(self, rate: float = 200.0, seconds: float = 5.0) -> None:
        deployer = self.deployer()
        assert deployer.run(deployer.plan_promotion("v1.0.0")).ending is Ending.RELEASED, self.story()
        if rate:
            self.load(rate)
        self.clock.sleep(seconds)
        self.entries.clear()

    def promote(self) -> Result:
        deployer = self.deployer()
        return deployer.run(deployer.plan_promotion("v1.2.0"))

    def at(self, kind: type[Event], containing: str = "") -> list[Entry]:
        return [e for _, e in self.entries if isinstance(e.event, kind) and containing in str(e.event)]

    def said(self, kind: type[E], containing: str = "") -> list[E]:
        events = (entry.event for _, entry in self.entries)
        return [event for event in events if isinstance(event, kind) and containing in str(event)]

    def when_watching(self, percent: int, act: Callable[[], Any], *, after: int = 1) -> list[float]:
        """Call `act` at the `after`-th verdict of a step; the result fills with the time."""
        seen: list[float] = []
        done: list[float] = []

        def listen(entry: Entry) -> None:
            if isinstance(entry.event, VerdictGiven) and entry.event.percent == percent:
                seen.append(entry.at)
                if len(seen) == after:
                    done.append(entry.at)
                    act()

        self.listeners.append(listen)
        return done


def quiet(entry: Entry) -> bool:
    return isinstance(entry.event, StageStarted) and entry.event.stage == "quiet"


def breaks(world: World, *versions: str) -> None:
    world.cloud.advance()
    for version in versions:
        world.behaviours[version] = Behaviour(latency=LATENCY, broken_paths=("/api/login",))


class TestTwoClocks:
    def test_a_key_function_that_goes_down_is_rolled_back_within_twenty_seconds(self) -> None:
        """CloudWatch is minutes late here: the probes decide, every five seconds."""
        world = Watched(policy=AT_THE_PACE_OF_AWS + LOGIN, settings=SLOW_CLOUD)
        world.serve(seconds=400)
        broken = world.when_watching(10, lambda: breaks(world, "v1.2.0"), after=4)
        result = world.promote()
        assert result.ending is Ending.ROLLED_BACK, f"{result}\n{world.story()}"
        (decided,) = world.at(Decided)
        assert decided.at - broken[0] <= 20
        assert "login" in result.words
        probed = [p for event in world.said(Measured) for p in event.periods if p.probes]
        green = sorted(p.start for p in probed if p.arm is Color.GREEN)
        assert {round(b - a) for a, b in pairwise(green)} == {5}

    def test_metrics_are_asked_for_by_the_slow_clock_alone(self) -> None:
        world = Watched(policy=AT_THE_PACE_OF_AWS + LOGIN, settings=SLOW_CLOUD)
        counted = Counted()
        world.metrics = counted.over
        world.serve(seconds=400)
        counted.collected.clear()
        assert world.promote().ending is Ending.RELEASED, world.story()
        looks = counted.collected
        gaps = sorted(b - a for a, b in pairwise(looks))
        assert gaps[2] >= 14.9, "but for the first look of a new step"
        verdicts = [e.at for e in world.at(VerdictGiven)]
        assert len(verdicts) < 1.2 * len(looks), "a fast look is journalled only where it changes something"

    def test_a_target_that_falls_ill_is_seen_by_the_fast_clock(self) -> None:
        world = Watched(policy=AT_THE_PACE_OF_AWS + LOGIN, settings=SLOW_CLOUD)
        world.serve(seconds=400)
        sick = Behaviour(healthy=False, latency=LATENCY)
        broken = world.when_watching(10, lambda: world.behaviours.update({"v1.2.0": sick}), after=3)
        result = world.promote()
        assert result.ending is Ending.ROLLED_BACK, world.story()
        (decided,) = world.at(Decided)
        # Health checks every 5 s, two of which must fail, and a look every 5 s.
        assert decided.at - broken[0] <= 25

    def test_a_fleet_without_a_healthy_target_fails_at_once(self) -> None:
        """Nothing is registered any more: no target is unhealthy, and each request is a 503."""
        world = Watched(policy=AT_THE_PACE_OF_AWS, settings=SLOW_CLOUD)
        world.serve(seconds=400)
        gone = world.when_watching(10, lambda: deregister(world, "sc-sim-app-2"), after=2)
        result = world.promote()
        assert result.ending is Ending.ROLLED_BACK, world.story()
        assert "app: green has no healthy target (0 healthy" in result.words
        (decided,) = world.at(Decided)
        assert decided.at - gone[0] <= 6

    def test_a_source_that_hangs_does_not_keep_the_fast_clock_waiting(self) -> None:
        world = Watched(policy=AT_THE_PACE_OF_AWS + LOGIN, settings=SLOW_CLOUD)
        world.serve(seconds=400)
        world.when_watching(10, lambda: setattr(world, "hangs", True), after=2)
        broken = world.when_watching(10, lambda: breaks(world, "v1.2.0"), after=3)
        result = world.promote()
        assert result.ending is Ending.ROLLED_BACK, world.story()
        (decided,) = world.at(Decided)
        assert decided.at - broken[0] <= 20

    def test_a_source_that_hangs_is_told_once_holds_and_then_asks(self) -> None:
        world = Watched(policy=AT_THE_PACE_OF_AWS + LOGIN, settings=SLOW_CLOUD)
        world.serve(seconds=400)
        world.when_watching(10, lambda: setattr(world, "hangs", True), after=3)
        result = world.promote()
        assert result.ending is Ending.HALTED, world.story()
        assert "hold: metrics broken: no answer for " in result.words
        assert len(world.said(Warned, "no answer for")) == 1


class TestLifeStages:
    """Green of two instances; one more, or one of them, is not healthy during the ramp."""

    def grown(self, boot_seconds: float) -> Watched:
        world = Watched(settings=Settings(boot_seconds=boot_seconds))
        tiers = [tier.model_copy(update={"boot_budget_seconds": 20}) for tier in world.contract.tiers]
        world.contract = world.contract.model_copy(update={"tiers": tuple(tiers)})
        world.serve()

        def grow() -> None:
            keep_sick_hosts(world)
            # Somebody took the launch hook away: else a host that boots would be no target yet.
            world.cloud.scaling.groups["sc-sim-app-2"].hooks.clear()
            group = world.raw("autoscaling")
            group.set_desired_capacity(AutoScalingGroupName="sc-sim-app-2", DesiredCapacity=3)

        world.when_watching(10, grow, after=2)
        return world

    def test_an_instance_that_boots_is_not_sick(self) -> None:
        world = self.grown(boot_seconds=15.0)
        result = world.promote()
        assert result.ending is Ending.RELEASED, f"{result}\n{world.story()}"

    def test_one_that_does_not_come_up_within_its_budget_is(self) -> None:
        world = self.grown(boot_seconds=1.0)
        real = world._behaviour
        sick = Behaviour(healthy=False, latency=LATENCY)
        world.cloud.targets._behaviour = lambda one: sick if one.number == 5 else real(one)
        result = world.promote()
        assert result.ending is Ending.HALTED, f"{result}\n{world.story()}"
        assert "1 of green's targets unhealthy (i-" in result.words
        assert "left are 2, its traffic needs 1: waiting until the fleet has healed" in result.words

    def test_one_that_was_healthy_is_named_at_the_second_look(self) -> None:
        world = Watched()
        world.serve()
        real = world._behaviour
        sick = Behaviour(healthy=False, latency=LATENCY)

        def fall() -> None:
            keep_sick_hosts(world)
            world.cloud.targets._behaviour = lambda one: sick if one.number == 4 else real(one)

        world.when_watching(10, fall, after=2)
        result = world.promote()
        assert result.ending is Ending.HALTED, f"{result}\n{world.story()}"
        assert "1 of green's targets unhealthy (i-" in result.words


class Ailing:
    """A balancer by which one of green's targets is sick, once `ill`."""

    ill = False

    def __init__(self, real: Balancer) -> None:
        self.real = real

    def health(self, arn: str) -> Health:
        found = self.real.health(arn)
        if not self.ill or "sc-sim-app-2" not in arn:
            return found
        well, sick = found.healthy_ids[:1], found.healthy_ids[1:]
        return replace(found, healthy=1, unhealthy=1, healthy_ids=well, unhealthy_ids=sick)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


class TestASickTarget:
    def ailing(self, policy: str = POLICY) -> Watched:
        world = Watched(policy=policy)
        world.serve()
        world.balancer = Ailing
        return world

    def test_is_journalled_before_the_verdict_that_it_decides(self, monkeypatch: pytest.MonkeyPatch) -> None:
        world = self.ailing(POLICY.replace("[judge]", '[judge]\nleast_healthy = "100%"'))
        world.when_watching(100, lambda: monkeypatch.setattr(Ailing, "ill", True), after=2)
        result = world.promote()
        assert "1 of green's targets unhealthy (i-" in result.words
        (sick,) = [one.sick for one in world.said(Measured) if one.sick]
        failed = [one.verdict for one in world.said(VerdictGiven) if one.verdict.outcome is Outcome.FAIL]
        assert [sick[Tier.APP].ids[0] in one.reason for one in failed] == [True]


def keep_sick_hosts(world: World) -> None:
    """Auto Scaling takes its time to replace a host; here it never does."""
    world.raw("autoscaling").update_auto_scaling_group(
        AutoScalingGroupName="sc-sim-app-2", HealthCheckType="EC2"
    )


def never(_seconds: float) -> Any:
    raise TimeoutError


def deregister(world: World, name: str) -> None:
    elb = world.raw("elbv2")
    (group,) = elb.describe_target_groups(Names=[name])["TargetGroups"]
    health = elb.describe_target_health(TargetGroupArn=group["TargetGroupArn"])
    targets = [one["Target"] for one in health["TargetHealthDescriptions"]]
    elb.deregister_targets(TargetGroupArn=group["TargetGroupArn"], Targets=targets)


@dataclass
class Counted:
    """Remembers when metrics were collected."""

    collected: list[float] = field(default_factory=list)

    def over(self, real: Metrics) -> Metrics:
        counted = self

        class Over(Wrapped):
            def collect(self, arms: Sequence[Arms], **asked: Any) -> Collected:
                if any(one.blue for one in arms):
                    counted.collected.append(asked["until"])
                return super().collect(arms, **asked)

        return Over(real)


class Wrapped:
    """Metrics that answer as the real ones."""

    def __init__(self, real: Metrics) -> None:
        self.real = real

    def collect(self, arms: Sequence[Arms], **asked: Any) -> Collected:
        return self.real.collect(arms, **asked)

    def requests(self, target_group: TargetGroup, *, since: float, until: float) -> int | None:
        return self.real.requests(target_group, since=since, until=until)

    def p95_ms(self, target_group: TargetGroup, *, since: float, until: float) -> float | None:
        return self.real.p95_ms(target_group, since=since, until=until)

    def halves(self, arms: Arms, **asked: Any) -> tuple[Halves, ...]:
        return self.real.halves(arms, **asked)


class TestBlue:
    @pytest.mark.parametrize(
        ("percent", "requests", "repeats"),
        [
            (5, 1, 5),
            (10, 1, 6),
            (25, 1, 10),
            (50, 1, 20),
            (25, 3, 26),
            (50, 3, None),
            (95, 1, None),
            (100, 1, None),
        ],
    )
    def test_blame_needs_so_many_failures_that_green_cannot_explain(
        self, percent: int, requests: int, repeats: int | None
    ) -> None:
        assert repeats_for_blue(percent, requests) == repeats
        if repeats is not None:
            assert (1 - (1 - percent / 100) ** requests) ** repeats <= 1e-6

    def test_a_function_down_on_both_fleets_holds_and_the_release_goes_on_afterwards(self) -> None:
        world = Watched(policy=POLICY.replace('extension = "60s"', 'extension = "200s"') + LOGIN)
        world.serve()
        world.load(200)
        world.cloud.traffic.rates = {"/api/feed": 200.0}
        world.when_watching(10, lambda: breaks(world, "v1.0.0", "v1.2.0"), after=3)
        world.when_watching(10, world.behaviours.clear, after=12)
        result = world.promote()
        assert result.ending is Ending.RELEASED, f"{result}\n{world.story()}"
        held = [e for e in world.said(VerdictGiven) if e.verdict.hold]
        assert held
        assert "blue fails its probes of login" in held[0].verdict.reason

    def test_a_function_down_on_green_alone_is_not_excused_by_what_green_answers_at_the_front_door(
        self,
    ) -> None:
        world = Watched(policy=POLICY + LOGIN)
        world.serve()
        world.cloud.traffic.rates = {"/api/feed": 200.0}
        world.when_watching(50, lambda: breaks(world, "v1.2.0"), after=2)
        result = world.promote()
        assert result.ending is Ending.ROLLED_BACK, world.story()
        assert not [e for e in world.said(VerdictGiven) if "blue fails" in e.verdict.reason]


def fifteen(arm: Color, start: float, *, errors: int, slow_ms: Sequence[float]) -> Period:
    return Period(
        source="prometheus",
        tier=Tier.APP,
        arm=arm,
        start=start,
        seconds=15.0,
        requests=300,
        errors=errors,
        slow=tuple((ms, round(300 * 0.75**place)) for place, ms in enumerate(slow_ms)),
    )


class Feed(Wrapped):
    """Beside the real metrics, a second source every 15 s that knows `errors` of green."""

    errors: int = 0
    fails: str = ""
    silent_balancer: bool = False
    latency: bool = False

    def collect(self, arms: Sequence[Arms], **asked: Any) -> Collected:
        real = Collected() if self.silent_balancer else super().collect(arms, **asked)
        if self.fails:
            return replace(real, troubles=(f"metrics broken: prometheus: {self.fails}",))
        first, last = int(asked["since"] // 15) + 1, int((asked["until"] - 15) // 15)
        slow_ms = asked["slow_ms"].get(Tier.APP, ()) if self.latency else ()
        beside_blue = arms[0].blue is not None
        own = [
            fifteen(
                arm,
                number * 15.0,
                errors=self.errors if arm is Color.GREEN and beside_blue else 0,
                slow_ms=slow_ms,
            )
            for number in range(first, last)
            for arm in Color
        ]
        periods = sorted((*real.periods, *own), key=lambda period: period.start)
        return replace(real, periods=tuple(periods))


BOTH = '[metrics]\nerrors = ["cloudwatch", "prometheus"]\n'
"""Appended to a policy: the second source is played by `Feed`."""


def fed(feed: Feed, policy: str = AT_THE_PACE_OF_AWS, settings: Settings = SLOW_CLOUD) -> Watched:
    table = BOTH + ('latency = "prometheus"\n' if feed.latency else "")
    world = Watched(
        policy=policy + table + '[metrics.prometheus]\nurl = "http://127.0.0.1:9/"\n', settings=settings
    )
    world.serve(seconds=400)

    def over(real: Metrics) -> Metrics:
        from bluegreen.adapters.metrics.combined import CombinedMetrics
        from bluegreen.policy import MetricsPolicy

        assert isinstance(real, CombinedMetrics)
        feed.real = CombinedMetrics(real._balancer, {}, MetricsPolicy())
        return feed

    world.metrics = over
    return world


class TestSources:
    def test_a_fifteen_second_feed_rolls_back_within_a_minute(self) -> None:
        feed = Feed(None)  # type: ignore[arg-type]  # set when the world is opened
        world = fed(feed)
        bad = world.when_watching(10, lambda: setattr(feed, "errors", 15), after=4)
        result = world.promote()
        assert result.ending is Ending.ROLLED_BACK, world.story()
        (decided,) = world.at(Decided)
        assert decided.at - bad[0] <= 75

    def test_promotion_waits_for_the_settled_counts_of_the_balancer(self) -> None:
        """A perfect 15 s feed is not enough: CloudWatch feeds the errors, too."""
        feed = Feed(None)  # type: ignore[arg-type]  # as above
        feed.silent_balancer = feed.latency = True
        world = fed(feed)
        result = world.promote()
        assert result.ending is Ending.HALTED, world.story()
        assert "no settled data of this step yet from cloudwatch (app)" in result.words
        assert world.weights()["app"]["v1.0.0"] == 90

    def test_both_sources_together_promote(self) -> None:
        world = fed(Feed(None))  # type: ignore[arg-type]  # as above
        assert world.promote().ending is Ending.RELEASED, world.story()

    def test_a_failed_source_is_named_holds_and_then_asks(self) -> None:
        feed = Feed(None)  # type: ignore[arg-type]  # as above
        world = fed(feed)
        world.when_watching(10, lambda: setattr(feed, "fails", "HTTP 503"), after=3)
        result = world.promote()
        assert result.ending is Ending.HALTED, world.story()
        assert "hold: metrics broken: prometheus: HTTP 503; meanwhile: " in result.words
        (warned,) = world.said(Warned, "prometheus")
        assert "holding at 10 %" in warned.words
        assert not [e for e in world.said(VerdictGiven) if e.verdict.outcome is Outcome.FAIL]

    def test_a_source_that_comes_back_lets_the_release_go_on(self) -> None:
        feed = Feed(None)  # type: ignore[arg-type]  # as above
        world = fed(feed)
        world.when_watching(10, lambda: setattr(feed, "fails", "HTTP 503"), after=3)
        world.when_watching(10, lambda: setattr(feed, "fails", ""), after=6)
        assert world.promote().ending is Ending.RELEASED, world.story()

    def test_what_the_others_show_still_fails_a_release(self) -> None:
        feed = Feed(None)  # type: ignore[arg-type]  # as above
        world = fed(feed)
        world.behaviours["v1.2.0"] = Behaviour(error_rate=0.2, latency=LATENCY)
        feed.fails = "HTTP 429"
        result = world.promote()
        assert result.ending is Ending.ROLLED_BACK, world.story()
        assert "errors" in result.words


class TestCloudWatchAway:
    def test_holds_then_asks_and_never_takes_back(self) -> None:
        world = Watched()
        world.serve()
        away = Fault(effect=Effect.THROTTLE, service="cloudwatch", action="GetMetricData", times=0)
        world.when_watching(10, lambda: world.faults.add(away), after=2)
        result = world.promote()
        assert result.ending is Ending.HALTED, world.story()
        assert "metrics broken: cloudwatch" in result.words
        assert world.weights()["app"]["v1.0.0"] == 90

    def test_from_the_start(self) -> None:
        world = Watched()
        world.serve()
        world.faults.add(Fault(effect=Effect.THROTTLE, service="cloudwatch", action="GetMetricData", times=0))
        result = world.promote()
        assert result.ending is Ending.HALTED, world.story()
        assert "blue's figures are unknown" in result.words

    def test_a_bad_release_is_found_by_its_probes_all_the_same(self) -> None:
        world = Watched(policy=POLICY + LOGIN)
        world.serve()
        away = Fault(effect=Effect.THROTTLE, service="cloudwatch", action="GetMetricData", times=0)
        world.when_watching(10, lambda: (world.faults.add(away), breaks(world, "v1.2.0")), after=2)
        # It answers again by the time that green's requests must be seen to have stopped.
        world.listeners.append(lambda e: world.faults.clear() if quiet(e) else None)
        assert world.promote().ending is Ending.ROLLED_BACK, world.story()


class Revising(Wrapped):
    """Counts one failed request more when asked again."""

    def collect(self, arms: Sequence[Arms], **asked: Any) -> Collected:
        real = super().collect(arms, **asked)
        if len(arms) == 1 and arms[0].blue is None:
            return real
        known = REVISED.setdefault("first", {})
        periods = []
        for period in real.periods:
            again = (period.arm, period.start) in known
            known[period.arm, period.start] = True
            periods.append(replace(period, errors=period.errors + 1) if again and period.requests else period)
        return replace(real, periods=tuple(periods))


REVISED: dict[str, dict[Any, bool]] = {}


def test_a_revised_period_is_told_once_and_not_judged_again() -> None:
    REVISED.clear()
    world = Watched()
    world.serve()
    world.metrics = Revising
    result = world.promote()
    assert result.ending is Ending.RELEASED, world.story()
    told = world.said(StepProgress, "was revised from 0 of ")
    assert told
    assert "to 1 of " in told[0].words
    assert len({event.words for event in told}) == len(told)


FINE = lognormal(parts=200)
MIXED = tuple(Random(3).sample(FINE, len(FINE)))
"""Few requests walk through the latencies one by one: not from the fastest to the slowest."""


def few(policy: str, rate: float) -> Watched:
    """A stack whose users send `rate` requests a second."""
    world = Watched(policy=policy)
    for version in ("v1.0.0", "v1.2.0"):
        world.behaviours[version] = Behaviour(latency=MIXED)
    world.serve(rate=rate, seconds=200)
    return world


class Balanced:
    """Own requests are counted by the balancer as any others."""

    def __init__(self, real: Prober, world: World) -> None:
        self.real, self.world = real, world
        self.sent: list[bool] = []
        self.routes: list[Any] = []
        route = type(world.cloud.traffic).route

        def remembering(path: str, headers: Mapping[str, str] | None = None) -> Any:
            self.routes.append(route(world.cloud.traffic, path, headers))
            return self.routes[-1]

        world.cloud.traffic.route = remembering  # type: ignore[method-assign]  # to know whom it was sent to

    def send(self, request: Request) -> Answer:
        answer = self.real.send(request)
        self.sent.append(PREVIEW_HEADER in request.headers)
        counters: Mapping[str, Any] = {
            "requests": 1,
            f"{max(answer.status // 100, 2)}xx": 1,
            "latency": [(MIXED[len(self.sent) % len(MIXED)][0], 1)],
        }
        at = self.world.cloud.clock.now() - 1.0
        self.world.cloud.balancer_metrics.ingest({"at": at, "groups": {self.routes[-1].group: counters}})
        return answer


class TestUsersWhoComeDuringTheRamp:
    """Nobody came in the hour before, so blue's usual latency is unknown when the ramp begins."""

    @pytest.mark.parametrize(("slower", "ending"), [(1.0, Ending.RELEASED), (4.0, Ending.ROLLED_BACK)])
    def test_are_judged_by_their_latency_too(self, slower: float, ending: Ending) -> None:
        world = Watched(policy=POLICY.replace('extension = "60s"', 'extension = "200s"'))
        world.behaviours["v1.2.0"] = Behaviour(latency=lognormal(3 * slower))
        world.behaviours["v1.0.0"] = Behaviour(latency=lognormal(3))
        world.serve(rate=0)
        assert world.when_watching(10, lambda: world.load(400.0), after=3) == []
        result = world.promote()
        assert result.ending is ending, world.story()
        before, then = world.said(BaselineMeasured)
        assert before.baseline.p95_ms == {}
        assert then.words.startswith("blue's p95, with traffic now: app ")
        assert then.baseline == replace(before.baseline, p95_ms=then.baseline.p95_ms)


class TestLittleTraffic:
    def test_the_run_warns_at_its_first_step_and_asks_with_the_evidence(self) -> None:
        world = few(POLICY + LOGIN, 2.0)
        result = world.promote()
        assert result.ending is Ending.HALTED, world.story()
        (warned,) = world.said(Warned, "too little for a pass at 10 %, 50 %")
        assert "app: about 2 requests/s" in warned.words
        assert "probes.synthetic" in warned.words
        assert "too little traffic" in result.words

    def test_enough_traffic_is_no_warning(self) -> None:
        world = Watched(policy=POLICY + LOGIN)
        world.serve(rate=400.0, seconds=60)
        assert world.promote().ending is Ending.RELEASED, world.story()
        assert world.said(Warned) == []

    def test_synthetic_requests_raise_the_counts_of_both_fleets(self) -> None:
        sending = LOGIN + '[stacks.sim.probes]\nsynthetic = "40/s"\n'
        slower = POLICY.replace('period = "1s"', 'period = "10s"').replace('bake = "30s"', 'bake = "60s"')
        slower = slower.replace('settle = "3s"', 'settle = "10s"')
        world = few(slower + sending, 2.0)
        provers: list[Balanced] = []

        def balanced(real: Prober) -> Prober:
            provers.append(Balanced(real, world))
            return provers[-1]

        world.prober = balanced
        result = world.promote()
        assert result.ending is Ending.RELEASED, f"{result}\n{world.story()}"
        sent = [preview for prober in provers for preview in prober.sent]
        assert sum(sent) > 1_000
        assert len(sent) - sum(sent) > 1_000

    def test_nothing_synthetic_is_sent_where_users_are_enough(self) -> None:
        sending = LOGIN + '[stacks.sim.probes]\nsynthetic = "40/s"\n'
        world = Watched(policy=POLICY + sending)
        world.serve(rate=400.0, seconds=60)
        provers: list[Balanced] = []

        def balanced(real: Prober) -> Prober:
            provers.append(Balanced(real, world))
            return provers[-1]

        world.prober = balanced
        assert world.promote().ending is Ending.RELEASED, world.story()
        assert sum(len(prober.sent) for prober in provers) < 500


PROBES_DECIDE = (
    POLICY.replace('ramp = ["10%", "50%"]', 'ramp = ["50%"]')
    + LOGIN
    + '[stacks.sim.judge]\nwithout_traffic = "probes"\n'
)
"""As deploy.toml has it for stacks of developers."""


class TestNoUsers:
    """The balancer counts our own requests as any others; they are nobody's traffic."""

    def quiet(self, policy: str = PROBES_DECIDE, rate: float = 0.0) -> Watched:
        world = few(policy, rate)
        world.cloud.traffic.rates = {"/api/feed": rate}
        world.prober = lambda real: Balanced(real, world)
        return world

    def test_the_probes_decide(self) -> None:
        world = self.quiet()
        result = world.promote()
        assert result.ending is Ending.RELEASED, f"{result}\n{world.story()}"
        passed = [e.verdict.reason for e in world.said(VerdictGiven) if e.verdict.outcome is Outcome.PASS]
        assert len(passed) == 2
        for reason in passed:
            assert "too little user traffic for a verdict: app: about " in reason
            users = int(reason.split("about ")[1].split()[0])
            assert users <= 10, "our own requests, hundreds by now, are no user's"

    def test_without_the_word_of_the_policy_people_are_asked(self) -> None:
        world = self.quiet(PROBES_DECIDE.replace('"probes"', '"ask"'))
        assert world.promote().ending is Ending.HALTED, world.story()

    def test_a_key_function_that_fails_is_rolled_back(self) -> None:
        world = self.quiet()
        world.when_watching(50, lambda: breaks(world, "v1.2.0"), after=3)
        result = world.promote()
        assert result.ending is Ending.ROLLED_BACK, f"{result}\n{world.story()}"
        assert "login" in result.words

    def test_a_few_users_without_errors_do_not_hinder_the_probes(self) -> None:
        world = self.quiet(rate=2.0)
        assert world.promote().ending is Ending.RELEASED, world.story()

    def test_what_users_got_is_not_overruled(self) -> None:
        """Every request to another page than the one that is probed fails in part."""
        world = self.quiet(rate=2.0)
        some = Behaviour(latency=MIXED, error_rate=0.03)
        # The probed page works: its own counters of errors are not the users'.
        world.when_watching(50, lambda: world.behaviours.update({"v1.2.0": some}), after=2)
        spread = world.cloud.traffic._spread
        count = spread.count
        spread.count = lambda key, part: 0 if "probe" in key else count(key, part)  # type: ignore[method-assign,assignment]
        result = world.promote()
        assert result.ending is not Ending.RELEASED, world.story()
        if result.ending is Ending.HALTED:
            assert "user requests failed (cloudwatch)" in result.words

    def test_synthetic_requests_are_no_users_either(self) -> None:
        policy = PROBES_DECIDE + '[stacks.sim.probes]\nsynthetic = "1/s"\n'
        world = self.quiet(policy)
        assert world.promote().ending is Ending.RELEASED, world.story()
        (told,) = {
            e.verdict.reason.split("about ")[1].split()[0]
            for e in world.said(VerdictGiven)
            if "too little user traffic" in e.verdict.reason and e.percent == 50
        }
        assert int(told) <= 20

    def test_a_source_that_counts_nothing_does_not_work(self) -> None:
        """Our own requests must be in its counts; else nobody knows what it would say of users."""
        world = few(PROBES_DECIDE, 0.0)
        result = world.promote()
        assert result.ending is Ending.HALTED, world.story()
        assert result.words.startswith("paused at 50 %"), result.words

    def test_green_alone_is_counted_where_no_probe_can_be_sent_to_blue(self) -> None:
        """At 50 % a test of three requests can blame nothing on blue: only the preview rule is used."""
        policy = PROBES_DECIDE.replace(
            'path = "/api/login"',
            'path = "/api/login"\n[[smoke.steps]]\npath = "/api/a"\n[[smoke.steps]]\npath = "/api/b"',
        )
        world = self.quiet(policy)
        assert world.promote().ending is Ending.RELEASED, world.story()
        assert not [e for e in world.said(VerdictGiven) if "nothing on blue" in e.verdict.reason]


def test_target_groups_are_named_for_sources_that_know_no_arn() -> None:
    world = Watched()
    world.serve()
    asked: list[Arms] = []

    class Over(Wrapped):
        def collect(self, arms: Sequence[Arms], **more: Any) -> Collected:
            asked.extend(arms)
            return super().collect(arms, **more)

    world.metrics = Over
    assert world.promote().ending is Ending.RELEASED, world.story()
    pair = next(one for one in asked if one.blue)
    assert pair.blue is not None
    named = [
        (one.name, one.tags[Tag.TIER], one.tags[Tag.RELEASE], one.tags[Tag.DEPLOYMENT])
        for one in (pair.blue, pair.green)
    ]
    assert named == [("sc-sim-app-1", "app", "v1.0.0", "1"), ("sc-sim-app-2", "app", "v1.2.0", "2")]


def test_a_source_that_raises_is_a_hold_and_no_crash() -> None:
    class Away(Wrapped):
        def collect(self, arms: Sequence[Arms], **more: Any) -> Collected:
            raise CloudUnavailable("cloudwatch: away")

    world = Watched()
    world.serve()
    world.metrics = Away
    result = world.promote()
    assert result.ending is Ending.HALTED, world.story()
    assert "cloudwatch: away" in result.words


def test_the_next_step_probes_no_sooner_than_the_interval_after_the_last_one() -> None:
    # Looks come every 2 s: a step may end at one that had nothing to probe.
    policy = POLICY.replace('[probes]\ninterval = "2s"', '[probes]\ninterval = "3s"') + LOGIN
    world = Watched(policy=policy)
    world.serve()
    assert world.promote().ending is Ending.RELEASED, world.story()
    assert [one.verdict.reason for one in world.said(VerdictGiven) if "broken" in one.verdict.reason] == []
    periods = [one for event in world.said(Measured) for one in event.periods]
    starts = sorted(one.start for one in periods if one.source == "probes" and one.arm is Color.GREEN)
    assert len(starts) > 10
    assert min(later - earlier for earlier, later in pairwise(starts)) >= world.policy.probes.interval - 1e-6


class TestRulesThatTakeTheirTime:
    """A rule change reaches the balancer's nodes one by one: an old answer within the dwell is no fault."""

    LATE = replace(SLOW_CLOUD, rule_propagation_seconds=18.0)

    @staticmethod
    def last_first(calls: Sequence[Callable[[], Any]]) -> list[Any]:
        """Smoke tests before the version check, which waits for the rule: threads may end so."""
        return in_turn(calls[::-1])[::-1]

    def test_the_first_release_waits_for_its_rule_before_it_is_verified(self) -> None:
        world = Watched(policy=AT_THE_PACE_OF_AWS + LOGIN, settings=self.LATE, parallel=self.last_first)
        deployer = world.deployer()
        result = deployer.run(deployer.plan_promotion("v1.0.0"))
        assert result.ending is Ending.RELEASED, world.story()

    def test_a_rollback_is_not_halted_by_answers_of_the_release_that_is_rolled_back(self) -> None:
        world = Watched(policy=AT_THE_PACE_OF_AWS + LOGIN, settings=self.LATE, parallel=self.last_first)
        world.serve(seconds=400)
        world.when_watching(50, lambda: breaks(world, "v1.2.0"), after=4)
        result = world.promote()
        assert result.ending is Ending.ROLLED_BACK, f"{result}\n{world.story()}"
        assert world.weights() == {"app": {"v1.0.0": 100}}

    def test_what_fails_beyond_the_dwell_is_a_fault(self) -> None:
        world = Watched(policy=AT_THE_PACE_OF_AWS + LOGIN, settings=self.LATE, parallel=self.last_first)
        world.serve(seconds=400)
        broken = world.when_watching(100, lambda: breaks(world, "v1.2.0"), after=1)
        result = world.promote()
        assert broken
        assert result.ending is Ending.ROLLED_BACK, f"{result}\n{world.story()}"
