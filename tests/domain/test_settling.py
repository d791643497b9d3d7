"""Between a source and the judge: what is broken is named and kept out, whatever arrives."""

import math
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bluegreen.domain.measurement import Period
from bluegreen.domain.release import Color
from bluegreen.domain.settling import settle
from tests.domain.test_measurement import GOOD


def later(count: int) -> Period:
    return replace(GOOD, start=GOOD.start + 60 * count)


def test_settle_keeps_order_and_counts_each_period_once() -> None:
    result = settle([GOOD, later(1), GOOD, later(2)])
    assert result.periods == (GOOD, later(1), later(2))
    assert [str(note.faults[0]) for note in result.notes] == [f"{GOOD.name}: repeated"]
    assert not result.broken


def test_settle_reports_a_revision_and_does_not_replay_it() -> None:
    revised = replace(GOOD, requests=1_200, errors=11)
    result = settle([GOOD, revised])
    assert result.periods == (GOOD,)
    assert "was revised from 10 of 1000 to 11 of 1200" in str(result.notes[0].faults[0])


def test_settle_calls_a_shrinking_count_broken() -> None:
    result = settle([GOOD, replace(GOOD, requests=900, slow=())])
    assert result.periods == (GOOD,)
    assert "shrank" in str(result.broken[0].faults[0])


def test_settle_uses_a_late_period_and_says_so() -> None:
    result = settle([GOOD, later(2), later(1)])
    assert result.periods == (GOOD, later(2), later(1))
    assert "arrived after a later one" in str(result.notes[0].faults[0])


def test_settle_refuses_overlap_after_a_clock_jump() -> None:
    jumped = replace(GOOD, start=GOOD.start + 30)
    result = settle([GOOD, jumped])
    assert result.periods == (GOOD,)
    assert "clock or period changed" in str(result.broken[0].faults[0])
    assert result.broken[0].position == 1


def test_settle_keeps_what_is_broken_out() -> None:
    bad = replace(GOOD, errors=5_000)
    result = settle([bad, later(1)])
    assert result.periods == (later(1),)
    assert result.broken[0].period is bad
    assert result.broken[0].position == 0


def test_streams_do_not_disturb_each_other() -> None:
    others = [replace(GOOD, arm=Color.BLUE), replace(GOOD, source="prometheus"), replace(GOOD, key="login")]
    assert settle([GOOD, *others]).periods == (GOOD, *others)


def test_settle_refuses_a_period_from_the_future() -> None:
    result = settle([GOOD, later(5)], now=GOOD.end)
    assert result.periods == (GOOD,)
    assert "300 s in the future" in str(result.broken[0].faults[0])


def test_settle_names_a_period_that_changed_its_length() -> None:
    result = settle([GOOD, replace(GOOD, seconds=15.0)])
    assert result.periods == (GOOD,)
    assert "clock or period changed" in str(result.broken[0].faults[0])


def test_settle_calls_shrinking_latency_counts_broken() -> None:
    result = settle([GOOD, replace(GOOD, slow=((200.0, 50), (260.0, 11)))])
    assert result.periods == (GOOD,)
    assert "shrank" in str(result.broken[0].faults[0])


counts = st.integers(min_value=-3, max_value=2_000) | st.sampled_from([math.nan, math.inf, None, 0.5, True])


@st.composite
def arrivals(draw: st.DrawFn) -> list[Period]:
    """Periods on a coarse grid of time, so that they repeat, overlap, jump and contradict each other."""
    return [
        replace(
            GOOD,
            arm=draw(st.sampled_from(Color)),
            start=draw(st.integers(-2, 12)) * 30.0 + draw(st.sampled_from([GOOD.start, math.nan, 0.0])),
            seconds=draw(st.sampled_from([60.0, 60.0, 30.0, 0.0, -60.0, math.nan])),
            requests=draw(counts),
            errors=draw(counts),
            slow=draw(st.sampled_from([(), GOOD.slow, ((0.2, 50), (0.26, 12)), ((200.0, -1),)])),
        )
        for _ in range(draw(st.integers(0, 12)))
    ]


@given(arrived=arrivals(), repeated=st.integers(0, 12))
def test_every_arrival_is_used_or_named_and_nothing_is_counted_twice(
    *, arrived: list[Period], repeated: int
) -> None:
    result = settle([*arrived, *arrived[:repeated]], now=GOOD.start + 300)
    used = {(one.stream, one.start) for one in result.periods}
    assert len(used) == len(result.periods)
    for one in result.periods:
        assert not one.faults()
        assert one.end <= GOOD.start + 305
        for other in result.periods:
            same = one.stream == other.stream and one is not other
            assert not (same and one.start < other.end - 1e-6 and other.start < one.end - 1e-6)
    named = [rejected for rejected in (*result.broken, *result.notes) if rejected.faults]
    # A late period is used and noted; everything else that is not used is named.
    assert len(named) >= len(arrived) + len(arrived[:repeated]) - len(result.periods)
    assert all(GOOD.source in str(rejected.faults[0]) for rejected in named)


@given(arrived=arrivals())
def test_repeating_what_arrived_changes_nothing(arrived: list[Period]) -> None:
    once, twice = settle(arrived), settle([one for one in arrived for _ in range(2)])
    assert once.periods == twice.periods
