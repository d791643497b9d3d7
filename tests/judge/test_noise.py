"""A/A comparisons: equal halves are quiet, unequal ones are named."""

from bluegreen.contract import Tier
from bluegreen.domain.measurement import Metric
from bluegreen.judge.noise import fleet_noise
from bluegreen.policy import Judging
from tests.judge.traffic import BASELINE, GOOD, Fleet, Traffic

LIMITS = Judging()


def test_equal_halves_are_quiet() -> None:
    found = fleet_noise(Traffic(labels=10).periods({0: 50}, 1_200), limits=LIMITS, baseline=BASELINE)
    assert [one.metric for one in found] == [Metric.ERRORS, Metric.LATENCY, Metric.ACCURACY]
    for one in found:
        assert one.quiet
        assert 0.5 < one.dispersion < 2
        assert "above the noise" in one.words


def test_a_slower_half_is_named_whichever_it_is() -> None:
    slow = Fleet(slow=(0.12, 0.1, 0.075))
    for halves in ({"green": lambda _: slow}, {"blue": lambda _: slow}):
        found = fleet_noise(Traffic(**halves).periods({0: 50}, 1_200), limits=LIMITS, baseline=BASELINE)
        (latency,) = [one for one in found if one.metric is Metric.LATENCY]
        assert not latency.quiet
        assert latency.ratio > 2
        assert "raise the acceptable level" in latency.words


def test_fleets_that_take_turns_show_as_dispersion() -> None:
    def moody(at: float) -> Fleet:
        return Fleet(errors=0.008) if int(at / 60) % 2 else GOOD

    traffic = Traffic(green=moody, blue=lambda at: moody(at + 60))
    (errors, _) = fleet_noise(traffic.periods({0: 50}, 1_200), limits=LIMITS, baseline=BASELINE)
    assert errors.ratio < 1.2
    assert errors.dispersion > 3


def test_few_periods_are_said_so() -> None:
    found = fleet_noise(Traffic().periods({0: 50}, 120), limits=LIMITS, baseline=BASELINE)
    assert all("measure longer" in one.words for one in found)
    assert all(one.tier is Tier.APP for one in found)


def test_nothing_measured_is_nothing_found() -> None:
    assert fleet_noise([], limits=LIMITS, baseline=BASELINE) == ()
