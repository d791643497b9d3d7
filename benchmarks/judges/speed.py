"""One look after eight hours, three tiers by four metrics: milliseconds and megabytes.

python -m benchmarks.judges.speed
"""

from __future__ import annotations

import time
import tracemalloc

import numpy as np

from bluegreen.contract import Tier
from bluegreen.domain.measurement import BlueBaseline, Period
from bluegreen.domain.release import Color
from bluegreen.judge.judge import Judge
from bluegreen.judge.settings import Look, StepMark
from bluegreen.policy import Judging

START = 1_700_000_000.0
BASELINE = BlueBaseline(p95_ms=dict.fromkeys(Tier, 200.0))
STEPS = tuple(
    StepMark(started_at=START + 900 * index, percent=percent) for index, percent in enumerate((5, 25, 50, 95))
)


def journal(seconds: float, hours: float = 1.0) -> list[Period]:
    """Requests, latency and labels per period, and 5 s probes of a key function, on both fleets."""
    rng = np.random.default_rng(1)
    periods = []
    for count in range(int(hours * 3_600 / seconds)):
        at = START + count * seconds
        percent = [step.percent for step in STEPS if step.started_at <= at][-1]
        for tier in Tier:
            for arm, share in ((Color.BLUE, 100 - percent), (Color.GREEN, percent)):
                n = int(rng.poisson(5 * seconds * share))
                over = [int(rng.binomial(n, part)) for part in (0.05, 0.04, 0.023)]
                slow = tuple(zip((200.0, 260 / 1.2, 260.0), sorted(over, reverse=True), strict=True))
                labels = n // 50
                periods.append(
                    Period(
                        source="prometheus", tier=tier, arm=arm, start=at, seconds=seconds, requests=n,
                        errors=int(rng.binomial(n, 0.001)), slow=slow, labels=labels,
                        wrong=int(rng.binomial(labels, 0.1)),
                    )
                )  # fmt: skip
    for count in range(int(hours * 240)):
        periods += [
            Period(
                source="probes", tier=tier, arm=arm, start=START + 15.0 * count, seconds=15.0, requests=0,
                errors=0, probes=3, key="login",
            )
            for tier in Tier for arm in Color
        ]  # fmt: skip
    return sorted(periods, key=lambda period: period.end)


def measure(seconds: float, hours: float = 8.0) -> tuple[int, float, float]:
    """(periods, slowest CPU milliseconds of a look of the last minutes, megabytes that the judge holds)."""
    periods = journal(seconds, hours)
    megabytes = _held(periods)
    folded, coming = Judge(Judging(), BASELINE), list(STEPS)
    folded.begin(coming.pop(0))
    recent = []
    for number, period in enumerate(periods):
        if coming and period.start >= coming[0].started_at:
            folded.begin(coming.pop(0))
        folded.take(period)
        if number > len(periods) - 400:
            begun = time.process_time()
            folded.look(Look(now=period.end, tiers=tuple(Tier), last_before_full=True))
            recent.append(time.process_time() - begun)
    return len(periods), max(recent) * 1e3, megabytes


def _held(periods: list[Period]) -> float:
    """Megabytes of a judge's state; the periods themselves belong to the record."""
    tracemalloc.start()
    folded = Judge(Judging(), BASELINE)
    folded.begin(STEPS[0])
    for period in periods:
        folded.take(period)
    megabytes = tracemalloc.get_traced_memory()[0] / 1e6
    tracemalloc.stop()
    return megabytes


def main() -> None:
    """Print the table."""
    print(f"{'feed':>12} {'periods':>8} {'ms':>8} {'MB':>6}   (bar: < 10 ms, < 20 MB)")
    for seconds in (60.0, 15.0):
        periods, milliseconds, megabytes = measure(seconds)
        print(f"{seconds:>10.0f} s {periods:>8,} {milliseconds:>8.1f} {megabytes:>6.1f}")


if __name__ == "__main__":
    main()
