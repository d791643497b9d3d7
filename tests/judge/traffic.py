"""Periods for the judge's tests: fixed seeds, numpy's binomials, a ramp of steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from bluegreen.contract import Tier
from bluegreen.domain.measurement import BlueBaseline, Period
from bluegreen.domain.release import Color
from bluegreen.judge.settings import Look, StepMark

START = 1_700_000_000.0
BASELINE = BlueBaseline(p95_ms={Tier.APP: 200.0, Tier.WEB: 200.0, Tier.AI: 200.0})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """True rates of one fleet."""

    errors: float = 0.001
    slow: tuple[float, float, float] = (0.05, 0.04, 0.023)
    """Shares over 200, 216.7 and 260 ms."""
    far: float = 0.001
    """Share over 520 ms."""
    wrong: float = 0.1


GOOD = Fleet()


@dataclass(slots=True, kw_only=True)
class Traffic:
    """Requests on both fleets through a ramp; `green` and `blue` give the truth at a second."""

    green: Callable[[float], Fleet] = field(default=lambda _: GOOD)
    blue: Callable[[float], Fleet] = field(default=lambda _: GOOD)
    rate: float = 500.0
    labels: float = 0.0
    seconds: float = 15.0
    tier: Tier = Tier.APP
    source: str = "prometheus"
    seed: int = 7

    def periods(self, percents: Mapping[float, int], until: float) -> list[Period]:
        """Both arms' periods from 0 to `until`; `percents` maps a second to green's weight from then."""
        rng = np.random.default_rng(self.seed)
        result = []
        begun = 0.0
        while begun + self.seconds <= until + 1e-9:
            share = [percent for at, percent in percents.items() if at <= begun][-1] / 100
            total = int(self.rate * self.seconds)
            for arm, part, truth in (
                (Color.BLUE, 1 - share, self.blue(begun)),
                (Color.GREEN, share, self.green(begun)),
            ):
                requests = int(rng.binomial(total, part))
                if requests:
                    result.append(self.period(rng, arm, begun, requests, truth))
            begun += self.seconds
        return result

    def period(
        self, rng: np.random.Generator, arm: Color, begun: float, requests: int, truth: Fleet
    ) -> Period:
        """One period's counts, drawn from the truth."""
        over, counts = requests, []
        before = 1.0
        for ms, share in zip((200.0, 260.0 / 1.2, 260.0, 520.0), (*truth.slow, truth.far), strict=True):
            over = int(rng.binomial(over, min(1.0, share / before)))
            before = share
            counts.append((ms, over))
        labels = int(rng.poisson(self.labels * requests / self.rate)) if self.labels else 0
        return Period(
            source=self.source,
            tier=self.tier,
            arm=arm,
            start=START + begun,
            seconds=self.seconds,
            requests=requests,
            errors=int(rng.binomial(requests, truth.errors)),
            slow=tuple(counts),
            labels=labels,
            wrong=int(rng.binomial(labels, truth.wrong)),
        )


def step(at: float = 0.0, percent: int = 5, planned: float = 300.0) -> StepMark:
    """A step that began `at` seconds after START."""
    return StepMark(started_at=START + at, percent=percent, planned_seconds=planned)


def look(now: float, **changes: object) -> Look:
    """A look `now` seconds after START at the app tier."""
    values: dict[str, object] = {"now": START + now, "tiers": (Tier.APP,)}
    return Look(**(values | changes))  # type: ignore[arg-type]  # the dataclass checks its callers in mypy


def probes(arm: Color, at: float, *, failed: bool, key: str = "login", tier: Tier = Tier.APP) -> Period:
    """One probe of a key function."""
    return Period(
        source="probes", tier=tier, arm=arm, start=START + at, seconds=5.0, requests=0, errors=0,
        probes=1, probes_failed=int(failed), key=key,
    )  # fmt: skip
