"""The migration of a release and the one that undoes it; each of their commands runs once (P4, P8, R8)."""

from __future__ import annotations

from bluegreen.domain.journal import CommandBegun, DownMigrationTried, SnapshotTaken
from bluegreen.domain.migration import DownAttempt
from bluegreen.domain.plan import Step, StepKind
from bluegreen.domain.release import Image
from bluegreen.engine.run import Done, Run
from bluegreen.engine.steps.command import BY_HAND, begin, cancelled, ended, is_local, token
from bluegreen.errors import Halted, OutcomeUnknown, StepFailed

_NAMES = ("check", "run")
"""Its commands, in the order in which they run."""


def migrate(run: Run, step: Step) -> Done:
    """The expand migration has run, once for this deployment (P4, P8)."""
    migration = run.policy.migration
    if migration is None:
        return Done(words="no migration")
    green, said = run.spec(step), ""
    for name, text in zip(_NAMES, (migration.check, migration.command), strict=True):
        if text:
            success, output = _carried_out(run, step, name, _filled(text, green.image, green.version))
            if not success:
                raise StepFailed(
                    f"the migration failed: {output}",
                    next_step=f"correct the migration{_snapshot_words(run)}",
                )
            said = output.strip()
    return Done(words="\n".join(filter(None, ("the migration has run", said))))


def _carried_out(run: Run, step: Step, name: str, command: str) -> tuple[bool, str]:
    """Whether it succeeded, and its output. Run again only where nobody can tell, and policy allows it."""
    repeatable = run.policy.migration is not None and run.policy.migration.repeatable
    attempt, number = name, 1
    while True:
        try:
            return ended(run, step, _begun(run, step, attempt, command))
        except OutcomeUnknown as error:
            if not repeatable:
                raise
            run.warn(f"{error.what}; the migration is repeatable, so it runs once more")
            number += 1
            attempt = f"{name}-{number}"


def _begun(run: Run, step: Step, name: str, command: str) -> str:
    """The handle of one of the migration's commands: of the one that has begun, if one has."""
    if name not in run.commands:
        handle = begin(run, step, command, token=token(run, name))
        run.commands[name] = handle
        words = f"{name}: begun"
        run.recorder.write(
            CommandBegun(stage=run.stage(step), step=step, words=words, name=name, handle=handle)
        )
    return run.commands[name]


def cancel_commands(run: Run) -> None:
    """No command of an unfinished migration runs any more; raises Halted where one cannot be stopped.

    A release must not be rolled back while its migration still changes the database.
    """
    if not any(step.kind is StepKind.MIGRATE and step not in run.done for step in run.started):
        return
    local = is_local(run)
    # One may have begun whose entry a dead process could not write any more.
    unwritten = (run.ports.commands.find(token(run, name), local=local) for name in _NAMES)
    for handle in {*run.commands.values(), *filter(None, unwritten)}:
        if cancelled(run, handle):
            run.warn("the migration was cancelled before its end: look at what it has changed")


def migrate_down(run: Run, step: Step) -> Done:
    """The down migration of the release that is rolled back has run, once (R8).

    It may not be one that can be run twice. So a begun one is looked for by what the journal says of it,
    and a failed one is repeated only when a human has resumed the deployment: raises Halted.
    """
    migration, (image, version) = run.policy.migration, _rolled_back(run, step)
    if migration is None or image is None:
        raise Halted(f"{step.id}: its command or its image is not known", next_step=BY_HAND)
    number = run.down.number
    if not run.down.handle:
        command = _filled(migration.down, image, version)
        handle = begin(run, step, command, token=token(run, f"down-{number}"))
        _tried(run, step, DownAttempt(number=number, handle=handle), f"the down migration of {version} runs")
    success, output = ended(run, step, run.down.handle)
    if not success:
        _tried(run, step, DownAttempt(number=number + 1), f"attempt {number} failed")
        raise Halted(
            f"the down migration of {version} failed: {output}; nothing was removed",
            next_step=f"{BY_HAND}; or `sc-deploy resume` runs it once more",
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


def _snapshot_words(run: Run) -> str:
    taken = run.find_result(SnapshotTaken)
    return f"; pre-release snapshot: {taken.snapshot}" if taken else ""


def _filled(text: str, image: Image, version: str) -> str:
    return text.replace("{image}", image.uri).replace("{version}", version)
