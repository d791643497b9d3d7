"""A stack in numbers: what each step of a plan makes of it, and what must never become true meanwhile.

No cloud, no clock: a step is applied in one line, its preconditions are asserted, and the result can be
observed as the planners observe a real stack.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from bluegreen.contract import MANAGED_BY, Contract, Tag, Tier
from bluegreen.domain.plan import Intent, Plan, Stage, Step
from bluegreen.domain.promotion import PromotionRequest, fleet_name, plan_promotion
from bluegreen.domain.release import Color, Image, Model, Release, TierRelease
from bluegreen.domain.stack import Fleet, Group, Rule, StackState, TargetGroup, TierState
from bluegreen.policy import Policy
from tests.ui.samples import contract as sample_contract

CONTRACT: Contract = sample_contract()
WITH_DATABASE: Contract = Contract.model_validate(
    {**CONTRACT.model_dump(mode="json"), "database": {"identifier": "lab-db"}}
)
SMOKE = [{"name": tier, "tier": tier, "steps": [{"path": "/"}]} for tier in ("web", "app", "ai")]
GOLDEN = {"file": "g", "path": "/ai", "rows": [{"input": 1, "label": 1}] * 20, "minimum": 20}
MIGRATION = {"command": "sportcoach-run {image} -- up", "down": "sportcoach-run {image} -- down"}


def policy(**tables: object) -> Policy:
    return Policy.model_validate(tables)


def image(version: str) -> Image:
    return Image(repository="r", tag=version, digest=f"sha256:{version}", uri=f"r@sha256:{version}")


def order(
    version: str, number: int, *, tiers: Iterable[Tier] = tuple(Tier), **more: object
) -> PromotionRequest:
    """`version` for `tiers`; with `model` that model on the AI tier."""
    model = more.pop("model", None)
    parts = [
        TierRelease(
            tier=tier,
            version=version,
            image=image(version),
            model=Model(version=str(model), sha256="ab" * 32) if model and tier is Tier.AI else None,
        )
        for tier in tiers
    ]
    release = Release(version=version, tiers=tuple(parts))
    return PromotionRequest(release=release, number=number, launch_templates=dict.fromkeys(Tier, 3), **more)  # type: ignore[arg-type]  # fields of PromotionRequest


@dataclass
class Standing:
    """One fleet."""

    number: int
    version: str
    model: Model | None
    image: Image | None
    size: int = 2
    target_group: bool = False
    group: bool = False
    proved: bool = False
    seen: bool = False
    carried: bool = False
    """Had traffic since it was last seen to be quiet."""
    held: bool = False


@dataclass
class Side:
    """One tier."""

    fleets: dict[int, Standing] = field(default_factory=dict)
    weights: dict[int, int] | None = None
    previews: set[int] = field(default_factory=set)
    armed: bool = False
    sound: bool = False
    """Blue was shown to be able to carry all traffic."""

    def live(self) -> int | None:
        return next((n for n, weight in (self.weights or {}).items() if weight == 100), None)


class Stack:
    """The tiers, and what was done to the database."""

    def __init__(self, contract: Contract = CONTRACT) -> None:
        self.contract = contract
        self.sides = {tier.name: Side() for tier in contract.tiers}
        self.pointer = ""
        self.migrated: list[str] = []
        self.snapshots: list[int] = []

    # what planners see

    def observe(self) -> StackState:
        return StackState(
            stack=self.contract.stack, tiers=tuple(self._tier(t, side) for t, side in self.sides.items())
        )

    def _tier(self, tier: Tier, side: Side) -> TierState:
        weights = side.weights
        rule = (
            Rule(
                arn=f"rule:{tier}",
                priority=100,
                weights={self._arn(tier, number): weight for number, weight in weights.items()},
            )
            if weights is not None
            else None
        )
        previews = tuple(Rule(arn=f"p:{tier}:{n}", priority=n, preview_token="t") for n in side.previews)
        fleets = tuple(self._fleet(tier, one) for _, one in sorted(side.fleets.items()))
        return TierState(tier=tier, rule=rule, previews=previews, fleets=fleets)

    def _arn(self, tier: Tier, number: int) -> str:
        return f"arn:tg:{fleet_name(self.contract.stack, tier, number)}"

    def _fleet(self, tier: Tier, one: Standing) -> Fleet:
        name = fleet_name(self.contract.stack, tier, one.number)
        tags = {str(Tag.MANAGED_BY): MANAGED_BY, str(Tag.STACK): self.contract.stack}
        instances = tuple(f"i-{one.number}-{index}" for index in range(one.size))
        return Fleet(
            tier=tier,
            deployment=one.number,
            version=one.version,
            image=one.image,
            model=one.model,
            target_group=TargetGroup(arn=self._arn(tier, one.number), name=name, tags=tags)
            if one.target_group
            else None,
            group=Group(
                name=name,
                minimum=1,
                desired=one.size,
                maximum=4,
                instances=instances,
                in_service=one.size,
                tags=tags,
            )
            if one.group
            else None,
        )

    def promoted(self, one: PromotionRequest, rules: Policy) -> Plan:
        return plan_promotion(one, self.contract, rules, self.observe())

    # what steps do

    def run(self, plan: Plan, stages: Sequence[Stage] | None = None, *, shuffle: int = 0) -> Stack:
        """Carry stages out; the steps of one stage in any order, because they run at the same time."""
        for stage in plan.stages if stages is None else stages:
            steps = list(stage.steps)
            random.Random(shuffle).shuffle(steps)
            for step in steps:
                self.apply(plan, step)
        return self

    def apply(self, plan: Plan, step: Step) -> None:
        """Make the step true, from whatever part of it is true already; asserts what it must find."""
        do = getattr(self, f"do_{step.kind}".replace("-", "_"))
        if step.tier is None:
            do(plan, step)
        else:
            do(plan, step, self.sides[step.tier], _number(plan, step))
        self._check(step)

    def _check(self, step: Step) -> None:
        """Never true of a cutover: weight on an unproven fleet, a fleet gone while a rule names it."""
        for tier, side in self.sides.items():
            for number, weight in (side.weights or {}).items():
                fleet = side.fleets.get(number)
                assert fleet, f"{step.id}: the {tier} rule names fleet {number}, which is gone"
                assert fleet.target_group, f"{step.id}: the {tier} rule names a target group that is gone"
                assert not weight or (fleet.group and fleet.proved), f"{step.id}: weight on {tier} {number}"
            assert side.weights is None or sum(side.weights.values()) in (0, 100), step.id

    def do_check(self, *_: object) -> None: ...

    def do_judge(self, plan: Plan, step: Step) -> None:
        for tier in plan.tiers:
            weights = self.sides[tier.tier].weights or {}
            assert weights.get(plan.number) == step.percent or tier.blue is None, step.id

    def do_as_before(self, plan: Plan, step: Step) -> None:
        for tier in plan.tiers:
            weights = self.sides[tier.tier].weights or {}
            assert tier.blue is None or weights.get(tier.blue.deployment) == 100, step.id

    def do_window(self, plan: Plan, step: Step) -> None:
        assert all(self.sides[one.tier].fleets[one.blue.deployment].group for one in plan.tiers if one.blue)

    def do_snapshot(self, plan: Plan, step: Step) -> None:
        self.snapshots.append(plan.number)

    def do_migrate(self, plan: Plan, step: Step, side: Side, number: int) -> None:
        assert side.fleets[number].group, "a migration needs an app host"
        self.migrated.append(f"up {number}")

    def do_migrate_down(self, plan: Plan, step: Step, side: Side, number: int) -> None:
        fleet = side.fleets[number]
        assert fleet.group, "a down migration needs a host of its release"
        assert not (side.weights or {}).get(number), "a down migration under traffic"
        assert not fleet.carried, "a down migration before the fleet is quiet"
        self.migrated.append(f"down {number}")

    def do_target_group(self, plan: Plan, step: Step, side: Side, number: int) -> None:
        spec = plan.tier(step.tier).green  # type: ignore[arg-type]  # has a tier
        assert spec
        made = Standing(number=number, version=spec.version, model=spec.model, image=spec.image)
        side.fleets.setdefault(number, made).target_group = True

    def do_preview(self, plan: Plan, step: Step, side: Side, number: int) -> None:
        assert side.fleets[number].target_group
        side.previews.add(number)

    def do_fleet(self, plan: Plan, step: Step, side: Side, number: int) -> None:
        spec = plan.tier(step.tier).green  # type: ignore[arg-type]  # has a tier
        assert spec
        assert side.fleets[number].target_group
        side.fleets[number].group, side.fleets[number].size = True, spec.desired

    def do_hold_size(self, plan: Plan, step: Step, side: Side, number: int) -> None:
        side.fleets[number].held = True

    def do_free_size(self, plan: Plan, step: Step, side: Side, number: int) -> None:
        if number in side.fleets:
            assert (side.weights or {}).get(number), "only the fleet that serves may be scaled in again"
            side.fleets[number].held = False

    def do_healthy(self, plan: Plan, step: Step, side: Side, number: int) -> None:
        assert side.fleets[number].group
        assert number in side.previews or (side.weights or {}).get(number), "no rule: no health checks"
        side.fleets[number].proved = True

    def do_version(self, plan: Plan, step: Step, side: Side, number: int) -> None:
        assert (number in side.previews) if step.preview else (side.weights or {}).get(number) == 100
        side.fleets[number].seen = side.fleets[number].proved

    def do_smoke(self, plan: Plan, step: Step, side: Side, number: int) -> None:
        self.do_version(plan, step, side, number)

    do_golden = do_smoke

    def do_prove_blue(self, plan: Plan, step: Step, side: Side, number: int) -> None:
        side.sound = side.fleets[number].group

    def do_watchdog(self, plan: Plan, step: Step, side: Side, number: int) -> None:
        assert (side.weights or {}).get(number), "the watchdog holds the weights of the fleet that serves"
        side.armed = True

    def do_stand_down(self, plan: Plan, step: Step, side: Side, number: int) -> None:
        assert set((side.weights or {}).values()) <= {0, 100}, "the watchdog sleeps in the middle of a shift"
        side.armed = False

    def do_weights(self, plan: Plan, step: Step, side: Side, number: int) -> None:
        tier = plan.tier(step.tier)  # type: ignore[arg-type]  # has a tier
        if step.fleet is Color.BLUE:
            assert side.sound, "a way back onto a blue that was not proved"
            failed = {tier.failed.deployment: 0} if tier.failed else {}
            side.weights = {number: 100, **{n: 0 for n in failed if side.fleets[n].target_group}}
            side.fleets[number].carried = side.fleets[number].proved = True
            return
        assert side.fleets[number].seen, f"{step.id}: weight before green was proved"
        percent = step.percent or 0
        if tier.blue:
            forward = plan.intent is Intent.PROMOTION
            assert side.armed is forward, (
                f"{step.id}: a watchdog towards what is {'kept' if forward else 'left'}"
            )
            assert side.fleets[tier.blue.deployment].held, f"{step.id}: blue may be scaled in meanwhile"
            side.weights = {tier.blue.deployment: 100 - percent, number: percent}
        else:
            side.weights = {number: 100}
        side.fleets[number].carried = True

    def do_label(self, plan: Plan, step: Step, side: Side, number: int) -> None:
        assert side.fleets[number].group

    def do_model_pointer(self, plan: Plan, step: Step, side: Side, number: int) -> None:
        model = side.fleets[number].model
        assert model, "a pointer to no model"
        self.pointer = model.version

    def do_quiet(self, plan: Plan, step: Step, side: Side, number: int) -> None:
        assert not (side.weights or {}).get(number), "a fleet with weight is never quiet"
        if number in side.fleets:
            side.fleets[number].carried = False

    def do_detach(self, plan: Plan, step: Step, side: Side, number: int) -> None:
        weights = side.weights
        assert not (weights or {}).get(number), "a fleet with weight is detached"
        assert number not in side.fleets or not side.fleets[number].carried, "detached before it was quiet"
        if weights:
            weights.pop(number, None)

    def do_delete_preview(self, plan: Plan, step: Step, side: Side, number: int) -> None:
        side.previews.discard(number)

    def do_delete_rule(self, plan: Plan, step: Step, side: Side, number: int) -> None:
        side.weights = None
        for fleet in side.fleets.values():
            fleet.carried = plan.intent is not Intent.TEARDOWN and fleet.carried

    def do_delete_fleet(self, plan: Plan, step: Step, side: Side, number: int) -> None:
        assert number not in (side.weights or {}), "a fleet goes while a rule names it"
        if number in side.fleets:
            assert not side.fleets[number].carried, "a fleet goes before it is quiet"
            side.fleets[number].group = False

    def do_delete_target_group(self, plan: Plan, step: Step, side: Side, number: int) -> None:
        assert number not in side.previews, "a target group goes while a preview rule names it"
        fleet = side.fleets.get(number)
        assert fleet is None or not fleet.group, "a target group goes before its fleet"
        side.fleets.pop(number, None)


def _number(plan: Plan, step: Step) -> int:
    """The deployment whose fleet a step is about, as the engine resolves it."""
    if step.deployment is not None:
        return step.deployment
    tier = plan.tier(step.tier)  # type: ignore[arg-type]  # has a tier
    if step.fleet is Color.BLUE:
        assert tier.blue
        return tier.blue.deployment
    return tier.failed.deployment if tier.failed else plan.number
