"""What an operator is asked before anything changes: what is done, to which versions, and its effect."""

from __future__ import annotations

from collections.abc import Iterable

from bluegreen.domain.holding import Hold, because
from bluegreen.domain.plan import FleetRef, FleetSpec, Intent, Plan, StepKind


def promote_question(plan: Plan) -> str:
    """`Promote v1.0.0 -> v1.1.0 on prod (#2)?`."""
    old, new = _old(plan), _new(plan)
    first = "" if old else " Nothing serves there yet."
    return f"Promote {_arrow(old, new)} on {plan.stack} (#{plan.number})?{first}"


def rollback_question(plan: Plan) -> str:
    """For a plan that goes back to an earlier release."""
    if plan.rolls_back and plan.release:
        return abort_question(plan, down=plan.has(StepKind.MIGRATE_DOWN))
    if plan.rolls_back:
        bad, good = _failed(plan), _old(plan)
        how = f"All traffic returns to {good}"
    else:
        bad, good = _old(plan), _new(plan)
        how = f"{good} is built again, verified, and gets all traffic in one step"
    effects = [
        how,
        f"the down migration of {bad} runs" if plan.has(StepKind.MIGRATE_DOWN) else "",
        _afterwards(plan, bad),
    ]
    return f"Roll back {_arrow(bad, good)} on {plan.stack} (#{plan.number})? {_sentence(effects)}"


def abort_question(plan: Plan, *, down: bool) -> str:
    """For the plan that an unfinished deployment began with, or the one that takes it out."""
    old, new = _old(plan), _new(plan) or _failed(plan)
    if not new:
        return f"Abort {plan.intent} #{plan.number} on {plan.stack}?"
    what = Intent.PROMOTION if plan.rolls_back and plan.release else plan.intent
    way = _arrow(new, old) if plan.rolls_back and not plan.release else _arrow(old, new)
    if old:
        effects = [f"All traffic returns to {old}"]
    else:
        effects = ["Nothing serves afterwards: visitors see the maintenance page"]
    effects += [f"the down migration of {new} runs" if down else "", "green is deleted"]
    return f"Abort {what} {way} (#{plan.number})? {_sentence(effects)}"


def continue_question(plan: Plan, hold: Hold) -> str:
    """For a deployment that a person has put on hold."""
    way = _arrow(_old(plan), _new(plan))
    what = f"{plan.intent} {way} (#{plan.number})" if way else f"{plan.intent} #{plan.number}"
    return f"Continue {what}? It is on hold {because(hold.by, hold.why)}."


def teardown_question(plan: Plan) -> str:
    """For the removal of what serves nothing, or of everything."""
    fleets = _names(f"{ref.version} (#{ref.deployment})" for tier in plan.tiers for ref in tier.leftovers)
    if closes(plan):
        return (
            f"Remove EVERYTHING from {plan.stack}, the live fleets included: {fleets or 'its rules'}? "
            "Visitors will see the maintenance page."
        )
    return f"Remove from {plan.stack} what serves nothing: {fleets}?"


def closes(plan: Plan) -> bool:
    """Whether it takes a live rule away: afterwards visitors see the maintenance page."""
    return plan.has(StepKind.DELETE_RULE)


def _afterwards(plan: Plan, version: str) -> str:
    deleted = plan.has(StepKind.DELETE_FLEET)
    return f"{version} is deleted" if deleted else f"{version} is kept for the rollback window"


def _sentence(effects: Iterable[str]) -> str:
    return "; ".join(filter(None, effects)) + "."


def _arrow(old: str, new: str) -> str:
    return f"{old} -> {new}" if old else new


def _old(plan: Plan) -> str:
    return _versions(tier.blue for tier in plan.tiers)


def _new(plan: Plan) -> str:
    return _versions(tier.green for tier in plan.tiers)


def _failed(plan: Plan) -> str:
    return _versions(tier.failed for tier in plan.tiers)


def _versions(fleets: Iterable[FleetRef | FleetSpec | None]) -> str:
    return _names(fleet.version for fleet in fleets if fleet)


def _names(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))
