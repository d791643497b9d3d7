"""Whether a fleet that has its traffic back serves as before: the judge of 100 %, with nothing beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bluegreen.contract import Tier
from bluegreen.domain.measurement import BlueBaseline, Metric, Period
from bluegreen.domain.release import FULL, Color
from bluegreen.domain.verdict import Finding, Outcome, Verdict
from bluegreen.judge.judge import judge
from bluegreen.judge.settings import Look, StepMark
from bluegreen.judge.tail import HALF_LIFE
from bluegreen.policy import Judging, Policy

_MOST_ERRORS = 0.5
"""The most that `judge.error_limit` may be."""
_HALF = 50
"""A share that is neither all nor nothing: the fleet beside itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """A fleet's figures before it lost its traffic."""

    baseline: BlueBaseline
    beside: tuple[Period, ...] = ()
    """Its counts while the release ran beside it, as the blue arm."""

    def limits(self, judging: Judging) -> Judging:
        """The share of failed requests from which on it is worse than before: twice its own where that was
        over the limit already, for then no rollback is to be kept from ending.
        """
        counted = [one for one in self.last if one.counts_errors and one.requests]
        shares: dict[Tier, list[int]] = {}
        for one in counted:
            sums = shares.setdefault(one.tier, [0, 0])
            sums[0] += one.errors
            sums[1] += one.requests
        worst = max((errors / requests for errors, requests in shares.values()), default=0.0)
        if worst <= judging.error_limit:
            return judging
        limit = min(2 * worst, _MOST_ERRORS)
        return judging.model_copy(update={"error_limit": limit, "error_acceptable": min(worst, limit / 2)})

    @property
    def last(self) -> list[Period]:
        """The newest counts, by which the judge learns what is slow for this fleet."""
        end = max((one.end for one in self.beside), default=0.0)
        return [one for one in self.beside if one.start >= end - HALF_LIFE]


def decides_after(policy: Policy) -> float:
    """Seconds after which the counts of a watch of `rollout.min_bake` have settled."""
    return policy.rollout.min_bake + policy.judge.settle + policy.judge.period


def verdict_as_before(
    periods: Sequence[Period],
    *,
    tiers: tuple[Tier, ...],
    before: Before,
    policy: Policy,
    since: float,
    now: float,
) -> Verdict:
    """What `periods`, counted as the green arm from `since` on, show against the fleet's figures `before`.

    Errors are limited absolutely, and by twice what they were where that was more; latency by twice the
    threshold that the counts beside the release have set, as in the last step of a release. From
    `decides_after` on, what is bad by itself is suspicious. The fleet's instances are warm.
    """
    planned = policy.rollout.min_bake
    metrics = policy.metrics
    look = Look(
        now=now,
        tiers=tiers,
        required=tuple(str(source) for source in dict.fromkeys((*metrics.errors, *metrics.latency))),
        min_bake_seconds=planned,
        planned_seconds=planned,
        deadline_seconds=decides_after(policy),
        full=True,
    )
    known = before.last
    beside_itself = [arm for one in known for arm in (one, replace(one, arm=Color.GREEN))]
    steps = [StepMark(started_at=since, percent=FULL, planned_seconds=planned)]
    if known:
        begun = min(one.start for one in known)
        steps.insert(0, StepMark(started_at=begun, percent=_HALF, planned_seconds=policy.rollout.bake))
    return judge(
        [*beside_itself, *periods],
        limits=before.limits(policy.judge).model_copy(update={"cold_start": 0.0, "without_traffic": "ask"}),
        baseline=before.baseline,
        steps=steps,
        look=look,
    )


def figures(findings: Iterable[Finding], before: BlueBaseline) -> str:
    """What was measured, for people: `web errors 0.02 %, p95 31 ms (30 ms before)`."""
    by_tier: dict[Tier, list[str]] = {}
    for one in findings:
        words = _figure(one, before)
        if words:
            by_tier.setdefault(one.tier, []).append(words)
    return "; ".join(f"{tier} {', '.join(words)}" for tier, words in by_tier.items())


def worse(verdict: Verdict, before: BlueBaseline) -> str:
    """The figures of the checks that failed, errors with their limit."""
    worst = [one for one in verdict.findings if one.outcome is Outcome.FAIL]
    worst = worst or [one for one in verdict.findings if one.outcome is not Outcome.PASS]
    words = figures(worst, before)
    limit = next((f"{one.row.limit:.1%}" for one in worst if one.metric is Metric.ERRORS and one.row), "")
    return f"{words} (limit of errors {limit})" if limit else words or verdict.reason


def _figure(one: Finding, before: BlueBaseline) -> str:
    if one.row is None or one.row.green is None:
        return ""
    if one.metric is Metric.ERRORS:
        return f"errors {one.row.green:.2%}"
    if one.metric is not Metric.LATENCY:
        return ""
    was = before.p95_ms.get(one.tier)
    return f"p95 {one.row.green:.0f} ms" + (f" ({was:.0f} ms before)" if was else "")
