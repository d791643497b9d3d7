"""Turns an unfinished deployment round, and its migration with it where that is asked for (R6, R8)."""

from __future__ import annotations

from collections.abc import Sequence

from bluegreen.contract import Contract
from bluegreen.domain.journal import Entry, EntryKind, Header, fold
from bluegreen.domain.migration import MigrationUndo
from bluegreen.domain.plan import Plan, Step, StepKind
from bluegreen.domain.rollback import plan_take_back
from bluegreen.engine.observe import observe
from bluegreen.engine.recorder import DraftEntry
from bluegreen.engine.run import Run
from bluegreen.engine.wait import again
from bluegreen.errors import Refused
from bluegreen.policy import Policy
from bluegreen.ports import Ports


def begun(run: Run, kind: StepKind) -> bool:
    """Whether a step of this kind was begun, of the plan in force."""
    return any(step.kind is kind and step.id in run.started for step in run.plan.steps)


def turn_round(run: Run, reason: str, *, down: bool) -> None:
    """Journal the plan that takes the release back, and put it in force.

    A down migration that cannot run does not keep the traffic from going back: it is warned of.
    """
    patience = run.policy.lease.patience
    state = again(lambda: observe(run.contract, run.ports), clock=run.ports.clock, patience=patience)

    def plan(*, down: bool) -> Plan:
        snapshot = str(run.results.get("snapshot", {}).get("snapshot", ""))
        undo = MigrationUndo(down=down, migrated=begun(run, StepKind.MIGRATE), snapshot=snapshot)
        shifted = begun(run, StepKind.WEIGHTS)
        return plan_take_back(
            run.plan, run.contract, run.policy, state, shifted=shifted, reason=reason, undo=undo
        )

    try:
        back = plan(down=down)
    except Refused as error:
        run.warn(f"the down migration does not run: {error.what}")
        back = plan(down=False)
    run.recorder.say(EntryKind.DECIDED, decision="rollback", reason=reason, plan=back.to_document())
    run.plan, run.results, run.started = back, {}, set()


def plan_open_back(ports: Ports, header: Header, *, reason: str, down: bool) -> Plan:
    """What taking the unfinished deployment `header` back will do, by the documents it began with.

    Changes nothing. Raises Refused where its down migration is asked for and cannot run.
    """
    entries = ports.journal.entries(header.number)
    state = fold(entries)
    plan = Plan.from_document(dict(state.current or header.documents["plan"]))
    if plan.goes_back:
        if down and not _downs(plan):
            raise Refused(
                f"deployment #{header.number} is being taken back already, without its down migration",
                next_step="finish it with `sc-deploy resume`, then run the down migration by hand",
            )
        return plan
    contract = Contract.model_validate(header.documents["contract"])
    policy = Policy.model_validate(header.documents["policy"])
    source = f"the deploy.toml that deployment #{header.number} began with"
    shifted = _started(entries, StepKind.WEIGHTS)
    snapshot = str(state.done.get("snapshot", {}).get("snapshot", ""))
    undo = MigrationUndo(
        down=down, migrated=_started(entries, StepKind.MIGRATE), snapshot=snapshot, source=source
    )
    return plan_take_back(
        plan, contract, policy, observe(contract, ports), shifted=shifted, reason=reason, undo=undo
    )


def _started(entries: Sequence[Entry], kind: StepKind) -> bool:
    return any(e.kind is EntryKind.STEP_STARTED and e.step.split(".")[0] == kind for e in entries)


def _downs(plan: Plan) -> tuple[Step, ...]:
    return tuple(step for step in plan.steps if step.kind is StepKind.MIGRATE_DOWN)


def ran_down(ports: Ports, number: int) -> bool:
    """Whether the journal of deployment `number` says that its down migration has run."""
    done = fold(ports.journal.entries(number)).done
    return any(step_id.split(".")[0] == StepKind.MIGRATE_DOWN for step_id in done)


def skip_down(run: Run) -> None:
    """Journal that the down migration is not run, because a human has done it or does not want it.

    Raises Refused where none is left to run.
    """
    step = next((step for step in _downs(run.plan) if step.id not in run.results), None)
    if step is None:
        raise Refused(
            f"deployment #{run.plan.number} has no down migration left to skip",
            next_step="repeat the command without --skip-down",
        )
    stage = run.plan.stage_of(step.id)
    data = {"words": "not run: skipped by the operator", "tier": step.tier}
    name = stage.name if stage else ""
    run.recorder.write(DraftEntry(kind=EntryKind.STEP_DONE, stage=name, step=step.id, data=data))
    run.results[step.id] = data
