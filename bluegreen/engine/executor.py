"""Carries a plan out, durably: started is written before an effect, done after it was read back."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from bluegreen.domain import journal
from bluegreen.domain.plan import Stage, Step, StepKind
from bluegreen.engine.heartbeat import StopRequested
from bluegreen.engine.run import Done, Handler, Run
from bluegreen.errors import (
    CloudUnavailable,
    DeployError,
    Halted,
    Interrupted,
    LeaseLost,
    LoggedOut,
    Refused,
    StepFailed,
)
from bluegreen.ports.wait import again, steadily, unavailable

_GRAVEST = (LeaseLost, Halted, CloudUnavailable, Refused, StepFailed, StopRequested, Interrupted)
"""Of several steps that end badly at once, this order says which one the run ends with."""
_PAUSE = 3.0
"""Seconds between attempts of a step that AWS did not answer."""


def carry_out(run: Run, handlers: Mapping[StepKind, Handler]) -> None:
    """Carry out what is left of `run.plan`.

    The words of a finished stage are written together with the beginning of the next one: one
    journal round trip a stage. A crash in between repeats the stage, which changes nothing.
    Raises what the gravest failing step raised.
    """
    carried: list[journal.Event] = []
    count = len(run.plan.stages)
    before: tuple[Stage, int] | None = None
    for index, stage in enumerate(run.plan.stages, start=1):
        pending = [step for step in stage.steps if step not in run.done]
        if not pending:
            before = stage, index
            continue
        if not _urgent(stage) and not _watches(stage) and run.holding.look():
            run.recorder.write(*carried)
            carried = _hold(run, before, handlers)
        before = stage, index
        run.heartbeat.heed_stops = not _urgent(stage)
        run.recorder.write(*carried, _stage_event(stage, index, count), *[_begun(stage, s) for s in pending])
        run.started.update(pending)
        carried = _stage(run, stage, pending, handlers)
    run.recorder.write(*carried)


def _urgent(stage: Stage) -> bool:
    return any(step.urgent for step in stage.steps)


def _watches(stage: Stage) -> bool:
    """A ramp step holds by itself: it is watched on, so that a bad green is still rolled back."""
    return any(step.kind is StepKind.JUDGE for step in stage.steps)


def _hold(
    run: Run, before: tuple[Stage, int] | None, handlers: Mapping[StepKind, Handler]
) -> list[journal.Event]:
    """Begin nothing while a person holds the run; a share that users have is watched meanwhile."""
    if before is None or not _watches(before[0]):
        run.holding.wait()
        return []
    stage, index = before
    steps = list(stage.steps)
    run.recorder.write(_stage_event(stage, index, len(run.plan.stages)), *[_begun(stage, s) for s in steps])
    return _stage(run, stage, steps, handlers)


def _stage_event(stage: Stage, index: int, count: int) -> journal.StageStarted:
    return journal.StageStarted(
        stage=stage.name,
        title=stage.title,
        expected_seconds=stage.expected_seconds,
        index=index,
        count=count,
        percent=stage.percent,
    )


def _begun(stage: Stage, step: Step) -> journal.StepStarted:
    return journal.StepStarted(stage=stage.name, step=step, words=str(step.kind).replace("-", " "))


def _stage(
    run: Run, stage: Stage, steps: list[Step], handlers: Mapping[StepKind, Handler]
) -> list[journal.Event]:
    """All steps at the same time; their done events, or the gravest error after all have ended."""
    outcomes: list[Done | DeployError] = run.ports.parallel(
        [partial(_attempt, run, step, handlers[step.kind]) for step in steps]
    )
    events: list[journal.Event] = []
    errors: list[DeployError] = []
    for step, outcome in zip(steps, outcomes, strict=True):
        if isinstance(outcome, Done):
            done = journal.StepDone(stage=stage.name, step=step, words=outcome.words, result=outcome.result)
            events.append(done)
            run.done[step] = outcome.result
        else:
            errors.append(outcome)
            if not isinstance(outcome, Interrupted | LeaseLost):
                faults = tuple(str(fault) for fault in outcome.faults)
                failed = journal.StepFailed(
                    stage=stage.name, step=step, words=outcome.what, next=outcome.next_step, faults=faults
                )
                events.append(failed)
    if not errors:
        return events
    gravest = min(errors, key=_rank)
    if not isinstance(gravest, LeaseLost):
        run.recorder.write(*events)
    raise gravest


def _rank(error: DeployError) -> int:
    return next((i for i, kind in enumerate(_GRAVEST) if isinstance(error, kind)), len(_GRAVEST))


def _attempt(run: Run, step: Step, handler: Handler) -> Done | DeployError:
    """Run one handler; while AWS does not answer, again and again until patience is used up.

    Handlers are idempotent, so a call whose answer was lost is simply looked at again.
    """
    patience = run.policy.lease.patience

    def told(error: DeployError) -> bool:
        if unavailable(error):
            run.progress(step, f"AWS does not answer, trying again: {error.what}")
        return unavailable(error)

    pauses = steadily(_PAUSE, within=patience, now=run.ports.clock.now)
    try:
        return again(partial(handler, run, step), on=told, pauses=pauses, sleep=run.heartbeat.wait)
    except LoggedOut as error:
        return error
    except CloudUnavailable as error:
        return CloudUnavailable(
            f"timed out after {patience:g} s waiting for AWS to let {step.id} through: {error.what}",
            next_step="when AWS answers again: sc-deploy resume",
        )
    except DeployError as error:
        return error
