"""How blue served before a release, as the journals tell it: what it must do again after a rollback (R10)."""

from __future__ import annotations

from collections.abc import Iterator

from bluegreen.domain.journal import BaselineMeasured, Event, GoldenCompared, Measured, StepDone
from bluegreen.domain.measurement import BlueBaseline, Period
from bluegreen.domain.plan import Plan
from bluegreen.domain.release import Color
from bluegreen.engine.run import Run
from bluegreen.judge.as_before import Before


def figures_before(run: Run) -> Before:
    """Blue's figures before and beside the release that is rolled back, as far as they were measured."""
    baseline, beside = BlueBaseline(p95_ms={}), list[Period]()
    for event in _events(run):
        match event:
            case BaselineMeasured():
                baseline = event.baseline
            case Measured(periods=periods):
                beside += [one for one in periods if one.arm is Color.BLUE and not one.probes]
            case _:
                pass
    return Before(baseline=baseline, beside=tuple(beside))


def golden_before(run: Run) -> float | None:
    """Blue's accuracy on the golden set before the release; None where it was not asked."""
    known = None
    for event in _events(run):
        if isinstance(event, StepDone) and isinstance(event.result, GoldenCompared):
            known = event.result.blue
    return known


def _events(run: Run) -> Iterator[Event]:
    """Of the newest deployment whose blue is the fleet that has its traffic back."""
    journal, plan = run.ports.journal, run.plan
    numbers = {tier.failed.deployment for tier in plan.tiers if tier.failed} | {plan.number}
    for number in sorted(numbers, reverse=True):
        header = journal.header(number)
        if header and header.documents and _same_blue(header.documents.plan, plan):
            yield from (entry.event for entry in journal.entries(number))
            return


def _same_blue(release: Plan, back: Plan) -> bool:
    """Whether `release` was to replace the very fleets that `back` returns to."""
    was = {tier.tier: tier.blue.deployment for tier in release.tiers if tier.blue and tier.green}
    return all(was.get(tier.tier) == tier.blue.deployment for tier in back.tiers if tier.blue)
