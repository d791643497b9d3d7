"""What the watchdogs of a run that has stopped will do, or have done, by its journal."""

from __future__ import annotations

from collections.abc import Iterable

from bluegreen.contract import Tier
from bluegreen.domain.journal.endings import RunStopped
from bluegreen.domain.journal.events import Decided, Entry, RunResumed, RunStarted, StepDone, Warned
from bluegreen.domain.journal.results import WatchdogArmed, WeightsSet
from bluegreen.domain.plan import FleetRef, Plan, Step, StepKind
from bluegreen.domain.returning import Return


def left_behind(entries: Iterable[Entry]) -> dict[Tier, Return]:
    """The tiers that a run left with traffic on another fleet than blue and an armed watchdog; pure."""
    blues: dict[Tier, FleetRef] = {}
    green: dict[Tier | None, int] = {}
    armed: dict[Tier | None, float | None] = {}
    for entry in entries:
        match entry.event:
            case RunStarted(plan=plan) | Decided(plan=Plan() as plan):
                blues.update({one.tier: one.blue for one in plan.tiers if one.blue})
            case StepDone(step=Step(tier=tier), result=WeightsSet(green_percent=percent)):
                green[tier] = percent
            case StepDone(step=Step(tier=tier), result=WatchdogArmed()):
                armed[tier] = None
            case StepDone(step=Step(kind=StepKind.STAND_DOWN, tier=tier)):
                armed.pop(tier, None)
            case RunResumed():
                armed = dict.fromkeys(armed)
            case RunStopped(returns=returns):
                armed |= {tier: one.at for tier, one in returns.items()}
            case Warned(returned=returned):
                green |= dict.fromkeys(returned, 0)
            case _:
                pass
    return {
        tier: Return(version=blue.version, deployment=blue.deployment, at=armed[tier], moved=True)
        for tier, blue in blues.items()
        if tier in armed and green.get(tier)
    }
