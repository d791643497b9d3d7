"""Conducts one deployment to an ending: released, rolled back, halted or interrupted.

Whatever happens, the ending says where the traffic is.
"""

from __future__ import annotations

import traceback
from dataclasses import replace
from pathlib import Path

from bluegreen.domain.journal import Ending, RunEnded, RunHalted, RunInterrupted, RunStopped
from bluegreen.domain.plan import Intent, StepKind
from bluegreen.domain.release import Color
from bluegreen.domain.reports import Result
from bluegreen.engine.executor import carry_out
from bluegreen.engine.heartbeat import StopRequested
from bluegreen.engine.notices import page_of
from bluegreen.engine.rolling_back import begun, start_rollback
from bluegreen.engine.run import Run
from bluegreen.engine.status import observe, traffic_words
from bluegreen.engine.steps.handlers import HANDLERS
from bluegreen.engine.steps.migrate import cancel_commands
from bluegreen.errors import (
    CloudUnavailable,
    DeployError,
    ExitCode,
    Halted,
    Interrupted,
    LeaseLost,
    LoggedOut,
    Refused,
    StepFailed,
)
from bluegreen.masking import mask

_RESUME = "`sc-deploy resume` continues, `sc-deploy abort` rolls it back"


def conduct(run: Run) -> Result:
    """Carry out the plan in force; on a failure roll the release back, or halt.

    Raises LeaseLost (nothing more may be written) and Refused (nothing was changed).
    """
    if run.plan.rolls_back:
        run.heartbeat.rolling_back()
    try:
        carry_out(run, HANDLERS)
    except (StepFailed, StopRequested, Refused) as error:
        return _failed(run, error)
    except Interrupted:
        return _interrupted(run)
    except (Halted, CloudUnavailable) as error:
        return _halted(run, error)
    except DeployError:
        raise
    except Exception as error:  # noqa: BLE001  (a bug: even then the ending says where the traffic is)
        return _broken(run, error)
    return _completed(run)


def _broken(run: Run, error: Exception) -> Result:
    """The run met a bug of sc-deploy: it halts, and gives its lease back."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(frame.filename).name}:{frame.lineno}"
    # Nobody knows what such an error quotes, and it stands in the journal and on pages.
    what = mask(f"unexpected error, a bug of sc-deploy: {type(error).__name__}: {error} ({place})")
    return replace(_halted(run, Halted(what)), exit_code=ExitCode.BUG)


def _failed(run: Run, error: DeployError) -> Result:
    if isinstance(error, Refused) and all(step.kind is StepKind.CHECK for step in run.started):
        _end(run, Ending.ABORTED, error.what)
        raise error
    if run.plan.intent is Intent.TEARDOWN or run.plan.rolls_back:
        return _halted(run, error)
    if _blue_is_going(run) or (_accepted(run) and not isinstance(error, StopRequested)):
        what = f"the release is live, but the rest of the plan failed: {error.what}"
        return _halted(run, Halted(what, next_step=error.next_step or "sc-deploy resume"))
    first = not any(plan.blue for plan in run.plan.tiers)
    if first and begun(run, StepKind.WEIGHTS) and not isinstance(error, StopRequested):
        what = f"{error.what}; there is no earlier release to roll back to"
        return _halted(run, Halted(what, next_step="fix forward with a new promotion, or `sc-deploy abort`"))
    return roll_back(run, reason=error.what, down=isinstance(error, StopRequested) and error.down)


def roll_back(run: Run, *, reason: str, down: bool = False, asked: bool = False) -> Result:
    """Return all traffic to blue and remove green; with `down` run its down migration first (R8).

    `asked`: this command was for it (`abort`), so that it did what it was asked to. Of a rollback that has
    begun already it is the order to end it, even where blue was found to serve worse than before.
    Raises Refused where blue's own down migration has begun: it cannot serve any more.
    """
    if begun(run, StepKind.MIGRATE_DOWN) and not run.plan.rolls_back:
        raise Refused(
            f"the down migration of {_blue_version(run)} has begun; that release cannot be restored",
            next_step="`sc-deploy resume` finishes this one",
        )
    run.heartbeat.rolling_back()
    run.ordered = asked and run.plan.rolls_back
    try:
        if not run.plan.rolls_back:
            cancel_commands(run)
            start_rollback(run, reason, down=down)
        carry_out(run, HANDLERS)
    except Interrupted:
        return _interrupted(run)
    except LeaseLost:
        raise
    except DeployError as error:
        return _halted(run, error)
    except Exception as error:  # noqa: BLE001  (as in `conduct`)
        return _broken(run, error)
    return _completed(run, asked=asked)


def _blue_version(run: Run) -> str:
    return next((plan.blue.version for plan in run.plan.tiers if plan.blue), "blue")


def _accepted(run: Run) -> bool:
    return any(step.kind is StepKind.LABEL for step in run.done)


def _blue_is_going(run: Run) -> bool:
    going = (StepKind.MIGRATE_DOWN, StepKind.DETACH, StepKind.DELETE_FLEET)
    return any(step.kind in going and step.fleet is Color.BLUE for step in run.started)


def _completed(run: Run, *, asked: bool = False) -> Result:
    version = run.plan.release.version if run.plan.release else ""
    if run.plan.intent is Intent.TEARDOWN:
        return _end(run, Ending.TORN_DOWN, _removed(run))
    snapshot = f"; pre-release snapshot: {run.plan.snapshot}" if run.plan.snapshot else ""
    if run.plan.rolls_back:
        words = f"rolled back: {run.plan.reason}" if run.plan.reason else "rolled back"
        code = ExitCode.ROLLED_BACK if _reversed(run) and not asked else ExitCode.RELEASED
        return _end(run, Ending.ROLLED_BACK, words + snapshot, code=code)
    return _end(run, Ending.RELEASED, f"{version} is live{snapshot}", proven=True)


def _removed(run: Run) -> str:
    """What a teardown took away, e.g. `removed: 3 fleets (v1.0.0), 3 rules`."""
    refs = [ref for plan in run.plan.tiers for ref in plan.leftovers]
    rules = sum(step.kind is StepKind.DELETE_RULE for step in run.plan.steps)
    versions = ", ".join(sorted({ref.version for ref in refs})) or "none"
    counts = f"{len(refs)} fleet{'s' * (len(refs) != 1)} ({versions})"
    return f"removed: {counts}" + (f", {rules} rule{'s' * (rules != 1)}" if rules else "")


def _reversed(run: Run) -> bool:
    """Whether the plan in force rolls a release back, and was not itself what was asked for."""
    return run.plan.rolls_back and not run.recorder.header.began_with.plan.rolls_back


def _traffic(run: Run) -> tuple[str, ...]:
    returns, now = run.returns(), run.ports.clock.now()
    try:
        return traffic_words(observe(run.contract, run.ports), returns, now=now)
    except DeployError as error:
        unknown = f"unknown, AWS could not be asked ({error.what})"
        return tuple(f"{tier}: {unknown}{one.words(now=now)}" for tier, one in returns.items()) or (unknown,)


def _end(
    run: Run, ending: Ending, words: str, *, code: ExitCode = ExitCode.RELEASED, proven: bool = False
) -> Result:
    event = RunEnded(ending=ending, words=words, traffic=_traffic(run), exit_code=int(code))
    run.recorder.write(event)
    header = run.recorder.header
    # What the operator gave as the reason stays; an ending that nobody asked for needs its own.
    reason = (_asked_for(run) or words) if ending is Ending.RELEASED else words
    ended = replace(header, ending=ending, ended_at=run.ports.clock.now(), proven=proven, reason=reason)
    run.recorder.close(ended)
    return _result(run, event, code)


def _interrupted(run: Run) -> Result:
    words = f"stopped at a safe point in stage {_stage(run)}"
    event = RunInterrupted(words=words, traffic=_traffic(run), next=_RESUME, returns=run.returns())
    _stop(run, event)
    return _result(run, event, ExitCode.INTERRUPTED)


def _halted(run: Run, error: DeployError) -> Result:
    next_step = error.next_step or _RESUME
    if isinstance(error, LoggedOut):
        next_step = f"{error.next_step}; then {_RESUME}"
    event = RunHalted(words=error.what, traffic=_traffic(run), next=next_step, returns=run.returns())
    try:
        _stop(run, event)
    except CloudUnavailable:
        # The journal is away too; the screen still has to say what is known.
        unwritten = "the journal could not be written; `sc-deploy resume` finds the last durable step"
        event = replace(event, traffic=(*event.traffic, unwritten))
        # Nobody has heard of it: subscribers are told of what is durable.
        page = page_of(run.recorder.header, event)
        if page:
            run.ports.pager.send(page)
    return _result(run, event, ExitCode.HALTED)


def _stop(run: Run, event: RunInterrupted | RunHalted) -> None:
    run.recorder.write(event)
    reason = "; ".join(words for words in (_asked_for(run), event.words) if words)
    run.recorder.close(replace(run.recorder.header, ending=event.ending, reason=reason))


def _asked_for(run: Run) -> str:
    """Why the operator wanted the deployment: its header's reason is the last stop's, once there was one."""
    return run.recorder.header.began_with.plan.reason


def _result(run: Run, event: RunStopped, code: ExitCode) -> Result:
    return Result(
        ending=event.ending,
        exit_code=code,
        header=run.recorder.header,
        words=event.words,
        next_step=event.next,
        traffic=event.traffic,
    )


def _stage(run: Run) -> str:
    return next((run.stage(step) for step in run.plan.steps if step not in run.done), "end")
