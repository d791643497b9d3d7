"""Before anything is built: the before-checklist, the snapshot, the migration."""

from __future__ import annotations

from bluegreen.contract import MANAGED_BY, Tag
from bluegreen.domain.plan import Step
from bluegreen.domain.release import Color
from bluegreen.engine import preflight
from bluegreen.engine.run import Done, Run
from bluegreen.errors import Refused, StepFailed

__all__ = ["check", "migrate", "snapshot"]


def check(run: Run, _step: Step) -> Done:
    """The before-checklist holds (C1); every fault is named at once (raises Refused)."""
    faults = preflight.faults(run.plan, run.contract, run.policy, run.ports)
    if faults:
        raise Refused(
            "this release may not start", faults=faults, next_step="`sc-deploy doctor` shows them again"
        )
    return Done(words="nothing speaks against this release")


def snapshot(run: Run, step: Step) -> Done:
    """A database snapshot of this deployment is available (P8)."""
    database = run.contract.database
    if database is None:
        return Done(words="no database")
    name = f"sc-{run.contract.stack}-before-{run.plan.number}"
    tags = {
        str(Tag.MANAGED_BY): MANAGED_BY,
        str(Tag.STACK): run.contract.stack,
        str(Tag.DEPLOYMENT): str(run.plan.number),
    }

    def look() -> tuple[bool, str]:
        status = run.ports.database.ensure_snapshot(database.identifier, name, tags)
        if status in ("failed", "incompatible-restore", "deleted"):
            raise StepFailed(
                f"snapshot {name} is {status}", next_step="look at the RDS events of the database"
            )
        return status == "available", f"snapshot {name}: {status}"

    timeout = run.policy.backup.timeout
    run.until(step, look, deadline=timeout, every=min(10.0, timeout / 10))
    return Done(words=f"snapshot {name} is available", data={"snapshot": name})


def migrate(run: Run, step: Step) -> Done:
    """The expand migration has run, once for this deployment (P4, P8)."""
    migration = run.policy.migration
    if migration is None:
        return Done(words="no migration")
    host = _host(run, step) if migration.run == "ssm" else None
    green = run.spec(step)
    for name, text in (("check", migration.check), ("run", migration.command)):
        if text:
            command = text.replace("{image}", green.image.uri).replace("{version}", green.version)
            _command(
                run,
                step,
                host,
                command,
                token=f"{run.contract.stack}-{run.plan.number}-{run.preview_token}-{name}",
            )
    return Done(words="the migration has run")


def _host(run: Run, step: Step) -> str:
    plan = run.tier_plan(step)
    name = plan.blue.group_name if step.fleet is Color.BLUE and plan.blue else run.name(step)
    group = run.ports.fleets.group(name)
    if group is None or not group.instances:
        raise StepFailed(f"no instance of {name} can run the migration")
    return min(group.instances)


def _command(run: Run, step: Step, host: str | None, command: str, *, token: str) -> None:
    timeout = run.policy.migration.timeout if run.policy.migration else 0.0
    handle = run.ports.commands.start(host, command, token=token, timeout=timeout)

    def look() -> tuple[bool, str]:
        success, output = run.ports.commands.poll(handle)
        if success is False:
            raise StepFailed(
                f"the migration command failed on {host or 'this machine'}: {output[-800:]}",
                next_step="correct the migration; the database has a snapshot of before",
            )
        return success is True, output.strip().splitlines()[-1] if output.strip() else "the migration runs"

    run.until(step, look, deadline=timeout, every=min(2.0, max(timeout / 10, 0.1)))
