"""One deployment being carried out: what every step handler is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from bluegreen.contract import MANAGED_BY, Contract, Tag, Tier, TierContract
from bluegreen.domain.journal import Event, StepProgress, StepResult, TargetGroupMade, Warned
from bluegreen.domain.migration import DownAttempt
from bluegreen.domain.plan import FleetRef, FleetSpec, Plan, Step, TierPlan
from bluegreen.domain.promotion import fleet_name
from bluegreen.domain.release import Color
from bluegreen.domain.returning import Return
from bluegreen.domain.stack import TargetGroup
from bluegreen.engine.heartbeat import Heartbeat
from bluegreen.engine.holding import Holding
from bluegreen.engine.recorder import Recorder
from bluegreen.errors import DeployError, StepFailed
from bluegreen.judge.record import Record
from bluegreen.policy import Policy
from bluegreen.ports import PREVIEW_HEADER, Ports
from bluegreen.ports.wait import steadily, until

R = TypeVar("R", bound=StepResult)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A step reached its goal: in words, and what it left behind."""

    words: str
    result: StepResult | None = None


@dataclass(slots=True, kw_only=True)
class Run:
    """The plan in force and everything needed to carry it out."""

    contract: Contract
    policy: Policy
    ports: Ports
    plan: Plan
    recorder: Recorder
    heartbeat: Heartbeat
    holding: Holding
    """Whether a person has put it on hold."""
    preview_token: str
    done: dict[Step, StepResult | None] = field(default_factory=dict)
    """Each finished step of the plan in force, and what it left behind."""
    started: set[Step] = field(default_factory=set)
    """Steps that were begun, of the plan in force."""
    record: Record = field(default_factory=Record)
    """What this deployment has measured, as journalled."""
    routed_at: float = 0.0
    """When this process last changed a rule; 0: it has not."""
    commands: dict[str, str] = field(default_factory=dict)
    """The handles of the migration's commands that have begun, by their names."""
    left_undone: set[Step] = field(default_factory=set)
    """Steps that an earlier process of this deployment began and did not finish."""
    ordered: bool = False
    """A person has ordered (`abort`) to end a rollback that had already begun, whatever its checks show."""
    down: DownAttempt = field(default_factory=DownAttempt)
    """The current attempt of the down migration."""

    def not_as_before(self, step: Step, found: StepFailed) -> None:
        """Users have blue again, and `step` found it worse than before: raises `found`, which asks a person.

        A person who has looked at it and orders the end is obeyed with a warning. What all releases share may
        be ill for days, and the deployment must not stay open meanwhile: a fix could not be released.
        """
        if not self.ordered or step not in self.left_undone:
            raise found
        self.warn(f"ended by order, although {found.what}")

    def find_result(self, kind: type[R], tier: Tier | None = None) -> R | None:
        """What the last step that left a `kind` behind left, on `tier` or anywhere; of the plan in force."""
        found = (result for step, result in self.done.items() if tier is None or step.tier is tier)
        return next((one for one in reversed(list(found)) if isinstance(one, kind)), None)

    def result(self, kind: type[R], tier: Tier | None = None) -> R:
        """As `find_result`, where there must be one; raises LookupError."""
        found = self.find_result(kind, tier)
        if found is None:
            raise LookupError(f"no step has left a {kind.__name__} on {tier}")
        return found

    def tier(self, step: Step) -> TierContract:
        """The contract of the step's tier."""
        return self.contract.tier(_tier(step))

    def tier_plan(self, step: Step) -> TierPlan:
        """The plan of the step's tier."""
        return self.plan.tier(_tier(step))

    def spec(self, step: Step) -> FleetSpec:
        """The green fleet to be built."""
        green = self.tier_plan(step).green
        if green is None:
            raise ValueError(f"{step.id} needs a fleet to build and the plan has none")
        return green

    def ref(self, step: Step) -> FleetRef | None:
        """The standing fleet that the step is about; None for the green one being built."""
        plan = self.tier_plan(step)
        if step.deployment is not None:
            return next(ref for ref in plan.leftovers if ref.deployment == step.deployment)
        return plan.blue if step.fleet is Color.BLUE else plan.failed

    def name(self, step: Step) -> str:
        """Name of the Auto Scaling Group (and target group) that the step is about."""
        ref = self.ref(step)
        return fleet_name(self.contract.stack, _tier(step), ref.deployment if ref else self.plan.number)

    def guard_name(self, tier: Tier) -> str:
        """Name of the tier's watchdog schedule.

        It holds this deployment's number, not blue's, which the next deployment may have as well: a
        deployer that lost its lease must not meet another deployment's schedule under its own's name.
        """
        return fleet_name(self.contract.stack, tier, self.plan.number)

    def returns(self) -> dict[Tier, Return]:
        """What the watchdogs that this process has armed do, should it stop now."""
        found = ((plan, self.heartbeat.acts_at(self.guard_name(plan.tier))) for plan in self.plan.tiers)
        return {
            plan.tier: Return(version=plan.blue.version, deployment=plan.blue.deployment, at=at)
            for plan, at in found
            if plan.blue and at is not None
        }

    def target(self, step: Step) -> TargetGroup | None:
        """The target group that the step is about; None where it was never created."""
        ref = self.ref(step)
        if ref is not None:
            arn = ref.target_group_arn
            return TargetGroup(arn=arn, name=ref.target_group_name) if arn else None
        made = self.find_result(TargetGroupMade, step.tier)
        return TargetGroup(arn=made.arn, name=self.name(step)) if made else None

    def need_target(self, step: Step) -> TargetGroup:
        """As `target`, where there must be one; raises StepFailed."""
        target = self.target(step)
        if target is None:
            raise StepFailed(f"{step.tier}: {self.name(step)} has no target group")
        return target

    def version(self, step: Step) -> tuple[str, str | None]:
        """Version and model version that the step's fleet runs."""
        ref = self.ref(step)
        if ref is not None:
            return ref.version, ref.model.version if ref.model else None
        spec = self.spec(step)
        return spec.version, spec.model.version if spec.model else None

    def tags(self, step: Step, color: Color = Color.GREEN) -> dict[str, str]:
        """The tags of what this deployment creates for the step's tier."""
        spec = self.spec(step)
        tags = {
            Tag.MANAGED_BY: MANAGED_BY,
            Tag.STACK: self.contract.stack,
            Tag.TIER: str(step.tier),
            Tag.COLOR: color,
            Tag.DEPLOYMENT: str(self.plan.number),
            Tag.RELEASE: spec.version,
            Tag.IMAGE: spec.image.uri,
        }
        if spec.model:
            tags |= {Tag.MODEL: spec.model.version, Tag.MODEL_SHA256: spec.model.sha256}
        return {str(key): str(value) for key, value in tags.items()}

    def rule_tags(self, tier: Tier | None) -> dict[str, str]:
        """The tags of a tier's live rule, which outlives deployments."""
        tags = {Tag.MANAGED_BY: MANAGED_BY, Tag.STACK: self.contract.stack, Tag.TIER: tier}
        return {str(key): str(value) for key, value in tags.items()}

    def preview_headers(self) -> dict[str, str]:
        """The header that leads to green alone."""
        return {PREVIEW_HEADER: self.preview_token}

    def stage(self, step: Step) -> str:
        """Name of the stage that holds `step`."""
        stage = self.plan.stage_of(step)
        return stage.name if stage else ""

    def progress(self, step: Step, words: str) -> None:
        """Tell how far a step is."""
        self.recorder.write(StepProgress(stage=self.stage(step), step=step, words=words))

    def note(self, event: Event) -> None:
        """Journal what was measured; the record takes it in as a replay of the journal would."""
        self.record.add(event, self.recorder.write(event))

    def warn(self, words: str) -> None:
        """Tell what the operator should know although the run continues."""
        self.recorder.write(Warned(words=words))

    def until(
        self,
        step: Step,
        look: Callable[[], tuple[bool, str]],
        *,
        goal: str,
        deadline: float,
        every: float,
        otherwise: str = "",
        late: type[DeployError] = StepFailed,
    ) -> str:
        """Look again `every` seconds until `goal` is reached; tells each change of the words.

        Raises `late` after `deadline` seconds, with `otherwise` as the next step.
        """
        words = ""

        def told() -> str | None:
            nonlocal words
            self.heartbeat.beat()
            self.holding.look()
            before, (reached, words) = words, look()
            if not reached and words != before:
                self.progress(step, words)
            return words if reached else None

        pauses = steadily(every, within=deadline, now=self.ports.clock.now)
        found = until(told, pauses, self.heartbeat.wait)
        if found is None:
            what = f"timed out after {deadline:g} s waiting for {goal}: {words}"
            raise late(what, next_step=otherwise)
        return found


Handler = Callable[[Run, Step], Done]


def _tier(step: Step) -> Tier:
    if step.tier is None:
        raise ValueError(f"{step.id} names no tier")
    return step.tier
