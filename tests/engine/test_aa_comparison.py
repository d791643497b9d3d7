"""A/A on the simulated stack: in space where a source can split a fleet, in time everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from bluegreen.contract import Tier
from bluegreen.domain.measurement import Metric, Period
from bluegreen.domain.release import Color
from bluegreen.domain.reports import AAComparison
from bluegreen.engine.checks.doctor import examine
from bluegreen.engine.watch.aa_comparison import aa_comparison
from bluegreen.errors import CloudUnavailable, Refused
from bluegreen.lab.cloud.behaviour import Behaviour
from bluegreen.lab.faults import Effect, Fault
from bluegreen.ports import Arms, Collected, Halves
from tests.engine.test_watch import Watched, Wrapped
from tests.world import LATENCY


def compare(world: Watched, seconds: float) -> tuple[AAComparison, ...]:
    return aa_comparison(world.contract, world.policy, world.ports(), seconds=seconds)


def compared(world: Watched, seconds: float) -> dict[str, AAComparison]:
    return {one.words: one for one in compare(world, seconds)}


def noise(one: AAComparison, metric: Metric) -> Any:
    return next(some for some in one.noises if some.metric is metric)


BEFORE = "now against the time before it"


def test_a_fleet_that_stays_the_same_is_quiet() -> None:
    world = Watched()
    world.serve(rate=200, seconds=130)
    found = compared(world, 60)
    assert set(found) == {BEFORE}
    assert found[BEFORE].source == "cloudwatch"
    errors, latency = (noise(found[BEFORE], metric) for metric in (Metric.ERRORS, Metric.LATENCY))
    assert errors.quiet
    assert latency.quiet
    assert errors.tier is Tier.APP
    assert errors.periods > 40


def test_a_fleet_that_got_worse_by_itself_is_named() -> None:
    world = Watched()
    world.serve(rate=200, seconds=64)
    world.cloud.advance()
    world.behaviours["v1.0.0"] = Behaviour(error_rate=0.03, latency=LATENCY)
    world.clock.sleep(64)
    errors = noise(compared(world, 60)[BEFORE], Metric.ERRORS)
    assert not errors.quiet
    assert errors.ratio > 10
    assert "raise the acceptable level" in errors.words


def test_the_day_before_is_preferred_to_the_hour_before() -> None:
    class Yesterday(Wrapped):
        """Knows the same traffic a day ago."""

        def collect(self, arms: Sequence[Arms], **asked: Any) -> Collected:
            day = 86_400.0
            if asked["until"] > world.clock.now() - 3_600:
                return super().collect(arms, **asked)
            now = super().collect(
                arms, **(asked | {"since": asked["since"] + day, "until": asked["until"] + day})
            )
            return Collected(periods=tuple(replace(one, start=one.start - day) for one in now.periods))

    world = Watched()
    world.serve(rate=200, seconds=130)
    world.metrics = Yesterday
    assert set(compared(world, 60)) == {"now against the day before"}


def half(arm: Color, start: float, *, errors: int) -> Period:
    return Period(
        source="cloudwatch", tier=Tier.APP, arm=arm, start=start, seconds=1.0, requests=1_000, errors=errors
    )


@pytest.mark.parametrize(("errors", "quiet"), [(1, True), (30, False)])
def test_zones_are_compared_at_the_same_time(errors: int, *, quiet: bool) -> None:
    class Zoned(Wrapped):
        def halves(self, arms: Arms, **asked: Any) -> tuple[Halves, ...]:
            periods = [
                half(arm, asked["since"] + second, errors=errors if arm is Color.GREEN else 1)
                for second in range(40)
                for arm in Color
            ]
            return (
                Halves(words="1a against 1c", periods=tuple(periods)),
                Halves(words="nothing", periods=()),
            )

    world = Watched()
    world.serve(rate=200, seconds=130)
    world.metrics = Zoned
    found = compared(world, 60)
    assert set(found) == {"1a against 1c", BEFORE}
    assert noise(found["1a against 1c"], Metric.ERRORS).quiet is quiet


def test_nothing_to_compare_is_refused_with_the_reason() -> None:
    world = Watched()
    with pytest.raises(Refused, match="nothing serves"):
        compare(world, 60)
    world.serve(rate=0, seconds=60)
    with pytest.raises(Refused, match="no traffic on both halves"):
        compare(world, 60)


def test_metrics_that_are_away_are_no_missing_traffic() -> None:
    world = Watched()
    world.serve(rate=200, seconds=130)
    world.faults.add(Fault(effect=Effect.THROTTLE, service="cloudwatch", action="GetMetricData", times=0))
    with pytest.raises(CloudUnavailable, match="cloudwatch"):
        compare(world, 60)


class TestDoctor:
    """Whether the sources answer is known before a release."""

    def check(self, world: Watched) -> Any:
        found = examine(world.contract, world.policy, world.ports())
        return next(one for one in found if one.name == "metrics")

    def test_says_what_is_measured(self) -> None:
        world = Watched()
        assert self.check(world).ok is None
        world.serve(rate=200, seconds=130)
        found = self.check(world)
        assert found.ok is True
        assert found.words.startswith("cloudwatch: app ")
        assert "requests/s" in found.words

    def test_names_a_source_that_objects_or_fails(self) -> None:
        class Objects(Wrapped):
            def collect(self, arms: Sequence[Arms], **asked: Any) -> Collected:
                real = super().collect(arms, **asked)
                return replace(
                    real, troubles=("prometheus: app green: took has no bucket from 117 to 234 ms",)
                )

        world = Watched()
        world.serve(rate=200, seconds=130)
        world.metrics = Objects
        found = self.check(world)
        assert found.ok is False
        assert "has no bucket" in found.words
        world.metrics = Wrapped
        world.faults.add(Fault(effect=Effect.THROTTLE, service="cloudwatch", action="GetMetricData", times=0))
        away = self.check(world)
        assert away.ok is None
        assert "cloudwatch" in away.words
