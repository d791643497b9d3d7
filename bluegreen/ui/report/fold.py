"""From the journal of one deployment to its report: pure, so any machine writes the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from bluegreen.domain import journal
from bluegreen.domain.checklist import established
from bluegreen.domain.journal import Entry, Header
from bluegreen.domain.plan import FleetRef, FleetSpec, Plan, StepKind, TierPlan
from bluegreen.ui.format import clock_utc, ending_label
from bluegreen.ui.lines import Lines
from bluegreen.ui.report.facts import (
    CheckFacts,
    CommandFacts,
    FleetFacts,
    ItemFacts,
    Report,
    StageFacts,
    TierFacts,
    VerdictFacts,
)
from bluegreen.ui.report.look_at import look_at
from bluegreen.ui.report.series import curves, limits, shares
from bluegreen.ui.timeline import StageView, Timeline
from bluegreen.ui.timeline_fold import told

_CHECKS = {
    StepKind.CHECK: "preflight checks",
    StepKind.HEALTHY: "targets are healthy",
    StepKind.VERSION: "targets answer with the right version",
    StepKind.SMOKE: "smoke tests",
    StepKind.GOLDEN: "answers on the golden set",
    StepKind.JUDGE: "measured against blue",
    StepKind.PROVE_BLUE: "blue can carry all traffic",
    StepKind.AS_BEFORE: "blue serves as before",
}
_COMMANDS = {StepKind.MIGRATE: "migration", StepKind.MIGRATE_DOWN: "down migration"}
_TAIL = 40
"""Lines of a command's output; the log group has all of it."""
_RUNS = 200
"""Verdicts that are shown; a release that flaps more often than that shows its last ones."""


def report_of(header: Header, entries: Sequence[Entry], *, now: float) -> Report:
    """The report; of a deployment that is not over, as it is at epoch second `now`."""
    timeline = told(header, entries)
    ended = timeline.ended_at
    stopped = [entry.event for entry in entries if isinstance(entry.event, journal.RunStopped)]
    last = stopped[-1] if stopped else None
    facts = Report(
        stack=header.stack,
        deployment=header.number,
        intent=timeline.intent,
        version=timeline.version,
        from_versions=timeline.from_versions,
        operator=header.operator,
        operators=tuple(dict.fromkeys((header.operator, *_drivers(entries)))),
        reason=timeline.reason,
        began=header.started_at,
        ended=ended,
        seconds=(ended or now) - header.started_at,
        ending=ending_label(timeline.intent, timeline.ending),
        exit_code=last.exit_code if isinstance(last, journal.RunEnded) and ended else None,
        words=timeline.words,
        next_step=timeline.next_step,
        traffic=timeline.traffic,
        fingerprint=header.fingerprint,
        look_at=(),
        tiers=tuple(_tier(tier) for tier in _plan_of(header, entries)),
        stages=tuple(_stage(stage, now) for stage in timeline.stages),
        curves=curves(entries),
        shares=shares(entries),
        limits=limits(entries),
        verdicts=tuple(_verdicts(entries))[-_RUNS:],
        checks=tuple(_checks(entries, timeline)),
        commands=tuple(_commands(entries)),
        checklist=tuple(_items(header, entries)),
        warnings=tuple(f"{clock_utc(one.at)} {one.words}" for one in timeline.warnings),
        decided=next(
            (e.at for e in entries if isinstance(e.event, journal.Decided) and e.event.plan is not None), None
        ),
        log=tuple(_log(header, entries)),
    )
    return replace(facts, look_at=look_at(facts))


def _drivers(entries: Iterable[Entry]) -> Iterator[str]:
    for entry in entries:
        if isinstance(entry.event, journal.RunStarted | journal.RunResumed):
            yield entry.event.operator


def _plan_of(header: Header, entries: Iterable[Entry]) -> tuple[TierPlan, ...]:
    plans = (entry.event.plan for entry in entries if isinstance(entry.event, journal.RunStarted))
    plan: Plan | None = next(plans, header.documents.plan if header.documents else None)
    return plan.tiers if plan else ()


def _tier(plan: TierPlan) -> TierFacts:
    return TierFacts(tier=plan.tier, blue=_fleet(plan.blue), green=_fleet(plan.green or plan.failed))


def _fleet(found: FleetRef | FleetSpec | None) -> FleetFacts | None:
    if found is None:
        return None
    return FleetFacts(
        version=found.version,
        image=found.image,
        model=found.model,
        launch_template_version=found.launch_template_version,
        instances=found.desired,
    )


def _stage(stage: StageView, now: float) -> StageFacts:
    return StageFacts(
        name=stage.name,
        title=stage.title,
        rollback=stage.back,
        state=str(stage.state),
        planned_seconds=stage.expected_seconds,
        began=stage.first_at,
        seconds=None if stage.first_at is None else stage.elapsed(now),
    )


def _verdicts(entries: Iterable[Entry]) -> Iterator[VerdictFacts]:
    """Looks that say the same are one: its reason and figures are those of the last."""
    found: VerdictFacts | None = None
    for entry in entries:
        event = entry.event
        if not isinstance(event, journal.VerdictGiven):
            continue
        verdict = event.verdict
        key = (event.stage, event.percent, verdict.outcome, verdict.hold, verdict.ask)
        same = found and (found.stage, found.percent, found.outcome, found.hold, found.ask) == key
        if found and not same:
            yield found
        found = VerdictFacts(
            stage=event.stage,
            percent=event.percent,
            outcome=verdict.outcome,
            hold=verdict.hold,
            ask=verdict.ask,
            reason=verdict.reason,
            since=found.since if found and same else entry.at,
            until=entry.at,
            looks=found.looks + 1 if found and same else 1,
            findings=verdict.findings,
            checks=verdict.checks,
        )
    if found:
        yield found


def _checks(entries: Iterable[Entry], timeline: Timeline) -> Iterator[CheckFacts]:
    titles = {stage.name: stage.title for stage in timeline.stages}
    by = timeline.operator
    for entry in entries:
        match entry.event:
            case journal.RunStarted(operator=operator) | journal.RunResumed(operator=operator):
                by = operator
            case journal.StepDone() | journal.StepFailed() as event if event.step.kind in _CHECKS:
                yield CheckFacts(
                    at=entry.at,
                    stage=titles.get(event.stage, event.stage),
                    tier=event.step.tier,
                    check=_CHECKS[event.step.kind],
                    ok=isinstance(event, journal.StepDone),
                    words=event.words,
                    faults=event.faults if isinstance(event, journal.StepFailed) else (),
                    by=by,
                )
            case _:
                pass


def _items(header: Header, entries: Sequence[Entry]) -> Iterator[ItemFacts]:
    for one in established(header, entries) if header.documents else ():
        yield ItemFacts(
            id=one.item.id,
            phase=one.item.phase,
            item=one.item.words,
            strategy=one.item.strategy,
            outcome=one.outcome,
            evidence=one.evidence,
            by=one.by,
            at=one.at,
        )


def _commands(entries: Iterable[Entry]) -> Iterator[CommandFacts]:
    """Each command once, with what it said on the way."""
    found: dict[object, CommandFacts] = {}
    for entry in entries:
        event = entry.event
        if not isinstance(event, journal.StepEvent) or event.step.kind not in _COMMANDS:
            continue
        if isinstance(event, journal.StepStarted):
            lines: tuple[str, ...] = ()
        else:
            lines = tuple(event.words.splitlines())
        known = found.get(event.step)
        ended = isinstance(event, journal.StepDone | journal.StepFailed)
        found[event.step] = CommandFacts(
            at=known.at if known else entry.at,
            command=_COMMANDS[event.step.kind],
            tier=event.step.tier,
            ok=isinstance(event, journal.StepDone) if ended else None,
            output=((*known.output, *lines) if known else lines)[-_TAIL:],
        )
    return iter(found.values())


def _log(header: Header, entries: Iterable[Entry]) -> Iterator[str]:
    lines = Lines(at=clock_utc, quiet=float("inf"))
    for entry in entries:
        yield from lines.of(header, entry)
