"""Which handler makes which step kind true."""

from __future__ import annotations

from collections.abc import Mapping

from bluegreen.domain.plan import StepKind
from bluegreen.engine.run import Handler
from bluegreen.engine.steps import as_before, build, migrate, prepare, prove, retire, shift

HANDLERS: Mapping[StepKind, Handler] = {
    StepKind.CHECK: prepare.check,
    StepKind.SNAPSHOT: prepare.snapshot,
    StepKind.MIGRATE: migrate.migrate,
    StepKind.MIGRATE_DOWN: migrate.migrate_down,
    StepKind.TARGET_GROUP: build.target_group,
    StepKind.PREVIEW: build.preview,
    StepKind.FLEET: build.fleet,
    StepKind.HOLD_SIZE: build.hold_size,
    StepKind.FREE_SIZE: build.free_size,
    StepKind.LABEL: build.label,
    StepKind.MODEL_POINTER: build.model_pointer,
    StepKind.HEALTHY: prove.healthy,
    StepKind.VERSION: prove.version,
    StepKind.SMOKE: prove.smoke,
    StepKind.GOLDEN: prove.golden,
    StepKind.PROVE_BLUE: prove.prove_blue,
    StepKind.WATCHDOG: shift.watchdog,
    StepKind.STAND_DOWN: shift.stand_down,
    StepKind.WEIGHTS: shift.weights,
    StepKind.JUDGE: shift.judge,
    StepKind.AS_BEFORE: as_before.as_before,
    StepKind.WINDOW: retire.window,
    StepKind.QUIET: retire.quiet,
    StepKind.DETACH: retire.detach,
    StepKind.DELETE_PREVIEW: retire.delete_preview,
    StepKind.DELETE_RULE: retire.delete_rule,
    StepKind.DELETE_FLEET: retire.delete_fleet,
    StepKind.DELETE_TARGET_GROUP: retire.delete_target_group,
}
