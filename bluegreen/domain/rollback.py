"""The plans that roll back: traffic to the fleet that still exists; and the plan that removes everything."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from bluegreen.contract import Contract, Tier
from bluegreen.domain.migration import DatabaseRollback, check_down, database_notes
from bluegreen.domain.plan import Intent, Plan, Stage, Step, StepKind, TierPlan
from bluegreen.domain.release import Color
from bluegreen.domain.stack import StackState, TierState
from bluegreen.domain.stages import Stages, cleared, refer
from bluegreen.policy import Policy

_NOTHING = DatabaseRollback()


def _stages(
    plans: tuple[TierPlan, ...], contract: Contract, policy: Policy, *, shifted: bool, down: bool
) -> tuple[Stage, ...]:
    """Blue checked, all weight back at once, verified, then the failed fleet deleted.

    With `down` its down migration runs in between: without traffic, and while its app host still exists.
    """
    back = [plan.tier for plan in plans if plan.blue]
    out = [plan.tier for plan in plans if plan.failed]
    new = [plan.tier for plan in plans if plan.failed and not plan.blue]
    stages = Stages()

    def blue(kind: StepKind) -> list[Step]:
        return [Step(kind=kind, tier=tier, fleet=Color.BLUE, urgent=True) for tier in back]

    def failed(kind: StepKind, tiers: Iterable[Tier] = out) -> list[Step]:
        return [Step(kind=kind, tier=tier, fleet=Color.GREEN) for tier in tiers]

    if shifted:
        stages.add("prove-blue", "Check that blue can carry all traffic", blue(StepKind.PROVE_BLUE))
        weights = [
            Step(kind=StepKind.WEIGHTS, tier=t, fleet=Color.BLUE, percent=0, urgent=True) for t in back
        ]
        stages.add("shift-back", "Send all traffic back to blue", weights)
        smoke = [tier for tier in back if any(test.tier == tier for test in policy.smoke)]
        checks = [Step(kind=StepKind.VERSION, tier=tier, fleet=Color.BLUE) for tier in back]
        checks += [Step(kind=StepKind.SMOKE, tier=tier, fleet=Color.BLUE) for tier in smoke]
        if Tier.AI in back and policy.golden:
            checks.append(Step(kind=StepKind.GOLDEN, tier=Tier.AI, fleet=Color.BLUE))
        stages.add("verify", "Verify blue through the front door", checks, policy.rollout.dwell + 10.0)
    done = blue(StepKind.STAND_DOWN) + blue(StepKind.FREE_SIZE) + blue(StepKind.LABEL)
    done += [
        Step(kind=StepKind.MODEL_POINTER, tier=plan.tier, fleet=Color.BLUE)
        for plan in plans
        if plan.blue and plan.blue.model
    ]
    stages.add("accept", "Make blue the live release", done + failed(StepKind.DELETE_PREVIEW))
    if shifted:
        stages.add("close", "Delete rules that lead to green alone", failed(StepKind.DELETE_RULE, new))
        stages.add("quiet", "Wait until green has no requests", failed(StepKind.QUIET), policy.retire.quiet)
        # Where probes decide in the place of users, those of `verify` have decided.
        if back and policy.judge.without_traffic == "ask":
            step = Step(kind=StepKind.AS_BEFORE, fleet=Color.BLUE)
            stages.add("as-before", "Measure that blue serves as before", [step], policy.rollout.min_bake)
    if down:
        step = Step(kind=StepKind.MIGRATE_DOWN, tier=Tier.APP, fleet=Color.GREEN)
        stages.add("migrate-down", "Run green's down migration", [step], 60.0)
    stages.add("detach", "Remove green from the rules", failed(StepKind.DETACH))
    drain = max((contract.tier(tier).deregistration_delay_seconds for tier in out), default=0)
    stages.add("remove", "Drain and delete green's fleets", failed(StepKind.DELETE_FLEET), drain + 30.0)
    stages.add("remove-groups", "Delete green's target groups", failed(StepKind.DELETE_TARGET_GROUP))
    return tuple(stages.all)


def plan_rollback_of_open(
    plan: Plan,
    contract: Contract,
    policy: Policy,
    state: StackState,
    *,
    shifted: bool,
    reason: str,
    database: DatabaseRollback = _NOTHING,
) -> Plan:
    """The rollback of an unfinished deployment: blue gets all traffic, green is deleted (R6); pure.

    `shifted` says whether green may have had traffic: if not, nothing needs to be moved back.
    Raises Refused where a down migration is asked for that cannot run.
    """

    def tier_plan(item: TierPlan) -> TierPlan:
        seen = state.of(item.tier)
        green = seen.fleet(plan.number)
        blue = seen.fleet(item.blue.deployment) if item.blue else None
        return TierPlan(
            tier=item.tier,
            rule_arn=seen.rule.arn if seen.rule else "",
            blue=refer(blue) if blue else item.blue,
            failed=refer(green) if green else None,
        )

    tiers = tuple(tier_plan(item) for item in plan.tiers)
    back = _rollback(
        tiers, contract, policy, number=plan.number, reason=reason, database=database, shifted=shifted
    )
    version = plan.release.version if plan.release else ""
    return replace(back, release=plan.release, notes=tuple(database_notes(database, version)))


def plan_rollback_to_kept(
    contract: Contract,
    policy: Policy,
    state: StackState,
    *,
    number: int,
    to: int,
    reason: str,
    database: DatabaseRollback = _NOTHING,
) -> Plan | None:
    """Back to deployment `to`, whose fleets still exist; None when one of them is gone or cannot serve.

    Raises Refused where a down migration is asked for that cannot run.
    """
    tiers: list[TierPlan] = []
    for tier in state.tiers:
        live, kept = tier.live, tier.fleet(to)
        if live is None or live.deployment == to:
            continue
        if kept is None or kept.target_group is None or kept.group is None or not kept.group.in_service:
            return None
        rule_arn = tier.rule.arn if tier.rule else ""
        tiers.append(TierPlan(tier=tier.tier, rule_arn=rule_arn, blue=refer(kept), failed=refer(live)))
    if not tiers:
        return None
    return _rollback(
        tuple(tiers), contract, policy, number=number, reason=reason, database=database, shifted=True
    )


def _rollback(
    tiers: tuple[TierPlan, ...],
    contract: Contract,
    policy: Policy,
    *,
    number: int,
    reason: str,
    database: DatabaseRollback,
    shifted: bool,
) -> Plan:
    app = next((plan for plan in tiers if plan.tier is Tier.APP), None)
    check_down(database, app, app.failed if app else None, policy)
    failed = app.failed if app else tiers[0].failed
    return Plan(
        intent=Intent.ROLLBACK,
        stack=contract.stack,
        number=number,
        release=None,
        reason=reason,
        tiers=tiers,
        stages=_stages(tiers, contract, policy, shifted=shifted, down=database.down),
        notes=tuple(database_notes(database, failed.version if failed else "")),
        snapshot=database.snapshot,
    )


def plan_teardown(
    contract: Contract, state: StackState, *, number: int, everything: bool, reason: str
) -> Plan:
    """Remove fleets without traffic, or with `everything` all that sc-deploy made in the stack; pure.

    It has no stages where nothing exists.
    """

    def tier_plan(tier: TierState) -> TierPlan:
        fleets = tier.fleets if everything else tier.leftovers
        refs = (refer(fleet, routed=not everything and tier.routes(fleet)) for fleet in fleets)
        return TierPlan(tier=tier.tier, leftovers=tuple(refs))

    tiers = tuple(tier_plan(tier) for tier in state.tiers)
    stages = Stages()
    if everything and any(tier.rule or tier.fleets or tier.previews for tier in state.tiers):
        rules = [Step(kind=StepKind.DELETE_RULE, tier=tier.tier) for tier in state.tiers if tier.rule]
        stages.add("close", "Delete the live rules: visitors see the maintenance page", rules)
        guards = [Step(kind=StepKind.STAND_DOWN, tier=tier.tier) for tier in state.tiers]
        stages.add("stand-down", "Disarm the watchdog", guards)
    cleared(tiers, stages)
    return Plan(
        intent=Intent.TEARDOWN,
        stack=contract.stack,
        number=number,
        release=None,
        reason=reason,
        tiers=tiers,
        stages=tuple(stages.all),
        notes=("afterwards visitors see the maintenance page",) if everything else (),
    )
