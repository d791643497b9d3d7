"""Rolls an unfinished deployment back, and its migration with it where that is asked for (R6, R8)."""

from __future__ import annotations

from collections.abc import Sequence

from bluegreen.domain.journal import Decided, Entry, Header, SnapshotTaken, StepDone, StepStarted, fold
from bluegreen.domain.migration import DatabaseRollback
from bluegreen.domain.plan import Plan, Step, StepKind
from bluegreen.domain.rollback import plan_rollback_of_open
from bluegreen.engine.run import Run
from bluegreen.engine.status import observe
from bluegreen.errors import Refused
from bluegreen.ports import Ports
from bluegreen.ports.wait import patiently


def begun(run: Run, kind: StepKind) -> bool:
    """Whether a step of this kind was begun, of the plan in force."""
    return any(step.kind is kind for step in run.started)


def start_rollback(run: Run, reason: str, *, down: bool) -> None:
    """Journal the plan that rolls the release back, and put it in force.

    A down migration that cannot run does not keep the traffic from returning: it is warned of.
    """
    patience = run.policy.lease.patience
    state = patiently(lambda: observe(run.contract, run.ports), clock=run.ports.clock, patience=patience)

    def plan(*, down: bool) -> Plan:
        taken = run.find_result(SnapshotTaken)
        database = DatabaseRollback(
            down=down, migrated=begun(run, StepKind.MIGRATE), snapshot=taken.snapshot if taken else ""
        )
        shifted = begun(run, StepKind.WEIGHTS)
        return plan_rollback_of_open(
            run.plan, run.contract, run.policy, state, shifted=shifted, reason=reason, database=database
        )

    try:
        back = plan(down=down)
    except Refused as error:
        run.warn(f"the down migration does not run: {error.what}")
        back = plan(down=False)
    run.recorder.write(Decided(decision="rollback", reason=reason, plan=back))
    run.plan, run.done, run.started = back, {}, set()


def plan_open_rollback(ports: Ports, header: Header, *, reason: str, down: bool) -> Plan:
    """The rollback of the unfinished deployment `header`, by the documents it began with.

    Changes nothing. Raises Refused where its down migration is asked for and cannot run.
    """
    documents, entries = header.began_with, ports.journal.entries(header.number)
    state = fold(entries)
    plan = state.current or documents.plan
    if plan.rolls_back:
        if down and not _downs(plan):
            raise Refused(
                f"deployment #{header.number} is being rolled back already, without its down migration",
                next_step="finish it with `sc-deploy resume`, then run the down migration by hand",
            )
        return plan
    source = f"the deploy.toml that deployment #{header.number} began with"
    shifted = _started(entries, StepKind.WEIGHTS)
    snapshot = next((one.snapshot for one in state.done.values() if isinstance(one, SnapshotTaken)), "")
    database = DatabaseRollback(
        down=down, migrated=_started(entries, StepKind.MIGRATE), snapshot=snapshot, source=source
    )
    return plan_rollback_of_open(
        plan,
        documents.contract,
        documents.policy,
        observe(documents.contract, ports),
        shifted=shifted,
        reason=reason,
        database=database,
    )


def _started(entries: Sequence[Entry], kind: StepKind) -> bool:
    return any(isinstance(e.event, StepStarted) and e.event.step.kind is kind for e in entries)


def _downs(plan: Plan) -> tuple[Step, ...]:
    return tuple(step for step in plan.steps if step.kind is StepKind.MIGRATE_DOWN)


def ran_down(ports: Ports, number: int) -> bool:
    """Whether the journal of deployment `number` says that its down migration has run."""
    done = fold(ports.journal.entries(number)).done
    return any(step.kind is StepKind.MIGRATE_DOWN for step in done)


def skip_down(run: Run) -> None:
    """Journal that the down migration is not run, because a human has done it or does not want it.

    Raises Refused where none is left to run.
    """
    step = next((step for step in _downs(run.plan) if step not in run.done), None)
    if step is None:
        raise Refused(
            f"deployment #{run.plan.number} has no down migration left to skip",
            next_step="repeat the command without --skip-down",
        )
    words = "not run: skipped by the operator"
    run.recorder.write(StepDone(stage=run.stage(step), step=step, words=words))
    run.done[step] = None
