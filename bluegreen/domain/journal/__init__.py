"""The journal: what happened, in order. The only events there are.

The executor appends entries before and after every effect. The screen, JSON output, the report and
`resume` are all folds over the same entries.
"""

from __future__ import annotations

from bluegreen.domain.journal.endings import Ending, RunEnded, RunHalted, RunInterrupted, RunStopped
from bluegreen.domain.journal.events import (
    Accepted,
    Attested,
    BaselineMeasured,
    CheckAccepted,
    CommandBegun,
    Continued,
    Decided,
    DownMigrationTried,
    Entry,
    Event,
    Held,
    HoldOverdue,
    Measured,
    RunResumed,
    RunStarted,
    ShareWatched,
    StageStarted,
    StepDone,
    StepEvent,
    StepFailed,
    StepProgress,
    StepStarted,
    VerdictGiven,
    Warned,
    WindowOpened,
)
from bluegreen.domain.journal.fold import RunState, fold
from bluegreen.domain.journal.header import SCHEMA, Documents, Header, open_header, other_version
from bluegreen.domain.journal.left_behind import left_behind
from bluegreen.domain.journal.results import (
    FleetMade,
    GoldenCompared,
    Judged,
    MigrationRehearsed,
    ModelNamed,
    PreviewMade,
    SizeHeld,
    SnapshotTaken,
    StepResult,
    TargetGroupMade,
    TargetsHealthy,
    TargetsSeen,
    WatchdogArmed,
    WeightsSet,
)
