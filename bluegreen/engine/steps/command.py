"""A command of a step, on an app host or on this machine: begun once, waited for, stopped on request.

One on a host is not stopped by our timeout: it may be right and only slow, so the run halts with its handle.
One on this machine ends with its timeout: nobody could look at it from elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from bluegreen.domain.plan import Step, StepKind
from bluegreen.domain.release import Color
from bluegreen.engine.run import Run
from bluegreen.errors import Halted, HostNotReady, OutcomeUnknown
from bluegreen.ports.wait import again, steadily, unavailable, until

T = TypeVar("T")

BY_HAND = "correct the schema by hand, then `sc-deploy resume --skip-down`"
_CANCEL_LOOK, _CANCEL_SECONDS = 2.0, 150.0
"""Seconds between two looks at a command that was asked to stop, and until a person has to stop it."""
_PAUSE = 3.0
"""Seconds between calls while AWS does not answer."""


def token(run: Run, name: str) -> str:
    """Names one command of this deployment: begun once, whoever asks again."""
    return f"{run.contract.stack}-{run.plan.number}-{run.preview_token}-{name}"


def is_local(run: Run) -> bool:
    """Whether the migration runs on the deployer's own machine."""
    return run.policy.migration is not None and run.policy.migration.run == "local"


def _timeout(run: Run) -> float:
    return run.policy.migration.timeout if run.policy.migration else 0.0


def begin(run: Run, step: Step, command: str, *, token: str) -> str:
    """The handle of the command, on an app host or on this machine.

    A host that has just been launched takes commands only once its agent has called home.
    """
    if is_local(run):
        _refuse_a_second(run, step, token)
        return run.ports.commands.start(None, command, token=token)
    found = [""]

    def look() -> tuple[bool, str]:
        try:
            found[0] = run.ports.commands.start(_host(run, step), command, token=token)
        except HostNotReady as error:
            if not launched:
                raise
            return False, error.what
        return True, "begun"

    launched = step.kind is StepKind.MIGRATE and step.fleet is Color.GREEN
    health = run.policy.health
    run.until(step, look, goal="a host that takes commands", deadline=health.deadline, every=health.poll)
    return found[0]


def _refuse_a_second(run: Run, step: Step, token: str) -> None:
    """What a dead process may have begun on its own machine is not begun once more on this one."""
    migration = run.policy.migration
    unsure = step in run.left_undone and run.ports.commands.find(token, local=True) is None
    if unsure and migration is not None and not migration.repeatable:
        raise Halted(
            "an earlier process may have run the migration on its own machine; here nobody can tell",
            next_step="`sc-deploy resume` there; or look at the database, then `sc-deploy abort`. A migration"
            " that may run twice says so: `repeatable = true` in [migration]",
        )


def _host(run: Run, step: Step) -> str:
    """An instance of the step's fleet; raises HostNotReady where it has none."""
    plan = run.tier_plan(step)
    name = plan.blue.group_name if step.fleet is Color.BLUE and plan.blue else run.name(step)
    group = run.ports.fleets.group(name)
    if group is None or not group.hosts:
        raise HostNotReady(
            f"no instance of {name} can run the migration",
            next_step=BY_HAND if step.kind is StepKind.MIGRATE_DOWN else f"see why {name} has no instance",
        )
    return min(group.hosts)


class _TooLong(Halted):
    """It still ran at its timeout."""


def ended(run: Run, step: Step, handle: str) -> tuple[bool, str]:
    """Whether the command succeeded, and the end of its output; raises Halted where it runs on."""
    timeout, found = _timeout(run), [False]

    def look() -> tuple[bool, str]:
        success, output = run.ports.commands.poll(handle)
        if success is not None:
            found[0] = success
            return True, output[-800:]
        return False, output.strip().splitlines()[-1] if output.strip() else "the migration runs"

    advice = "it still runs: `sc-deploy resume` waits for the same command again"
    if step.kind is StepKind.MIGRATE:
        advice += "; `sc-deploy abort` cancels it and rolls back"
    every = min(2.0, max(timeout / 10, 0.1))
    wait = partial(run.until, goal="the migration to end", deadline=timeout, every=every)
    try:
        words = wait(step, look, otherwise=advice, late=_TooLong)
    except _TooLong:
        if not is_local(run):
            raise
        cancelled(run, handle)
        success, output = run.ports.commands.poll(handle)
        return bool(success), output[-800:] if success else (
            f"it took longer than its timeout of {timeout:g} s and was stopped, with every process that it"
            f" had started: {output[-800:]}"
        )
    return found[0], words


def cancelled(run: Run, handle: str) -> bool:
    """Whether it had to be stopped: it does not run any more. Raises Halted where it cannot be stopped."""
    if _over(run, handle):
        return False
    _patiently(run, partial(run.ports.commands.cancel, handle))
    pauses = steadily(_CANCEL_LOOK, within=_CANCEL_SECONDS, now=run.ports.clock.now)
    if until(lambda: _over(run, handle) or None, pauses, run.heartbeat.wait) is None:
        raise Halted(
            f"the migration was asked to stop {_CANCEL_SECONDS:g} s ago and still runs ({handle})",
            next_step="stop it by hand, then `sc-deploy abort` once more",
        )
    return True


def _over(run: Run, handle: str) -> bool:
    """Whether it has ended; what nobody can tell any more is over, and warned of."""
    try:
        success, _ = _patiently(run, partial(run.ports.commands.poll, handle))
    except OutcomeUnknown as error:
        run.warn(error.what)
        return True
    return success is not None


def _patiently(run: Run, call: Callable[[], T]) -> T:
    pauses = steadily(_PAUSE, within=run.policy.lease.patience, now=run.ports.clock.now)
    return again(call, on=unavailable, pauses=pauses, sleep=run.heartbeat.wait)
