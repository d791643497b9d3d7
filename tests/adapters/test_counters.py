"""Raw samples to counts: resets, series that begin, gaps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluegreen.adapters.metrics.buckets import exceedances, unfit
from bluegreen.adapters.metrics.counters import GAP, Increases, Series, increases
from bluegreen.errors import CloudUnavailable

T0 = 1_800_000_000.0
NAME = "http_requests_total"


def series(*samples: tuple[float, float], name: str = NAME, **labels: str) -> Series:
    return Series(
        name=name, labels={"instance_id": "i-1", **labels}, samples=[(T0 + at, v) for at, v in samples]
    )


def rises(*given: Series, period: float = 15.0) -> list[dict[int, int]]:
    """By period, counted from T0."""
    found = increases(given, period=period, instance_label="instance_id")
    return [{number - round(T0 / period): rise for number, rise in one.by_period.items()} for one in found]


def test_a_rise_belongs_to_the_period_of_its_scrape() -> None:
    assert rises(series((7, 100), (22, 130), (37, 130), (52, 131))) == [{0: 0, 1: 30, 2: 0, 3: 1}]


def test_a_scrape_on_the_border_ends_a_period() -> None:
    assert rises(series((0, 10), (15, 14), (30, 19))) == [{-1: 0, 0: 4, 1: 5}]


def test_a_restart_counts_from_zero() -> None:
    assert rises(series((7, 5000), (22, 5030), (37, 12), (52, 20))) == [{0: 0, 1: 30, 2: 12, 3: 8}]


def test_the_first_5xx_of_an_instance_is_counted() -> None:
    good = series((7, 100), (22, 200), (37, 300), status="200")
    bad = series((37, 3), status="500")
    assert rises(good, bad) == [{0: 0, 1: 100, 2: 100}, {2: 3}]


def test_a_new_instance_begins_to_count_with_its_second_scrape() -> None:
    old, new = series((7, 1), (22, 2), (37, 3)), series((22, 9_000), (37, 9_010), instance_id="i-2")
    assert rises(old, new)[1] == {1: 0, 2: 10}


def test_a_metric_that_its_target_did_not_have_before_counts_from_zero() -> None:
    where = {"job": "application", "instance": "127.0.0.1:8080"}
    histogram = series((7, 0), (22, 0), (37, 80), name="took_bucket", le="+Inf", **where)
    assert rises(histogram, series((37, 80), status="200", **where))[1] == {2: 80}


def test_another_target_of_the_same_instance_does_not_make_it_known() -> None:
    app = series((7, 1), (22, 2), job="application", instance="127.0.0.1:8080")
    ai = series((9, 700), (24, 701), job="ai", instance="127.0.0.1:8081")
    assert rises(app, ai)[1] == {0: 0, 1: 1}


def test_a_short_gap_is_bridged_and_a_long_one_is_not() -> None:
    short, long = series((7, 100), (7 + GAP, 180)), series((7, 100), (7 + GAP + 15, 180))
    assert rises(short) == [{0: 0, 4: 80}]
    assert rises(long) == [{0: 0, 5: 0}]


@given(
    st.lists(st.integers(0, 50), min_size=2, max_size=40),
    st.integers(0, 39),
    st.sampled_from([5.0, 15.0, 30.0]),
)
def test_nothing_is_invented_and_nothing_lost(steps: list[int], restart: int, period: float) -> None:
    """Whatever the increments and wherever the process restarts, the sum is what was counted."""
    value, samples, counted = 1_000, [], 0
    for index, step in enumerate(steps):
        if index == restart and index:
            value = 0
        value += step
        counted += step if index else 0
        samples.append((index * 15.0 + 3, float(value)))
    (found,) = rises(series(*samples), period=period)
    # A restart that is caught up with at once cannot be told from no restart: then less is counted.
    lost = counted - sum(found.values())
    assert lost >= 0
    if not any(
        after >= before
        for before, after in [
            (samples[i - 1][1], samples[i][1]) for i in range(1, len(samples)) if i == restart
        ]
    ):
        assert lost == 0
    assert all(rise >= 0 for rise in found.values())


@given(st.integers(0, 20), st.lists(st.integers(0, 9), min_size=30, max_size=30))
def test_reading_again_from_later_gives_the_same_counts(skip: int, steps: list[int]) -> None:
    total, samples = 0.0, []
    for index, step in enumerate(steps):
        total += step
        if index % 7 != 3:
            samples.append((index * 15.0 + 2, total))
    (whole,) = rises(series(*samples))
    begin = skip * 15.0
    (again,) = rises(series(*[one for one in samples if one[0] >= begin - GAP]))
    assert {n: rise for n, rise in whole.items() if n >= skip} == {
        n: rise for n, rise in again.items() if n >= skip
    }


def buckets(**counts: int) -> list[Increases]:
    """`le0_1=5`: five requests of at most 0.1 s in period 0."""
    return [
        Increases(series=series((0, 0), name="d_bucket", le=name[2:].replace("_", ".")), by_period={0: count})
        for name, count in counts.items()
    ]


def test_slower_than_a_bound_is_all_minus_its_bucket() -> None:
    given = buckets(le0_1=60, le0_25=90, le0_5=97, **{"le+Inf": 100})
    assert exceedances(given, 0, (120.0, 150.0), 1000.0) == (100, ((100.0, 40), (250.0, 10)))
    assert exceedances(given, 0, (), 1000.0) == (100, ())
    assert exceedances(given, 1, (120.0,), 1000.0) == (0, ((100.0, 0),))


def test_buckets_that_contradict_one_another_stay_in_order() -> None:
    given = buckets(le0_1=60, le0_25=55, **{"le+Inf": 58})
    assert exceedances(given, 0, (100.0, 200.0), 1000.0) == (58, ((100.0, 0), (250.0, 0)))


@pytest.mark.parametrize(
    ("slow", "says"),
    [((200.0, 260.0), ""), ((20.0, 26.0), "too few buckets from 20 to 52 ms (bounds: 100, 250, 500 ms)"),
     ((240.0, 700.0), "too few buckets from 240 to 1400 ms"),
     ((20.0, 22.0, 26.0, 200.0, 217.0, 260.0), ""),
     ((20.0, 22.0, 26.0, 600.0, 650.0, 780.0), "too few buckets from 20 to 1560 ms")],
)  # fmt: skip
def test_buckets_that_cannot_stand_for_the_thresholds_are_named(slow: tuple[float, ...], says: str) -> None:
    given = buckets(le0_1=1, le0_25=1, le0_5=1, **{"le+Inf": 1})
    assert says in unfit(given, slow, 1000.0)
    assert bool(says) == bool(unfit(given, slow, 1000.0))


def test_a_histogram_without_its_last_bucket_or_with_nonsense_is_named() -> None:
    assert unfit(buckets(le0_25=1), (200.0,), 1000.0) == 'has no bucket le="+Inf"'
    with pytest.raises(CloudUnavailable, match="has a bucket le='fast'"):
        unfit(buckets(lefast=1), (200.0,), 1000.0)
