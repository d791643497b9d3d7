"""The course of errors and p95: both fleets on one scale, from the first weight on, however long it takes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bluegreen.contract import Tier
from bluegreen.domain.measurement import Period
from bluegreen.domain.release import Color
from bluegreen.ui.glyphs import ASCII, UNICODE
from bluegreen.ui.trend import Trend, grown, sparks


def period(arm: Color, at: float, *, errors: int = 0, p95: float | None = 10.0, **more: object) -> Period:
    made = Period(
        source="probe", tier=Tier.APP, arm=arm, start=at, seconds=1.0, requests=100, errors=errors, p95_ms=p95
    )
    return replace(made, **more)  # type: ignore[arg-type]  # fields of the class


def drawn(trend: Trend, arm: Color, width: int = 8) -> tuple[str, str]:
    return sparks(trend, Tier.APP, arm, width=width, levels=UNICODE.levels)


def test_both_fleets_share_a_scale_and_a_span() -> None:
    trend = grown({}, [period(Color.BLUE, at) for at in range(8)])
    trend = grown(trend, [period(Color.GREEN, at, errors=5 * (at == 7), p95=20.0) for at in range(4, 8)])
    assert drawn(trend, Color.BLUE) == ("▁▁▁▁▁▁▁▁", "▅▅▅▅▅▅▅▅"), "half: green is twice as slow"
    assert drawn(trend, Color.GREEN) == ("    ▁▁▁█", "    ████")


def test_noise_is_no_mountain_and_the_worst_of_a_stretch_shows() -> None:
    quiet = grown({}, [period(Color.GREEN, at, errors=0, requests=10_000) for at in range(8)])
    one_error = grown(quiet, [period(Color.GREEN, 3, errors=1, requests=10_000)])
    assert drawn(one_error, Color.GREEN)[0] == "▁▁▁▁▁▁▁▁", "0.01 % of errors is nothing beside 1 %"
    burst = grown(quiet, [period(Color.GREEN, 3, errors=1_000, requests=10_000)])
    assert drawn(burst, Color.GREEN, width=2)[0] == "█▁"


def test_a_period_that_is_counted_again_replaces_what_it_was() -> None:
    trend = grown({}, [period(Color.GREEN, 0, errors=50), period(Color.GREEN, 1)])
    assert drawn(trend, Color.GREEN, width=2)[0] == "█▁"
    assert drawn(grown(trend, [period(Color.GREEN, 0)]), Color.GREEN, width=2)[0] == "▁▁"


@pytest.mark.parametrize("seconds", [240, 241, 5_000])
def test_a_long_release_costs_no_more_and_forgets_no_burst(seconds: int) -> None:
    trend: Trend = {}
    for at in range(0, seconds, 10):
        fresh = [period(Color.GREEN, t, errors=90 * (t == 7)) for t in range(at, min(at + 10, seconds))]
        trend = grown(trend, fresh)
    (points,) = trend.values()
    assert len(points) <= 240
    assert points[0].start == 0
    assert points[-1].end == seconds
    assert sum(one.requests for one in points) == 100 * seconds
    assert drawn(trend, Color.GREEN)[0][0] == "█"


def test_a_late_count_of_what_was_merged_changes_nothing() -> None:
    trend = grown({}, [period(Color.GREEN, at) for at in range(600)])
    assert grown(trend, [period(Color.GREEN, 9, errors=100)]) == trend, "it would count twice"


def test_a_coarse_period_fills_its_time_and_probes_and_broken_counts_are_no_traffic() -> None:
    trend = grown({}, [period(Color.GREEN, 0, seconds=60.0), period(Color.GREEN, 60, seconds=60.0, errors=9)])
    assert drawn(trend, Color.GREEN)[0] == "▁▁▁▁████"
    assert grown({}, [period(Color.GREEN, 0, key="home"), period(Color.GREEN, 0, errors=-1)]) == {}
    assert grown({}, [period(Color.GREEN, 0, counts_errors=False)]) == {}


def test_of_two_sources_the_finer_one_and_nothing_measured_is_nothing() -> None:
    trend = grown({}, [period(Color.GREEN, 0, seconds=60.0, source="cloudwatch", errors=100)])
    trend = grown(trend, [period(Color.GREEN, at) for at in range(4)])
    assert drawn(trend, Color.GREEN, width=4)[0] == "▁▁▁▁"
    assert drawn(trend, Color.BLUE) == ("", "")
    assert sparks(trend, Tier.APP, Color.GREEN, width=4, levels=ASCII.levels)[0].isascii()
