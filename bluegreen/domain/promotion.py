"""The plan that brings a release live: what is built, verified, shifted, judged and retired, in request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bluegreen.contract import Contract, Tier, TierContract
from bluegreen.domain.checklist import items_for
from bluegreen.domain.migration import DatabaseRollback, check_down, database_notes
from bluegreen.domain.plan import FleetRef, FleetSpec, Intent, Plan, Step, StepKind, TierPlan
from bluegreen.domain.release import FULL, Color, Release, TierRelease
from bluegreen.domain.stack import StackState, TierState
from bluegreen.domain.stages import Stages, cleared, refer
from bluegreen.errors import Refused
from bluegreen.policy import Policy, watched_words

_BOOT = 120.0
"""Expected seconds from launch to the first successful health check, beside the health check itself."""


def fleet_name(stack: str, tier: Tier, number: int) -> str:
    """Name of the target group and the Auto Scaling Group that deployment `number` makes for `tier`.

    Target group names hold at most 32 characters (ELBv2 CreateTargetGroup).
    """
    name = f"sc-{stack}-{tier}-{number}"
    if len(name) > 32:
        raise Refused(
            f"the name {name} has {len(name)} characters; a target group name holds 32",
            next_step="give the stack a shorter name",
        )
    return name


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionRequest:
    """What shall be released, and what was resolved for it before planning."""

    release: Release
    number: int
    launch_templates: Mapping[Tier, int]
    """The launch template version that each tier is pinned to."""
    reason: str = ""
    intent: Intent = Intent.PROMOTION
    all_at_once: bool = False
    """No ramp: a rollback to an earlier version goes to 100 % once green is verified (R7)."""
    despite: str = ""
    """Why it continues although a preflight check that may be passed over does not hold."""
    unfit: frozenset[Tier] = frozenset()
    """Tiers whose live fleet carries nothing any more: there is nothing to compare with, or to return to."""
    database: DatabaseRollback = field(default_factory=DatabaseRollback)
    """In a rollback: what becomes of the database changes of the live release (R8)."""


def _spec(
    request: PromotionRequest, tier: TierContract, release: TierRelease, blue: FleetRef | None, stack: str
) -> FleetSpec:
    # Green takes over what blue carries now, so it must not start smaller than blue has grown.
    desired = min(max(tier.fleet.desired, blue.desired if blue else 0), tier.fleet.maximum)
    return FleetSpec(
        name=fleet_name(stack, tier.name, request.number),
        version=release.version,
        image=release.image,
        model=release.model,
        launch_template_version=request.launch_templates[tier.name],
        minimum=desired,
        desired=desired,
        maximum=tier.fleet.maximum,
    )


def _tier_plan(request: PromotionRequest, contract: Contract, state: TierState) -> TierPlan:
    live = state.live
    blue = refer(live) if live else None
    tier = contract.tier(state.tier)
    return TierPlan(
        tier=state.tier,
        rule_arn=state.rule.arn if state.rule else "",
        blue=blue,
        green=_spec(request, tier, request.release.of(state.tier), blue, contract.stack),
        leftovers=tuple(refer(fleet, routed=state.routes(fleet)) for fleet in state.leftovers),
    )


class _Promotion:
    def __init__(
        self, request: PromotionRequest, contract: Contract, policy: Policy, tiers: tuple[TierPlan, ...]
    ) -> None:
        self.request, self.contract, self.policy, self.tiers = request, contract, policy, tiers
        self.with_blue = [plan.tier for plan in tiers if plan.blue and plan.tier not in request.unfit]
        """Where there is something to compare with, and to return to."""
        self.guarded = [] if request.intent is Intent.ROLLBACK else self.with_blue
        """Where AWS returns the traffic if the deployer dies: never to what a rollback leaves."""
        self.replaced = [plan.tier for plan in tiers if plan.blue]
        self.all = [plan.tier for plan in tiers]
        self.stages = Stages()

    def green(self, kind: StepKind, **more: object) -> list[Step]:
        return [Step(kind=kind, tier=tier, fleet=Color.GREEN, **more) for tier in self.all]  # type: ignore[arg-type]  # fields of Step

    def blue(self, kind: StepKind, **more: object) -> list[Step]:
        return [Step(kind=kind, tier=tier, fleet=Color.BLUE, **more) for tier in self.with_blue]  # type: ignore[arg-type]  # fields of Step

    def old(self, kind: StepKind) -> list[Step]:
        """Of every fleet that is replaced, whatever it still carries."""
        return [Step(kind=kind, tier=tier, fleet=Color.BLUE) for tier in self.replaced]

    def smoke(self, **more: object) -> list[Step]:
        tested = {test.tier for test in self.policy.smoke}
        return [step for step in self.green(StepKind.SMOKE, **more) if step.tier in tested]

    def prepare(self) -> None:
        self.stages.add("preflight", "Preflight checks", [Step(kind=StepKind.CHECK)], 5.0)
        cleared(self.tiers, self.stages)
        # What migrates nothing needs none; and a way out of trouble does not wait minutes for one.
        if self.migrates and self.contract.database and self.policy.backup.snapshot:
            self.stages.add("backup", "Snapshot the database", [Step(kind=StepKind.SNAPSHOT)], 300.0)
        if self.migrates_on_blue:
            # The host that runs the migration must not be scaled in meanwhile.
            self.stages.add("hold", "Keep blue as large as it is", self.blue(StepKind.HOLD_SIZE))
            self.migrate(Color.BLUE)

    @property
    def migrates(self) -> bool:
        migration = self.policy.migration is not None and Tier.APP in self.all
        return migration and self.request.intent is Intent.PROMOTION

    @property
    def migrates_on_blue(self) -> bool:
        """Where nothing is live yet, the first host is green's."""
        return self.migrates and Tier.APP in self.with_blue

    def migrate(self, where: Color) -> None:
        step = Step(kind=StepKind.MIGRATE, tier=Tier.APP, fleet=where)
        self.stages.add("migrate", "Run the expand migration", [step], 60.0)

    def build(self) -> None:
        # The target group first: both the preview rule and the fleet name it. The preview rule
        # attaches it to the balancer, without which it would get no health checks.
        self.stages.add("attach", "Create green target groups", self.green(StepKind.TARGET_GROUP))
        built = self.green(StepKind.PREVIEW) + self.green(StepKind.FLEET)
        built += [] if self.migrates_on_blue else self.blue(StepKind.HOLD_SIZE)
        self.stages.add("build", "Create green fleets and preview rules", built, 5.0)
        if self.migrates and not self.migrates_on_blue:
            self.migrate(Color.GREEN)

    def prove(self) -> None:
        looks = [self.contract.tier(tier).health_check for tier in self.all]
        boot = _BOOT + max(look.interval_seconds * look.healthy_threshold for look in looks)
        self.stages.add("healthy", "Wait until green is healthy", self.green(StepKind.HEALTHY), boot)
        proofs = self.green(StepKind.VERSION, preview=True) + self.smoke(preview=True)
        if Tier.AI in self.all and self.policy.golden:
            proofs.append(Step(kind=StepKind.GOLDEN, tier=Tier.AI, fleet=Color.GREEN, preview=True))
        self.stages.add("prove", "Verify green through the preview rule", proofs, 10.0)

    def shift(self) -> None:
        rollout = self.policy.rollout
        at_once = self.request.all_at_once or self.request.unfit or not self.with_blue
        ramp = () if at_once else rollout.ramp
        armed = [Step(kind=StepKind.WATCHDOG, tier=tier, fleet=Color.BLUE) for tier in self.guarded]
        self.stages.add("watch-over", "Arm the automatic fallback", armed)
        for percent in (*ramp, FULL):
            steps = self.green(StepKind.WEIGHTS, percent=percent)
            self.stages.add(
                f"shift-{percent}", f"Send {percent} % of the traffic to green", steps, percent=percent
            )
            if not self.with_blue:
                continue  # no traffic yet, nothing to roll back to: the verification below is all there is
            bake = rollout.final_bake if percent == FULL else rollout.bake
            judged = [Step(kind=StepKind.JUDGE, percent=percent)]
            title = "Watch green carry all traffic" if percent == FULL else f"Judge green at {percent} %"
            self.stages.add(f"judge-{percent}", title, judged, rollout.dwell + bake, percent=percent)

    def accept(self) -> None:
        checks = self.green(StepKind.VERSION) + self.smoke()
        self.stages.add("verify", "Verify through the front door", checks, 10.0)
        steps = self.green(StepKind.LABEL) + self.green(StepKind.FREE_SIZE)
        steps += self.green(StepKind.DELETE_PREVIEW)
        steps += [Step(kind=StepKind.STAND_DOWN, tier=tier, fleet=Color.BLUE) for tier in self.guarded]
        steps += [
            Step(kind=StepKind.MODEL_POINTER, tier=plan.tier, fleet=Color.GREEN)
            for plan in self.tiers
            if plan.green and plan.green.model
        ]
        self.stages.add("accept", f"Make {self.request.release.version} the live release", steps)

    def retire(self) -> None:
        down = self.request.database.down
        # Blue cannot serve without its schema: once that is undone there is nothing to keep it for.
        keep = 0.0 if down else self.policy.retire.keep_blue
        if keep == "until-next":
            return
        if keep and self.with_blue:
            title = "Keep blue for the announced rollback window"
            self.stages.add("window", title, [Step(kind=StepKind.WINDOW)], float(keep))
        quiet = self.policy.retire.quiet
        self.stages.add("quiet", "Wait until blue has no requests", self.old(StepKind.QUIET), quiet)
        if down:
            step = Step(kind=StepKind.MIGRATE_DOWN, tier=Tier.APP, fleet=Color.BLUE)
            self.stages.add("migrate-down", "Run blue's down migration", [step], 60.0)
        self.stages.add("detach", "Remove blue from the rules", self.old(StepKind.DETACH))
        drain = max((self.contract.tier(t).deregistration_delay_seconds for t in self.replaced), default=0)
        self.stages.add(
            "retire", "Drain and delete blue's fleets", self.old(StepKind.DELETE_FLEET), drain + 30.0
        )
        groups = self.old(StepKind.DELETE_TARGET_GROUP)
        self.stages.add("retire-groups", "Delete blue's target groups", groups)

    def notes(self) -> Iterable[str]:
        for plan in self.tiers:
            if plan.blue is None:
                yield f"{plan.tier}: nothing is live yet; the first fleet gets 100 % once it is verified"
            elif plan.tier in self.request.unfit:
                yield (
                    f"{plan.tier}: no target of {plan.blue.version} is healthy, so there is no ramp: green"
                    " gets 100 % once it is verified, and nothing can return"
                )
        if self.request.despite:
            yield f"it continues despite preflight checks that do not hold: {self.request.despite}"
        if self.policy.retire.keep_blue == "until-next" and self.with_blue and not self.request.database.down:
            yield "blue is kept until the next release; `sc-deploy teardown` removes it earlier"
        if self.request.intent is Intent.PROMOTION:
            yield from watched_words(self.policy)
            yield from self._asked()
        yield from database_notes(self.request.database, self.served)

    def _asked(self) -> Iterable[str]:
        """Whom the before-checklist asks; a way out of trouble waits for nobody."""
        items = items_for(self.policy, [one.tier for one in self.tiers])
        if items and not self.request.despite:
            told = ", ".join(f"{one.id} ({one.words[0].lower()}{one.words[1:]})" for one in items)
            yield f"somebody must answer for {told}: `--attest ID=WHO`"

    @property
    def served(self) -> str:
        """The live version, of the app tier first: migrations belong to it."""
        blues = {plan.tier: plan.blue.version for plan in self.tiers if plan.blue}
        return blues.get(Tier.APP) or next(iter(blues.values()), "")


def plan_promotion(request: PromotionRequest, contract: Contract, policy: Policy, state: StackState) -> Plan:
    """The plan that brings `request` live on `state`; pure.

    Raises Refused where a green fleet could not be as big as blue is now (but for a way out of trouble), or
    where a down migration is asked for that cannot run.
    """
    tiers = tuple(
        _tier_plan(request, contract, state.of(tier.name))
        for tier in contract.tiers
        if any(item.tier == tier.name for item in request.release.tiers)
    )
    way_out = request.intent is Intent.ROLLBACK or request.despite
    for plan in tiers:
        if not way_out and plan.blue and plan.green and plan.green.desired < plan.blue.desired:
            raise Refused(
                f"{plan.tier}: blue runs {plan.blue.desired} instances, above the contract's maximum of "
                f"{plan.green.maximum}; green could not carry its traffic",
                next_step="raise the fleet's maximum in the Pulumi settings and run `pulumi up`",
            )
    app = next((plan for plan in tiers if plan.tier is Tier.APP and plan.blue), None)
    check_down(request.database, app, app.blue if app else None, policy)
    promotion = _Promotion(request, contract, policy, tiers)
    for part in (promotion.prepare, promotion.build, promotion.prove, promotion.shift, promotion.accept):
        part()
    promotion.retire()
    return Plan(
        intent=request.intent,
        stack=contract.stack,
        number=request.number,
        release=request.release,
        reason=request.reason,
        tiers=tiers,
        stages=tuple(promotion.stages.all),
        notes=tuple(promotion.notes()),
        snapshot=request.database.snapshot,
        despite=request.despite,
    )
