"""How long a deployment still takes: from what earlier ones of the stack took, else from the plan."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from bluegreen.domain.journal import Entry, Header
from bluegreen.ui.timeline import Progress, StageView, Timeline
from bluegreen.ui.timeline_fold import told

Usual = Mapping[str, float]
"""Seconds that a stage, by its name, took before."""


def usual(earlier: Iterable[tuple[Header, Sequence[Entry]]]) -> Usual:
    """The median of each stage over deployments that went as planned; rollbacks have a pace of their own."""
    took: defaultdict[str, list[float]] = defaultdict(list)
    for header, entries in earlier:
        for stage in told(header, entries).stages:
            if stage.state is Progress.DONE and not stage.back:
                took[stage.name].append(stage.elapsed(stage.ended_at or 0.0))
    return {name: median(seconds) for name, seconds in took.items()}


def expected(stage: StageView, known: Usual) -> float:
    """Seconds that the stage is expected to take."""
    return stage.expected_seconds if stage.back else known.get(stage.name, stage.expected_seconds)


def seconds_left(timeline: Timeline, now: float, known: Usual) -> float:
    """What is left of the stage that runs, and all of those that wait; a stage that overruns adds nothing."""
    waiting = (Progress.RUNNING, Progress.WAITING)
    return sum(
        max(0.0, expected(stage, known) - stage.elapsed(now))
        for stage in timeline.stages
        if stage.state in waiting
    )
