"""Carries a plan out, durably: started is written before an effect, done after it was read back."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from bluegreen.domain.journal import EntryKind
from bluegreen.domain.plan import Stage, Step, StepKind
from bluegreen.engine.heartbeat import StopRequested
from bluegreen.engine.recorder import DraftEntry
from bluegreen.engine.run import Done, Handler, Run
from bluegreen.errors import (
    CloudUnavailable,
    DeployError,
    Halted,
    Interrupted,
    LeaseLost,
    Refused,
    StepFailed,
)

__all__ = ["carry_out"]

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
    carried: list[DraftEntry] = []
    count = len(run.plan.stages)
    for index, stage in enumerate(run.plan.stages, start=1):
        pending = [step for step in stage.steps if step.id not in run.results]
        if not pending:
            continue
        run.heartbeat.heed_stops = not any(step.urgent for step in stage.steps)
        run.recorder.write(*carried, _stage_word(stage, index, count), *[_begun(stage, s) for s in pending])
        run.started.update(step.id for step in pending)
        carried = _stage(run, stage, pending, handlers)
    run.recorder.write(*carried)


def _stage_word(stage: Stage, index: int, count: int) -> DraftEntry:
    data = {"title": stage.title, "expected_seconds": stage.expected_seconds, "index": index, "count": count}
    return DraftEntry(kind=EntryKind.STAGE_STARTED, stage=stage.name, data=data)


def _begun(stage: Stage, step: Step) -> DraftEntry:
    data = {"words": str(step.kind).replace("-", " "), "tier": step.tier}
    return DraftEntry(kind=EntryKind.STEP_STARTED, stage=stage.name, step=step.id, data=data)


def _stage(
    run: Run, stage: Stage, steps: list[Step], handlers: Mapping[StepKind, Handler]
) -> list[DraftEntry]:
    """All steps at the same time; their done words, or the gravest error after all have ended."""
    outcomes: list[Done | DeployError] = run.ports.parallel(
        [partial(_attempt, run, step, handlers[step.kind]) for step in steps]
    )
    words: list[DraftEntry] = []
    errors: list[DeployError] = []
    for step, outcome in zip(steps, outcomes, strict=True):
        if isinstance(outcome, Done):
            data = {"words": outcome.words, "tier": step.tier, **outcome.data}
            words.append(DraftEntry(kind=EntryKind.STEP_DONE, stage=stage.name, step=step.id, data=data))
            run.results[step.id] = data
        else:
            errors.append(outcome)
            if not isinstance(outcome, Interrupted | LeaseLost):
                data = {"words": outcome.what, "tier": step.tier, "next": outcome.next_step}
                data["faults"] = [str(fault) for fault in outcome.faults]
                words.append(
                    DraftEntry(kind=EntryKind.STEP_FAILED, stage=stage.name, step=step.id, data=data)
                )
    if not errors:
        return words
    gravest = min(errors, key=_rank)
    if not isinstance(gravest, LeaseLost):
        run.recorder.write(*words)
    raise gravest


def _rank(error: DeployError) -> int:
    return next((i for i, kind in enumerate(_GRAVEST) if isinstance(error, kind)), len(_GRAVEST))


def _attempt(run: Run, step: Step, handler: Handler) -> Done | DeployError:
    """Run one handler; while AWS does not answer, again and again until patience is used up.

    Handlers are idempotent, so a call whose answer was lost is simply looked at again.
    """
    clock, patience = run.ports.clock, run.policy.lease.patience
    gave_up = clock.now() + patience
    while True:
        try:
            return handler(run, step)
        except CloudUnavailable as error:
            if clock.now() >= gave_up:
                return CloudUnavailable(
                    f"AWS did not let {step.id} through for {patience:g} s: {error.what}",
                    next_step="when AWS answers again: sc-deploy resume",
                )
            try:
                run.progress(step, f"AWS does not answer, trying again: {error.what}")
                run.heartbeat.wait(_PAUSE)
            except DeployError as stop:
                return stop
        except DeployError as error:
            return error
