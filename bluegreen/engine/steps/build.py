"""Build green: target group, preview rule, fleet; and hold blue at its size meanwhile."""

from __future__ import annotations

from bluegreen.contract import FleetSize, Tag
from bluegreen.domain.journal import FleetMade, ModelNamed, PreviewMade, SizeHeld, TargetGroupMade
from bluegreen.domain.plan import Step
from bluegreen.domain.release import Color
from bluegreen.engine.run import Done, Run
from bluegreen.errors import StepFailed


def target_group(run: Run, step: Step) -> Done:
    """Green's target group exists."""
    made = run.ports.balancer.ensure_target_group(run.tier(step), run.spec(step), run.tags(step))
    return Done(words=f"target group {made.name}", result=TargetGroupMade(arn=made.arn, name=made.name))


def preview(run: Run, step: Step) -> Done:
    """The preview rule leads to green alone, which also attaches it to the balancer."""
    target = run.need_target(step)
    rule = run.ports.balancer.ensure_preview(run.tier(step), target.arn, run.preview_token, run.tags(step))
    run.routed_at = run.ports.clock.now()
    return Done(words=f"preview rule at priority {rule.priority}", result=PreviewMade(arn=rule.arn))


def fleet(run: Run, step: Step) -> Done:
    """Green's Auto Scaling Group exists, pinned to one launch template version."""
    target, spec = run.need_target(step), run.spec(step)
    group = run.ports.fleets.ensure(run.tier(step), spec, target.arn, run.tags(step))
    words = f"{group.name}: {group.desired} instances of {spec.version}"
    return Done(words=words, result=FleetMade(group=group.name, desired=group.desired))


def hold_size(run: Run, step: Step) -> Done:
    """Blue cannot be scaled in below what it runs now, so that a rollback finds its full capacity."""
    name = run.name(step)
    group = run.ports.fleets.group(name)
    if group is None:
        raise StepFailed(f"{step.tier}: blue's fleet {name} is gone", next_step="sc-deploy status")
    size = max(group.desired, group.minimum)
    if group.minimum != size:
        run.ports.fleets.resize(name, minimum=size)
    return Done(words=f"{name} stays at {size} or more", result=SizeHeld(size=size))


def lowest(size: FleetSize) -> int:
    """The least a fleet may be scaled in to: the standby instances stay beside the minimum (E4)."""
    return min(max(size.minimum, 1 + size.standby), size.maximum)


def free_size(run: Run, step: Step) -> Done:
    """The fleet scales between the contract's bounds again."""
    name, size = run.name(step), run.tier(step).fleet
    group = run.ports.fleets.group(name)
    if group is None:
        return Done(words=f"{name} is gone")
    low, high = lowest(size), max(size.maximum, group.desired)
    if (group.minimum, group.maximum) != (low, high):
        run.ports.fleets.resize(name, minimum=low, maximum=high)
    return Done(words=f"{name} scales between {low} and {high}")


def label(run: Run, step: Step) -> Done:
    """The live fleet carries the colour tag blue."""
    target, name = run.need_target(step), run.name(step)
    tags = {str(Tag.COLOR): str(Color.BLUE)}

    def tag_group() -> None:
        # One that somebody has deleted keeps nobody from ending the deployment.
        if run.ports.fleets.group(name) is not None:
            run.ports.fleets.tag(name, tags)

    run.ports.parallel([lambda: run.ports.balancer.tag([target.arn], tags), tag_group])
    return Done(words=f"{name} is blue")


def model_pointer(run: Run, step: Step) -> Done:
    """The model parameter names the live model (A2, R9)."""
    tier, (_, model) = run.tier(step), run.version(step)
    if model is None or tier.model is None:
        return Done(words=f"{step.tier} has no model")
    if run.ports.models.pointer(tier) != model:
        run.ports.models.set_pointer(tier, model)
    return Done(words=f"{tier.model.pointer_parameter} names {model}", result=ModelNamed(model=model))
