"""Our judge over many deployments: the shipped one, by the calls of the product (`Record`, `verdict_on`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.judges.feeds import Delivery, Feed
from benchmarks.judges.world import Floats, Ints, World
from bluegreen.contract import Tier
from bluegreen.domain.journal import BaselineMeasured, Event, Measured, ShareWatched
from bluegreen.domain.measurement import BlueBaseline, Period
from bluegreen.domain.plan import FleetRef, Intent, Plan, Stage, Step, StepKind, TierPlan
from bluegreen.domain.release import FULL, Color
from bluegreen.domain.verdict import Outcome, Verdict
from bluegreen.judge.record import Record
from bluegreen.judge.replay import verdict_on
from bluegreen.policy import MetricsPolicy, Policy, Rollout

__all__ = ["ASKED", "FAILED", "PASSED", "RUNNING", "Result", "run"]

RUNNING, PASSED, FAILED, ASKED = 0, 1, 2, 3
START = 1_700_000_000.0
SOURCE = "cloudwatch"
BLUE = FleetRef(
    deployment=1, version="v1.0.0", target_group_arn="", target_group_name="", group_name="",
    desired=2, minimum=2,
)  # fmt: skip
"""Without it in the plan a tier is judged by itself, with absolute limits."""


@dataclass(frozen=True, slots=True)
class Result:
    """How every run ended."""

    outcome: Ints
    seconds: Floats
    harmed: Floats
    replayed: bool = True
    """The first run's journal alone, read anew for each of its last looks, gave the same verdicts."""


class Deployment:
    """One deployment as its deployer sees it: its journal's record, its ramp, and the judge's verdicts."""

    def __init__(self, world: World, of: int, ramp: Sequence[int], policy: Policy) -> None:
        self.step, self.ramp, self.policy = 0, (*ramp, FULL), policy
        self.steps = tuple(Step(kind=StepKind.JUDGE, percent=percent) for percent in self.ramp)
        stages = tuple(Stage(name="judge", title="", steps=(step,)) for step in self.steps)
        self.plan = Plan(
            intent=Intent.PROMOTION, stack="prod", number=1, release=None, reason="",
            tiers=(TierPlan(tier=Tier.AI, blue=BLUE),), stages=stages,
        )  # fmt: skip
        self.record, self._of = Record(), of
        self._journal: list[tuple[Event, float]] = []
        self._verdicts: list[tuple[int, float, Verdict]] = []
        self._bounds = tuple(float(ms) for ms in world.bounds)
        self.enter(0.0)
        baseline = BlueBaseline(p95_ms={Tier.AI: world.told_p95(of)}, wrong={Tier.AI: (100, 1_000)})
        self._add(BaselineMeasured(stage="", step=self.steps[0], words="", baseline=baseline), START)

    def _add(self, event: Event, at: float) -> None:
        self.record.add(event, at)
        if not self._of:
            self._journal.append((event, at))

    def replays(self) -> bool:
        """Whether the journal alone gives the last verdicts again, each by the entries before it."""
        for entries, at, verdict in self._verdicts[-3:]:
            record = Record()
            for event, written in self._journal[:entries]:
                record.add(event, written)
            if verdict_on(record, plan=self.plan, policy=self.policy, now=at) != verdict:
                return False
        return bool(self._verdicts)

    def enter(self, now: float) -> None:
        """The weights of the step are in force."""
        step = self.steps[self.step]
        self._add(
            ShareWatched(stage="", step=step, words="", percent=step.percent or 0, since=START + now),
            START + now,
        )

    def take(self, batch: Delivery, now: float) -> None:
        """A period of both arms has arrived."""
        periods = [self._period(batch, arm) for arm in (Color.BLUE, Color.GREEN)]
        # CloudWatch has no datapoint where there was no request; a scrape counts none.
        served = tuple(one for one in periods if one.requests or one.seconds < 60)
        self._add(Measured(stage="", percent=self.ramp[self.step], periods=served), START + now)

    def _period(self, batch: Delivery, arm: Color) -> Period:
        counts, of = batch.green if arm is Color.GREEN else batch.blue, self._of
        return Period(
            source=SOURCE, tier=Tier.AI, arm=arm, start=START + batch.start, seconds=batch.end - batch.start,
            requests=int(counts.n[of]), errors=int(counts.errors[of]),
            slow=tuple(zip(self._bounds, counts.over[of].tolist(), strict=True)),
            labels=int(counts.labels[of]), wrong=int(counts.wrong[of]),
        )  # fmt: skip

    def look(self, now: float) -> Verdict:
        """What is to be done now."""
        verdict = verdict_on(self.record, plan=self.plan, policy=self.policy, now=START + now)
        if not self._of:
            self._verdicts.append((len(self._journal), START + now, verdict))
        return verdict

    def judge(self, now: float) -> int:
        """How the deployment has ended, if it has; a pass leads to the next step."""
        verdict = self.look(now)
        if verdict.outcome is Outcome.FAIL:
            return FAILED
        if verdict.ask:
            return ASKED
        if verdict.outcome is Outcome.PASS:
            if self.step == len(self.ramp) - 1:
                return PASSED
            self.step += 1
            self.enter(now)
        return RUNNING


def policy_for(ramp: Sequence[int], planned: float, *, labelled: bool) -> Policy:
    """The shipped policy, with steps of that length."""
    short = planned < Rollout().bake
    rollout = Rollout(
        ramp=tuple(ramp), bake=planned, final_bake=planned, min_bake=min(120.0, planned / 2), dwell=0.0,
        extension=3 * planned if short else 900.0, tick=min(15.0, planned / 10),
    )  # fmt: skip
    return Policy(rollout=rollout, metrics=MetricsPolicy(accuracy=("prometheus",) if labelled else ()))


def run(world: World, feed: Feed, *, ramp: Sequence[int] = (5, 25, 50, 95)) -> Result:
    """Deploy every run of the world and judge every tick."""
    runs, tick_seconds = world.runs, world.tick
    policy = policy_for(ramp, world.planned, labelled=world.case.labelled)
    deployments = [Deployment(world, of, ramp, policy) for of in range(runs)]
    outcome, seconds, harmed = np.zeros(runs, dtype=np.int64), np.full(runs, np.nan), np.zeros(runs)
    shares = np.array(deployments[0].ramp) / 100
    for tick in range(world.ticks):
        step = np.array([one.step for one in deployments])
        drawn = world.draw(tick, shares[step])
        alive = outcome == RUNNING
        harmed += np.where(alive, world.harmed(tick, drawn["green"]), 0.0)
        feed.push(tick, drawn["green"], drawn["blue"])
        now = (tick + 1) * tick_seconds
        for due, batch in feed.arrivals(now):
            for of in np.flatnonzero(due & alive):
                deployments[of].take(batch, now)
        for of in np.flatnonzero(alive):
            if ended := deployments[of].judge(now):
                outcome[of], seconds[of] = ended, now
        if not (outcome == RUNNING).any():
            break
    return Result(outcome, seconds, harmed, deployments[0].replays())
