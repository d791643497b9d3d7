"""Before anything is built: the preflight checks, the snapshot, the migration."""

from __future__ import annotations

from bluegreen.contract import MANAGED_BY, Tag
from bluegreen.domain.journal import DownMigrationTried, SnapshotTaken
from bluegreen.domain.migration import DownAttempt, snapshot_name
from bluegreen.domain.plan import Step, StepKind
from bluegreen.domain.release import Color, Image
from bluegreen.engine.checks import preflight
from bluegreen.engine.run import Done, Run
from bluegreen.errors import Halted, HostNotReady, Refused, StepFailed


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
    return Done(words="all preflight checks passed")


def snapshot(run: Run, step: Step) -> Done:
    """A database snapshot of this deployment is available (P8)."""
    database = run.contract.database
    if database is None:
        return Done(words="no database")
    name = snapshot_name(run.contract.stack, run.plan.number)
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
    run.until(step, look, goal=f"snapshot {name}", deadline=timeout, every=min(10.0, timeout / 10))
    return Done(words=f"snapshot {name} is available", result=SnapshotTaken(snapshot=name))


def migrate(run: Run, step: Step) -> Done:
    """The expand migration has run, once for this deployment (P4, P8)."""
    migration = run.policy.migration
    if migration is None:
        return Done(words="no migration")
    green, said = run.spec(step), ""
    for name, text in (("check", migration.check), ("run", migration.command)):
        if text:
            command = _filled(text, green.image, green.version)
            success, output = _ended(run, step, _begin(run, step, command, token=_token(run, name)))
            if not success:
                raise StepFailed(
                    f"the migration failed: {output}",
                    next_step=f"correct the migration{_snapshot_words(run)}",
                )
            said = output.strip()
    return Done(words="\n".join(filter(None, ("the migration has run", said))))


def migrate_down(run: Run, step: Step) -> Done:
    """The down migration of the release that is rolled back has run, once (R8).

    It may not be one that can be run twice. So a begun one is looked for by what the journal says of it,
    and a failed one is repeated only when a human has resumed the deployment: raises Halted.
    """
    migration, (image, version) = run.policy.migration, _rolled_back(run, step)
    if migration is None or image is None:
        raise Halted(f"{step.id}: its command or its image is not known", next_step=_BY_HAND)
    number = run.down.number
    if not run.down.handle:
        command = _filled(migration.down, image, version)
        handle = _begin(run, step, command, token=_token(run, f"down-{number}"))
        _tried(run, step, DownAttempt(number=number, handle=handle), f"the down migration of {version} runs")
    success, output = _ended(run, step, run.down.handle)
    if not success:
        _tried(run, step, DownAttempt(number=number + 1), f"attempt {number} failed")
        raise Halted(
            f"the down migration of {version} failed: {output}; nothing was removed",
            next_step=f"{_BY_HAND}; or `sc-deploy resume` runs it once more",
        )
    return Done(words=f"the down migration of {version} has run")


def _tried(run: Run, step: Step, attempt: DownAttempt, words: str) -> None:
    run.down = attempt
    run.recorder.write(DownMigrationTried(stage=run.stage(step), step=step, words=words, attempt=attempt))


def _rolled_back(run: Run, step: Step) -> tuple[Image | None, str]:
    """What the release that is rolled back runs: its fleet's, or where that is gone the plan's."""
    ref = run.ref(step)
    if ref is not None and ref.image is not None:
        return ref.image, ref.version
    parts = run.plan.release.tiers if run.plan.release else ()
    return next(((part.image, part.version) for part in parts if part.tier == step.tier), (None, ""))


_BY_HAND = "correct the schema by hand, then `sc-deploy resume --skip-down`"


def _snapshot_words(run: Run) -> str:
    taken = run.find_result(SnapshotTaken)
    return f"; pre-release snapshot: {taken.snapshot}" if taken else ""


def _filled(text: str, image: Image, version: str) -> str:
    return text.replace("{image}", image.uri).replace("{version}", version)


def _token(run: Run, name: str) -> str:
    """Names one command of this deployment: begun once, whoever asks again."""
    return f"{run.contract.stack}-{run.plan.number}-{run.preview_token}-{name}"


def _timeout(run: Run) -> float:
    return run.policy.migration.timeout if run.policy.migration else 0.0


def _begin(run: Run, step: Step, command: str, *, token: str) -> str:
    """The handle of the command, on an app host or on this machine.

    A host that has just been launched takes commands only once its agent has called home.
    """
    if run.policy.migration and run.policy.migration.run == "local":
        return run.ports.commands.start(None, command, token=token, timeout=_timeout(run))
    found = [""]

    def look() -> tuple[bool, str]:
        try:
            found[0] = run.ports.commands.start(_host(run, step), command, token=token, timeout=_timeout(run))
        except HostNotReady as error:
            if not launched:
                raise
            return False, error.what
        return True, "begun"

    launched = step.kind is StepKind.MIGRATE and step.fleet is Color.GREEN
    health = run.policy.health
    run.until(step, look, goal="a host that takes commands", deadline=health.deadline, every=health.poll)
    return found[0]


def _host(run: Run, step: Step) -> str:
    """An instance of the step's fleet; raises HostNotReady where it has none."""
    plan = run.tier_plan(step)
    name = plan.blue.group_name if step.fleet is Color.BLUE and plan.blue else run.name(step)
    group = run.ports.fleets.group(name)
    if group is None or not group.hosts:
        raise HostNotReady(
            f"no instance of {name} can run the migration",
            next_step=_BY_HAND if step.kind is StepKind.MIGRATE_DOWN else f"see why {name} has no instance",
        )
    return min(group.hosts)


def _ended(run: Run, step: Step, handle: str) -> tuple[bool, str]:
    """Whether the command succeeded, and the end of its output; raises StepFailed past its timeout."""
    timeout, found = _timeout(run), [False]

    def look() -> tuple[bool, str]:
        success, output = run.ports.commands.poll(handle)
        if success is not None:
            found[0] = success
            return True, output[-800:]
        return False, output.strip().splitlines()[-1] if output.strip() else "the migration runs"

    advice = "it may still run: `sc-deploy resume` looks at the same command again"
    every = min(2.0, max(timeout / 10, 0.1))
    words = run.until(
        step, look, goal="the migration to end", deadline=timeout, every=every, otherwise=advice
    )
    return found[0], words
