"""The error rates the judge promises: expectations under the null, exactly, by summing every outcome."""

from itertools import product
from math import comb, exp, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluegreen.judge.eprocess import FailProcess, PassProcess, Window
from bluegreen.judge.evidence import Counts, KnownShare, OneArm, Test, TwoArms, log_mean_exp

rates = st.floats(0.0, 1.0)
few = st.integers(1, 6)


def binomial(n: int, p: float) -> list[float]:
    return [comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]


PLAIN = Counts(0, 0)


def expected(
    test: Test, green: int, green_rate: float, blue: int, blue_rate: float, *, how: Counts = PLAIN
) -> list[float]:
    """E L for every alternative, over all outcomes of one batch."""
    total = [0.0] * len(test)
    for (kg, pg), (kb, pb) in product(
        enumerate(binomial(green, green_rate)), enumerate(binomial(blue, blue_rate))
    ):
        ratios = test.log_ratios(how._replace(green_bad=kg, green=green, blue_bad=kb, blue=blue))
        total = [sum_ + pg * pb * exp(ratio) for sum_, ratio in zip(total, ratios, strict=True)]
    return total


@given(n=few, null=st.floats(0.01, 0.5), below=st.floats(0, 1), factor=st.floats(1.01, 1.9))
def test_one_arm_expects_no_evidence_from_an_acceptable_release(
    n: int, null: float, below: float, factor: float
) -> None:
    worse, better = OneArm(null, [null * factor]), OneArm(null, [null / factor])
    assert expected(worse, n, null * below, 0, 0.0)[0] <= 1 + 1e-9
    above = null + (1 - null) * below
    assert expected(better, n, above, 0, 0.0)[0] <= 1 + 1e-9
    assert expected(worse, n, null, 0, 0.0)[0] == pytest.approx(1.0)
    known = Counts(0, 0, null=null)
    assert expected(KnownShare([factor]), n, null * below, 0, 0.0, how=known)[0] <= 1 + 1e-9
    assert expected(KnownShare([1 / factor]), n, above, 0, 0.0, how=known)[0] <= 1 + 1e-9


@given(
    green=few,
    blue=few,
    blue_rate=rates,
    below=st.floats(0, 1),
    null=st.floats(0.5, 3.0),
    factor=st.floats(1.01, 12.0),
    thinning=st.sampled_from([0.0, 0.05, 0.1]),
    adjusted=st.floats(0.5, 3.0),
    slope=st.sampled_from([0.0, 0.5, 4.0]),
    phi=st.floats(1.0, 4.0),
)
def test_two_arms_expect_none_while_green_is_no_worse_than_the_tolerance(
    *, green: int, blue: int, blue_rate: float, below: float, null: float, factor: float, thinning: float,
    adjusted: float, slope: float, phi: float,
) -> None:  # fmt: skip
    """For any rate of blue, and however the batch is read: what moves both fleets cancels."""
    tolerated = min(1.0, null * adjusted * (blue_rate + thinning * (1 - blue_rate)))
    test = TwoArms(null, [factor], thinning=thinning, calm={factor: 2.0})
    how = Counts(0, 0, null=adjusted, slope=slope, phi=phi)
    assert expected(test, green, below * tolerated, blue, blue_rate, how=how)[0] <= 1 + 1e-9


@given(
    green=few, blue=few, blue_rate=rates, above=st.floats(0, 1), factor=st.floats(1.01, 4.0),
    thinning=st.sampled_from([0.0, 0.1]),
)  # fmt: skip
def test_two_arms_expect_no_pass_from_a_release_at_the_limit(
    *, green: int, blue: int, blue_rate: float, above: float, factor: float, thinning: float
) -> None:
    limit = blue_rate + thinning * (1 - blue_rate)
    test = TwoArms(1.0, [1 / factor], thinning=thinning)
    assert expected(test, green, limit + above * (1 - limit), blue, blue_rate)[0] <= 1 + 1e-9


def test_an_arm_without_traffic_says_nothing() -> None:
    test = TwoArms(1.0, [2.0])
    assert test.log_ratios(Counts(0, 0, 5, 100)) == test.log_ratios(Counts(5, 100, 0, 0)) == [0.0]


def test_the_bad_events_are_the_evidence() -> None:
    worse = TwoArms(1.0, [2.0]).log_ratios(Counts(20, 1_000, 10, 1_000))[0]
    assert worse > 0 > TwoArms(1.0, [2.0]).log_ratios(Counts(10, 1_000, 20, 1_000))[0]
    assert worse == pytest.approx(20 * log((2 / 3) / 0.5) + 10 * log((1 / 3) / 0.5))


@pytest.mark.parametrize("capped", [True, False])
@pytest.mark.parametrize("same_window", [True, False])
def test_the_fail_process_expects_to_stay_at_one(*, capped: bool, same_window: bool) -> None:
    """Ville: what starts at 1 and is not expected to grow reaches A with a chance of at most 1/A."""
    null, n = 0.3, 3
    windows = [Window(0, 0 if same_window else number, 8) for number in range(3)]
    mean = reached = 0.0
    for outcome in product(range(n + 1), repeat=3):
        process = FailProcess(OneArm(null, [0.5, 0.9]), needed=20.0, capped=capped)
        values = [process.add(Counts(k, n), window) for k, window in zip(outcome, windows, strict=True)]
        chance = 1.0
        for k in outcome:
            chance *= binomial(n, null)[k]
        mean += chance * values[-1]
        reached += chance * (max(values) >= 20.0)
    assert mean <= 1 + 1e-9
    assert reached <= 1 / 20


def test_one_window_never_decides_and_two_may() -> None:
    process = FailProcess(OneArm(0.005, [0.4]), needed=400.0)
    for _ in range(10):
        process.add(Counts(500, 500), Window(0, 0, 8))
    assert process.value < 400
    assert process.add(Counts(500, 500), Window(0, 1, 8)) >= 400


def test_probes_are_not_capped() -> None:
    process = FailProcess(OneArm(0.005, [0.5, 0.95]), needed=400.0, capped=False)
    values = [process.add(Counts(1, 1), Window(0, number, 100)) for number in range(3)]
    assert values[1] < 400 * 50
    assert values[2] >= 400


def test_a_late_onset_costs_no_more_than_its_share_of_the_prior() -> None:
    """An hour of good batches does not outweigh a defect that begins then."""
    process = FailProcess(OneArm(0.005, [0.02, 0.05]), needed=400.0)
    for number in range(240):
        process.add(Counts(1, 1_000), Window(0, number, 240))
    late = [process.add(Counts(50, 1_000), Window(0, 240 + number, 240)) for number in range(4)]
    assert late[-1] >= 400


def test_the_prior_is_never_overspent() -> None:
    process = FailProcess(OneArm(0.5, [0.6]), needed=400.0)
    for step in range(9):
        for number in range(200):
            process.add(Counts(0, 0), Window(step, number, 50))
            assert process.value == pytest.approx(1.0)


def test_a_pass_begins_anew_after_a_reset() -> None:
    process = PassProcess(OneArm(0.01, [0.001]))
    process.add(Counts(0, 2_000))
    assert process.log_value > log(100)
    process.reset()
    assert process.log_value == 0


@given(st.lists(st.floats(-800, 800), min_size=1, max_size=6))
def test_the_mean_of_exponentials_does_not_overflow(values: list[float]) -> None:
    assert min(values) - 1e-9 <= log_mean_exp(values) <= max(values) + 1e-9
