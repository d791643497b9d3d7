"""How long the shipped judge takes to see a key function go down, by probes alone."""

from __future__ import annotations

import numpy as np

from bluegreen.contract import Tier
from bluegreen.domain.measurement import BlueBaseline, Period
from bluegreen.domain.release import Color
from bluegreen.domain.verdict import Outcome
from bluegreen.judge.judge import judge
from bluegreen.judge.settings import Look, StepMark
from bluegreen.policy import Judging

__all__ = ["seconds_to_find"]

START = 1_700_000_000.0
EVERY = 5.0


def seconds_to_find(seed: int) -> float:
    """Seconds from the outage, at a random moment of a step, to the rollback; infinite if there is none."""
    onset = float(np.random.default_rng(seed).uniform(30, 290))
    journal: list[Period] = []
    steps = (StepMark(started_at=START, percent=25),)
    for count in range(int((onset + 60) / EVERY)):
        at = count * EVERY
        journal += [
            Period(
                source="probes", tier=Tier.APP, arm=arm, start=START + at, seconds=EVERY, requests=0,
                errors=0, probes=1, probes_failed=int(arm is Color.GREEN and at >= onset), key="login",
            )
            for arm in Color
        ]  # fmt: skip
        # A probe is sent at the begin of its period and answered long before the end of it.
        now = at + EVERY
        if at < onset:
            continue
        look = Look(now=START + now, tiers=(Tier.APP,))
        verdict = judge(journal, limits=Judging(), baseline=BlueBaseline(p95_ms={}), steps=steps, look=look)
        if verdict.outcome is Outcome.FAIL:
            return now - onset
    return float("inf")
