"""Before anything is built: the preflight checks and the snapshot."""

from __future__ import annotations

from bluegreen.contract import MANAGED_BY, Tag
from bluegreen.domain.journal import MigrationRehearsed, SnapshotTaken
from bluegreen.domain.migration import began, snapshot_name
from bluegreen.domain.plan import Step, StepKind
from bluegreen.domain.rehearsal import doubts, evidence
from bluegreen.engine.checks import preflight
from bluegreen.engine.run import Done, Run
from bluegreen.errors import Halted, Refused, StepFailed


def check(run: Run, _step: Step) -> Done:
    """The preflight checks pass (C1); every fault is named at once (raises Refused)."""
    found = preflight.examined(run.plan, run.contract, run.policy, run.ports)
    if found.faults:
        advice = "`sc-deploy doctor` shows them again"
        if found.overruled:
            advice += '; where it is the way out, `--despite "why"` continues with what is there'
        raise Refused("this release may not start", faults=found.faults, next_step=advice)
    if run.plan.despite:
        return Done(words=f"the other preflight checks passed; despite: {run.plan.despite}")
    return Done(words="all preflight checks passed", result=_rehearsed(run))


def _rehearsed(run: Run) -> MigrationRehearsed | None:
    """What the rehearsal of this release's migration showed; what makes it no evidence is warned of."""
    wanted = run.policy.rehearsal.host_variable and run.plan.has(StepKind.MIGRATE) and run.plan.release
    if not wanted:
        return None
    found = evidence(run.ports.rehearsals.newest(), wanted.version, run.policy)
    for words in doubts(found, wanted.version, run.policy, run.ports.clock.now()):
        run.warn(words)
    return MigrationRehearsed(words=found.words) if found else None


def snapshot(run: Run, step: Step) -> Done:
    """A database snapshot of this deployment is available (P8).

    RDS does not stop at our timeout, so its end halts and rolls nothing back; `resume` looks at the same one.
    """
    database = run.contract.database
    if database is None:
        return Done(words="no database")
    name = snapshot_name(run.contract.stack, run.plan.number)
    tags = {
        str(Tag.MANAGED_BY): MANAGED_BY,
        str(Tag.STACK): run.contract.stack,
        str(Tag.DEPLOYMENT): str(run.plan.number),
        str(Tag.BEGAN): began(run.recorder.header.started_at),
    }

    def look() -> tuple[bool, str]:
        status = run.ports.database.ensure_snapshot(database.identifier, name, tags)
        if status in ("failed", "incompatible-restore", "deleted"):
            raise StepFailed(
                f"snapshot {name} is {status}", next_step="look at the RDS events of the database"
            )
        return status == "available", f"snapshot {name}: {status}"

    timeout = run.policy.backup.timeout
    run.until(
        step,
        look,
        goal=f"snapshot {name}",
        deadline=timeout,
        every=min(10.0, timeout / 10),
        otherwise=f"RDS still makes {name}: `sc-deploy resume` waits for the same snapshot,"
        " `sc-deploy abort` ends the deployment",
        late=Halted,
    )
    return Done(words=f"snapshot {name} is available", result=SnapshotTaken(snapshot=name))
