"""Verify a fleet before it carries users: targets, versions, smoke tests, golden set."""

from __future__ import annotations

import math
from functools import partial
from itertools import repeat

from bluegreen.domain.journal import GoldenCompared, TargetsHealthy, TargetsSeen
from bluegreen.domain.plan import Step
from bluegreen.domain.release import Color
from bluegreen.domain.stack import Health
from bluegreen.engine import probes
from bluegreen.engine.before import golden_before
from bluegreen.engine.probes import GoldenScore
from bluegreen.engine.run import Done, Run
from bluegreen.errors import Halted, StepFailed
from bluegreen.policy import SmokeTest
from bluegreen.ports import Request
from bluegreen.ports.wait import until

_SEE_ALL = 12
"""Requests per instance before the versions seen are taken for all; round robin needs far fewer."""


def healthy(run: Run, step: Step) -> Done:
    """All targets are healthy, at blue's current capacity (only `healthy` counts)."""
    target, name = run.need_target(step), run.name(step)
    blue = run.tier_plan(step).blue
    needed = run.spec(step).desired
    if blue:
        carrying = run.ports.fleets.group(blue.group_name)
        grown = min(carrying.desired if carrying else 0, run.tier(step).fleet.maximum)
        if grown > needed:
            run.ports.fleets.resize(name, minimum=grown)
            needed = grown

    def look() -> tuple[bool, str]:
        health = run.ports.balancer.health(target.arn)
        words = f"{health.healthy} of {needed} healthy"
        good = health.healthy >= needed and not health.unhealthy and not health.initial
        if good or not (health.unhealthy or health.registered < needed):
            return good, words
        group, troubles = run.ports.fleets.group(name), run.ports.fleets.troubles(name)
        # A host is no target before it serves: without this, a fleet that never boots would look empty.
        booting = len(group.hosts) - group.in_service if group else 0
        waiting = (f"{booting} booting",) if booting else ()
        why = "; ".join(dict.fromkeys((*waiting, *health.reasons, *troubles[:1])))
        return False, f"{words} ({health}{'; ' + why if why else ''})"

    policy = run.policy.health
    words = run.until(
        step,
        look,
        goal=f"{needed} healthy targets",
        deadline=policy.deadline,
        every=policy.poll,
        otherwise=f"look at the instances of {name}: user data log, container log, health check path",
    )
    return Done(words=words, result=TargetsHealthy(healthy=needed))


def version(run: Run, step: Step) -> Done:
    """Every target answers with the right version (and model), through preview rule or front door."""
    tier, (wanted, model) = run.tier(step), run.version(step)
    expected = run.ports.balancer.health(run.need_target(step).arn).healthy
    headers = run.preview_headers() if step.preview else {}
    seen: set[str] = set()
    cdn = False

    def ask() -> str:
        nonlocal cdn
        for _ in range(max(expected, 1) * _SEE_ALL):
            request = Request(url_path=tier.version_path, headers=headers, timeout=run.policy.probes.timeout)
            answer = run.ports.prober.send(request)
            instance, fault = probes.version_fault(answer, wanted, model)
            if fault:
                return fault
            seen.add(instance)
            cdn = probes.through_cdn(answer)
            if len(seen) >= expected:
                return ""
        return f"only {len(seen)} of {expected} targets answered {tier.version_path}"

    def look() -> tuple[bool, str]:
        fault = ask()
        return not fault, fault or f"{len(seen)} targets serve {wanted}"

    # Rule changes reach the balancer's nodes one by one; until then an old answer is not a fault.
    poll, goal = run.policy.health.poll, f"every target to serve {wanted}"
    deadline = max(run.policy.rollout.dwell, 3 * poll)
    words = run.until(step, look, goal=goal, deadline=deadline, every=min(poll, 2.0))
    return Done(words=words, result=TargetsSeen(instances=tuple(sorted(seen)), cdn=cdn))


def smoke(run: Run, step: Step) -> Done:
    """The tier's smoke tests pass; each may fail a few times, every failure is reported (P5).

    A rule change may still be on its way to some of the balancer's nodes: what fails within
    `rollout.dwell` of it is tried again and does not count as an attempt.
    """
    settled = (run.routed_at or run.ports.clock.now()) + run.policy.rollout.dwell
    tests = [test for test in run.policy.smoke if test.tier == step.tier]
    for test in tests:
        _passes(run, step, test, settled)
    return Done(words=f"{len(tests)} smoke tests passed")


def _passes(run: Run, step: Step, test: SmokeTest, settled: float) -> None:
    headers = run.preview_headers() if step.preview else {}
    attempts, attempt, told = run.policy.probes.attempts, 0, ""

    def look() -> bool | None:
        nonlocal attempt, told
        fault = probes.run_smoke(test, run.ports.prober, headers, run.policy.probes.timeout)
        if not fault:
            return True
        attempt += run.ports.clock.now() >= settled
        words = f"{test.name}: {fault}" + (f" (attempt {attempt} of {attempts})" if attempt else "")
        if words != told:
            run.progress(step, words)
            told = words
        if attempt >= attempts:
            raise StepFailed(
                f"smoke test {test.name!r} on {step.tier} failed {attempts} times: {fault}",
                next_step=f"send the same request yourself: {test.steps[0].method} {test.steps[0].path}",
            )
        return None

    until(look, repeat(1.0), run.heartbeat.wait)


def golden(run: Run, step: Step) -> Done:
    """Green answers the golden set as well as blue does, before it meets users (P5, R4)."""
    questions = run.policy.golden
    if questions is None:
        return Done(words="no golden set")
    beat, timeout = run.heartbeat.beat, run.policy.probes.timeout
    ask = partial(probes.ask_golden, questions, run.ports, beat=beat, timeout=timeout)
    if step.fleet is Color.BLUE:
        return _golden_again(run, step, ask(headers={}))
    green = ask(headers=run.preview_headers())
    blue = ask(headers={}) if run.tier_plan(step).blue else None
    limit, known = run.policy.judge.accuracy_drop_limit, blue.accuracy if blue else None
    fault = probes.golden_fault(green, known, limit, who="green", than="blue's")
    beside = f", blue {blue.accuracy:.1%}" if blue else ""
    words = f"accuracy {green.accuracy:.1%} of {green.asked}{beside}"
    if fault:
        raise StepFailed(f"AI validation failed: {fault}", next_step="compare the model versions")
    result = GoldenCompared(green=green.accuracy, blue=blue.accuracy if blue else None)
    return Done(words=words, result=result)


def _golden_again(run: Run, step: Step, blue: GoldenScore) -> Done:
    """Blue has its traffic back and answers as it did before the release (R10).

    Where nothing says how it answered, nobody is kept from a rollback by what may always have been so.
    """
    before = golden_before(run)
    limit = run.policy.judge.accuracy_drop_limit
    fault = probes.golden_fault(blue, before, limit, who="blue", than="its")
    words = f"accuracy {blue.accuracy:.1%} of {blue.asked}"
    if before is None:
        if fault:
            run.warn(f"{step.tier}: after the rollback {fault}; how it answered before is not known")
        return Done(words=words)
    if fault:
        what = f"rolled back, but the AI answers are not what they were: {fault} before the release"
        next_step = (
            "look at the model and its data, then `sc-deploy resume`; `sc-deploy abort` ends it as it is"
        )
        run.not_as_before(step, StepFailed(what, next_step=next_step))
    return Done(words=f"{words}, {before:.1%} before the release")


def prove_blue(run: Run, step: Step) -> Done:
    """Blue can carry everything; never roll back onto an unhealthy fleet.

    Waits a moment for full capacity. With half or more of it the rollback continues with a warning,
    because a release that failed its judgement is worse; below that a human decides (raises Halted).
    Where no rule names blue (somebody deleted the live rule, or put a page of their own there) visitors get
    nothing of it, and AWS checks no target that no rule names: then blue is taken as it is.
    """
    ref, poll = run.ref(step), run.policy.health.poll
    target, desired = run.need_target(step), max(ref.desired if ref else 1, 1)
    half, health = math.ceil(desired / 2), Health()

    def whole() -> bool | None:
        nonlocal health
        health = run.ports.balancer.health(target.arn)
        if health.healthy >= desired:
            return True
        run.progress(step, f"blue: {health.healthy} of {desired} healthy ({health})")
        return None

    until(whole, (poll, poll), run.heartbeat.wait)
    words = f"{health.healthy} of {desired} healthy"
    if health.healthy >= desired:
        return Done(words=words)
    if health.healthy >= half:
        run.warn(
            f"{step.tier}: blue has only {health.healthy} of {desired} targets healthy; rolling back to it"
        )
        return Done(words=words)
    if health.unused >= half and not any(target.arn in rule.weights for rule in run.ports.balancer.rules()):
        run.warn(
            f"{step.tier}: no rule leads to blue, so it has no health checks; it gets the traffic"
            " without a health check"
        )
        return Done(words=f"{health.unused} of {desired} without health checks: no rule names blue")
    raise Halted(
        f"{step.tier}: blue is unhealthy too ({health}); traffic was not moved onto it",
        next_step=f"repair {run.name(step)}, then `sc-deploy resume`, or fix forward with a new promotion",
    )
