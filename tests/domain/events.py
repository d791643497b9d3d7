"""One event of every kind."""

from __future__ import annotations

from typing import get_args

from bluegreen.contract import Tier
from bluegreen.domain.journal import (
    Accepted,
    Attested,
    BaselineMeasured,
    CheckAccepted,
    CommandBegun,
    Continued,
    Decided,
    DownMigrationTried,
    Ending,
    Event,
    Held,
    HoldOverdue,
    RunEnded,
    RunHalted,
    RunInterrupted,
    RunResumed,
    RunStarted,
    ShareWatched,
    StageStarted,
    StepDone,
    StepFailed,
    StepProgress,
    StepStarted,
    VerdictGiven,
    Warned,
    WindowOpened,
)
from bluegreen.domain.measurement import BlueBaseline, Metric
from bluegreen.domain.migration import DownAttempt
from bluegreen.domain.verdict import Outcome, Verdict
from tests.ui.samples import judging, measured, promotion

_STOPPED = {"words": "w", "traffic": ("web: 100 % on v1.0.0",)}


def _step(kind: type, **more: object) -> Event:
    found: Event = kind(stage="judge-25", step=judging(), words="w", **more)
    return found


EVERY: tuple[Event, ...] = (
    RunStarted(plan=promotion(), operator="anna"),
    RunResumed(operator="ben"),
    StageStarted(stage="judge-25", title="Judge", expected_seconds=1.0, index=1, count=2, percent=25),
    _step(StepStarted),
    _step(StepProgress),
    _step(StepDone),
    _step(StepFailed, next="look"),
    _step(ShareWatched, percent=25, since=1.0),
    _step(BaselineMeasured, baseline=BlueBaseline(p95_ms={Tier.APP: 12.5}, thin=(Tier.AI,), at=1.0)),
    _step(CommandBegun, name="run", handle="command-1"),
    _step(DownMigrationTried, attempt=DownAttempt(number=2, handle="command-1")),
    _step(WindowOpened, ends=9.0),
    measured(),
    Accepted(tier=Tier.APP, metric=Metric.LATENCY, operator="anna", reason="tested"),
    CheckAccepted(check="queue depth", breach=True, operator="anna", reason="tested"),
    Attested(item="tests", said="All tests passed", by="ben", operator="anna"),
    VerdictGiven(
        stage="judge-25",
        step=judging(),
        percent=25,
        verdict=Verdict(outcome=Outcome.PASS, reason="good"),
        next="Shift",
        next_at=None,
    ),
    Decided(decision="rollback", reason="errors", plan=promotion(number=3)),
    Held(by="ben", why="complaints", asked_at=1.5, until=9.0, rolls_back=True),
    HoldOverdue(words="on hold"),
    Continued(by="ben", why="was nothing"),
    Warned(words="w"),
    RunInterrupted(next="resume", **_STOPPED),
    RunHalted(next="resume", **_STOPPED),
    RunEnded(ending=Ending.RELEASED, exit_code=0, **_STOPPED),
)
CLASSES: tuple[type[Event], ...] = get_args(get_args(Event)[0])
assert {type(event) for event in EVERY} == set(CLASSES)
