"""What a run knows of itself after another process has opened it again."""

from __future__ import annotations

from typing import Any, cast

import pytest

from bluegreen.contract import Tier
from bluegreen.domain.journal import Entry, FleetMade, StepResult, WeightsSet
from bluegreen.domain.migration import DownAttempt
from bluegreen.domain.plan import Step, StepKind
from bluegreen.domain.release import Color
from bluegreen.engine.deployment import open as opening
from bluegreen.engine.holding import Holding
from bluegreen.engine.run import Run
from tests.domain.events import EVERY
from tests.ui.samples import START, measured, period


def run(done: dict[Step, StepResult | None] | None = None) -> Run:
    """A run without a world."""
    nothing = cast("Any", None)
    return Run(
        contract=nothing,
        policy=nothing,
        ports=nothing,
        plan=nothing,
        recorder=nothing,
        heartbeat=nothing,
        holding=Holding(recorder=nothing, heartbeat=nothing, policy=nothing, clock=nothing),
        preview_token="",
        done=done or {},
    )


def test_it_remembers_what_was_measured_and_begun() -> None:
    counted = period(Tier.APP, Color.GREEN, 3, requests=500)
    again = run()
    events = (*EVERY, measured(counted))
    opening._remember(again, [Entry(seq=n, at=START, event=event) for n, event in enumerate(events)])
    assert again.record.periods == [counted]
    assert again.record.marks == [(1.0, 25)]
    assert again.record.baseline is not None
    assert (again.record.baseline.p95_ms, again.record.baseline.thin) == ({Tier.APP: 12.5}, (Tier.AI,))
    assert again.down == DownAttempt(number=2, handle="command-1")


def shift(tier: Tier, percent: int) -> Step:
    return Step(kind=StepKind.WEIGHTS, tier=tier, fleet=Color.GREEN, percent=percent)


def test_results_are_asked_for_by_type_and_tier_and_the_last_one_counts() -> None:
    first, last = (WeightsSet(rule_arn=f"arn:{percent}", green_percent=percent) for percent in (10, 50))
    other = WeightsSet(rule_arn="arn:web", green_percent=50)
    known = run({shift(Tier.APP, 10): first, shift(Tier.APP, 50): last, shift(Tier.WEB, 50): other})
    assert known.result(WeightsSet, Tier.APP) == last
    assert known.result(WeightsSet, Tier.WEB) == known.result(WeightsSet) == other
    assert known.find_result(WeightsSet, Tier.AI) is None
    assert known.find_result(FleetMade, Tier.APP) is None
    with pytest.raises(LookupError, match="no step has left a FleetMade on app"):
        known.result(FleetMade, Tier.APP)
