"""The benchmark's array form of the judge is the shipped judge; and a short run keeps honest bounds."""

import numpy as np

from benchmarks.judges.feeds import CloudWatch, Delivery, Scrape, feed_named
from benchmarks.judges.ours import ASKED, FAILED, PASSED, RUNNING, run
from benchmarks.judges.world import CASES, LIMITS, P95, Case, Counts, World
from bluegreen.contract import Tier
from bluegreen.domain.measurement import BlueBaseline, Period
from bluegreen.domain.release import Color
from bluegreen.domain.verdict import Outcome, Verdict
from bluegreen.judge.judge import judge
from bluegreen.judge.settings import Look, StepMark
from bluegreen.policy import Judging

FEEDS = ("15 s", "CW")
RAMP = (5, 25, 50, 95)
START = 1_700_000_000.0
BASELINE = BlueBaseline(p95_ms={Tier.AI: P95})


class Recorder:
    """A feed that remembers which period reached one run at which look."""

    def __init__(self, inner: Scrape | CloudWatch, of: int) -> None:
        self.inner, self.of, self.seconds = inner, of, inner.seconds
        self.arrived: list[tuple[float, list[Period]]] = []

    def push(self, tick: int, green: Counts, blue: Counts, step: np.ndarray) -> None:
        self.inner.push(tick, green, blue, step)

    def arrivals(self, now: float):  # noqa: ANN201  (the protocol's iterator)
        for due, batch in self.inner.arrivals(now):
            if due[self.of]:
                self.arrived.append((now, [_period(batch, arm, self.of) for arm in Color]))
            yield due, batch


def _period(batch: Delivery, arm: Color, index: int) -> Period:
    counts = batch.green if arm is Color.GREEN else batch.blue
    return Period(
        source="feed", tier=Tier.AI, arm=arm, start=START + batch.start, seconds=batch.end - batch.start,
        requests=int(counts.n[index]), errors=int(counts.errors[index]),
        slow=tuple((P95 * limit, int(over[index])) for limit, over in zip(LIMITS, counts.slow, strict=True)),
        labels=int(counts.labels[index]), wrong=int(counts.wrong[index]),
    )  # fmt: skip


def _shipped(arrived: list[tuple[float, list[Period]]], until: float) -> tuple[int, float]:
    """Deploy once more, this time asking the shipped judge at every look."""
    steps = [StepMark(started_at=START, percent=RAMP[0])]
    journal: list[Period] = []
    now = 0.0
    while now < until:
        now += 15.0
        for at, periods in arrived:
            if at == now:
                journal += periods
        verdict = _look(journal, steps, now)
        if verdict.outcome is Outcome.FAIL:
            return FAILED, now
        if verdict.ask:
            return ASKED, now
        if verdict.outcome is Outcome.PASS:
            if len(steps) == len(RAMP):
                return PASSED, now
            steps.append(StepMark(started_at=START + now, percent=RAMP[len(steps)]))
    return RUNNING, now


def _look(journal: list[Period], steps: list[StepMark], now: float) -> Verdict:
    look = Look(now=START + now, tiers=(Tier.AI,), last_before_full=len(steps) == len(RAMP))
    return judge(journal, limits=Judging(), baseline=BASELINE, steps=steps, look=look)


REPLAYED = (
    "good",
    "accuracy -5 %",
    "accuracy -12 %",
    "shared errors 3 %",
    "shared latency +60 %",
    "errors 1.2 %",
    "latency +35 %",
    "good at 5 req/s",
)
RUNS = 60


def check() -> list[str]:
    """Print each comparison and its outcome; what does not hold."""
    wrong: list[str] = []
    for feed in FEEDS:
        for case in CASES:
            faults = _bars(case, feed) + (_replays(case, feed) if case.name in REPLAYED else [])
            print(f"{feed:5} {case.name:45} {'; '.join(faults) or 'holds'}")
            wrong += [f"{feed}, {case.name}: {fault}" for fault in faults]
    return wrong


def _replays(case: Case, feed: str) -> list[str]:
    """The array form gives the shipped judge's verdicts, look by look."""
    faults: list[str] = []
    for of in range(2):
        recorder = Recorder(feed_named(feed, 2, 3), of)
        result = run(World(case, 2, 340, (17,)), 2, 340, recorder)
        ended = int(result.outcome[of]), float(result.seconds[of])
        shipped = _shipped(recorder.arrived, ended[1])
        if shipped != ended:
            faults.append(f"the shipped judge ends {shipped}, the array form {ended}")
    return faults


def _bars(case: Case, feed: str) -> list[str]:
    """A short run keeps the bars.

    A rate of 0.5 % cannot be shown with 60 runs, but a judge that is plainly broken is caught: with true
    rates at the bars, three false rollbacks of 60 in one cell have a chance of 0.3 %.
    """
    index = CASES.index(case)
    result = run(World(case, RUNS, 340, (23, index)), RUNS, 340, feed_named(feed, RUNS, index))
    failed = int((result.outcome == FAILED).sum())
    faults: list[str] = []
    if case.bad and failed < RUNS:
        faults.append(f"{RUNS - failed} of {RUNS} bad releases not rolled back")
    if not case.bad and failed > 2:
        faults.append(f"{failed} of {RUNS} good releases rolled back")
    if case.name == "errors 5 %" and feed == "15 s" and np.median(result.seconds) > 60:
        faults.append(f"found after {np.median(result.seconds):.0f} s, not 60")
    return faults
