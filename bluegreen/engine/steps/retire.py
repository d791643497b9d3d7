"""Take a fleet out: quiet, detached, drained, deleted. Nothing that has traffic is ever touched."""

from __future__ import annotations

from bluegreen.contract import Tag
from bluegreen.domain.journal import WindowOpened
from bluegreen.domain.plan import Step
from bluegreen.domain.stack import Rule, is_ours
from bluegreen.engine.run import Done, Run
from bluegreen.errors import Halted

_LOOK = 5.0
"""Seconds between looks at what people have asked for while nothing else happens."""


def _ours(run: Run, step: Step) -> list[Rule]:
    return [
        rule
        for rule in run.ports.balancer.rules()
        if is_ours(rule.tags, run.contract.stack) and rule.tags.get(Tag.TIER) == step.tier
    ]


def _live(run: Run, step: Step) -> Rule | None:
    return next((rule for rule in _ours(run, step) if rule.preview_token is None), None)


def window(run: Run, step: Step) -> Done:
    """Blue is kept for the announced time."""
    keep = run.policy.retire.keep_blue
    seconds = 0.0 if keep == "until-next" else keep
    ends = run.ports.clock.now() + seconds
    words = "a rollback to blue is instant: `sc-deploy abort`"
    run.recorder.write(WindowOpened(stage=run.stage(step), step=step, words=words, ends=ends))
    while (left := ends - run.ports.clock.now()) > 0:
        run.holding.look()
        run.heartbeat.wait(min(left, _LOOK))
    return Done(words="the rollback window has passed")


def quiet(run: Run, step: Step) -> Done:
    """The fleet has had no request for `retire.quiet`, past every sticky client's cookie."""
    target = run.target(step)
    if target is None:
        return Done(words="there is no target group")
    sticky = run.tier(step).stickiness
    length = run.policy.retire.quiet + (sticky.seconds if sticky else 0)
    since = run.ports.clock.now()
    if step.deployment is not None:
        # A leftover has had no weight for long: what the metrics already know may show that it is quiet.
        since -= length + run.policy.judge.settle + 2 * run.policy.judge.period

    def look() -> tuple[bool, str]:
        nonlocal since
        count = run.ports.metrics.requests(target, since=since, until=since + length)
        if count is None:
            return False, f"waiting for {length:g} s without a request"
        if count:
            since = run.ports.clock.now()
            return False, f"{count} requests still came in"
        return True, f"no request for {length:g} s"

    every = min(run.policy.health.poll, max(length / 4, 0.2))
    advice = "see who still reaches it: sticky or long-lived connections; then `sc-deploy resume`"
    deadline, goal = run.policy.retire.deadline + length, f"{target.name} to have no requests"
    words = run.until(step, look, goal=goal, deadline=deadline, every=every, otherwise=advice)
    return Done(words=words)


def detach(run: Run, step: Step) -> Done:
    """The live rule names the fleet no more; refused while it gives it weight."""
    target, rule = run.target(step), _live(run, step)
    if target is None or rule is None or target.arn not in rule.weights:
        return Done(words=f"{run.name(step)} is in no rule")
    if rule.weights[target.arn]:
        raise Halted(
            f"{step.tier}: the live rule gives {run.name(step)} weight {rule.weights[target.arn]}; it stays",
            next_step="sc-deploy status",
        )
    rest = {arn: weight for arn, weight in rule.weights.items() if arn != target.arn}
    run.ports.balancer.set_weights(run.tier(step), rest, run.rule_tags(step.tier))
    return Done(words=f"{run.name(step)} is in no rule")


def delete_preview(run: Run, step: Step) -> Done:
    """The preview rules of the step's deployment are gone."""
    ref = run.ref(step)
    number = str(ref.deployment if ref else run.plan.number)
    previews = [rule for rule in _ours(run, step) if rule.preview_token is not None]
    for rule in previews:
        if rule.tags.get(Tag.DEPLOYMENT) == number:
            run.ports.balancer.delete_rule(rule.arn)
    return Done(words="no preview rule")


def delete_rule(run: Run, step: Step) -> Done:
    """The live rule is gone: the listener's maintenance page answers (teardown, or nothing before)."""
    rule = _live(run, step)
    if rule:
        run.ports.balancer.delete_rule(rule.arn)
    return Done(words="visitors see the maintenance page")


def delete_fleet(run: Run, step: Step) -> Done:
    """The Auto Scaling Group and its instances are gone; raises Halted while a rule gives it weight."""
    name, target = run.name(step), run.target(step)
    if target and any(r.weights.get(target.arn) and not r.preview_token for r in _ours(run, step)):
        raise Halted(f"{step.tier}: {name} still has traffic; it stays", next_step="sc-deploy status")

    def look() -> tuple[bool, str]:
        gone = run.ports.fleets.delete(name)
        return gone, f"{name} is gone" if gone else f"{name}: instances are draining"

    drain = run.tier(step).deregistration_delay_seconds
    every = min(run.policy.health.poll, max(drain / 4, 0.5))
    deadline = run.policy.retire.deadline + drain
    return Done(words=run.until(step, look, goal=f"{name} to drain", deadline=deadline, every=every))


def delete_target_group(run: Run, step: Step) -> Done:
    """The target group is gone."""
    target = run.target(step)
    if target is None:
        return Done(words="there is no target group")
    run.ports.balancer.delete_target_group(target.arn)
    return Done(words=f"target group {target.name} is gone")
