"""Where users are too few for a verdict, the key functions' probes may decide (judge.without_traffic)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from bluegreen.contract import Tier
from bluegreen.domain.measurement import Metric, Period
from bluegreen.domain.release import Color
from bluegreen.domain.verdict import Outcome, Verdict
from bluegreen.judge.findings import fewest_for_a_pass
from bluegreen.judge.own import OwnRequests
from bluegreen.judge.settings import StepMark
from bluegreen.policy import Judging

_AGAINST = 3.0
"""Evidence from which a metric's counts count as being against green: well below what is suspicious at
the deadline, and above what a handful of slow requests comes to by chance."""


def decided_by_probes(
    verdict: Verdict, periods: Sequence[Period], *, step: StepMark, limits: Judging
) -> Verdict:
    """The verdict at the deadline of `step`, where its policy lets the probes decide; pure.

    Nothing overrules a FAIL, a hold, or counts of users that are against green: the operator is asked as
    without this rule, and the reason says why. It does not shorten the watch: until the deadline users
    may still come.
    """
    undecided = [one for one in verdict.findings if one.outcome is not Outcome.PASS]
    if not verdict.ask or verdict.hold or not undecided:
        return verdict
    tiers = list(dict.fromkeys(one.tier for one in undecided))
    against = [
        one.words for one in undecided if one.metric is Metric.AVAILABILITY or one.evidence >= _AGAINST
    ]
    counts = [_Step(tier, periods, step) for tier in tiers]
    objections = against + [words for one in counts if (words := one.objection(limits))]
    if objections:
        words = f"{verdict.reason}; the probes cannot decide this alone: {'; '.join(objections)}"
        return replace(verdict, reason=words)
    shown = "; ".join(one.words() for one in counts)
    reason = f"too little user traffic for a verdict: {shown} (judge.without_traffic)"
    return replace(verdict, outcome=Outcome.PASS, reason=reason, ask=False)


class _Step:
    """What was counted on green of one tier in the step."""

    def __init__(self, tier: Tier, periods: Iterable[Period], step: StepMark) -> None:
        self._tier, self._percent = tier, step.percent
        mine = [one for one in periods if one.tier is tier and one.start >= step.started_at - 1e-6]
        green = [one for one in mine if one.arm is Color.GREEN]
        self._own = OwnRequests(mine)
        self._sources = {one.source: [p for p in green if p.source == one.source] for one in green}
        self._probes = sum(one.probes for one in green)
        self._failed = sum(one.probes_failed for one in green)

    def _users(self, source: str) -> int:
        counted = self._sources[source]
        own = self._own.among(counted, green_percent=self._percent)
        return max(0, round(sum(one.requests for one in counted) - own))

    @property
    def users(self) -> int:
        """Requests of users on green: several sources count the same ones."""
        return max((self._users(source) for source in self._sources), default=0)

    def objection(self, limits: Judging) -> str:
        """Why the probes may not decide, or ""."""
        if not self._probes:
            return f"{self._tier}: no key function was probed"
        if self._failed:
            return f"{self._tier}: {self._failed} of {self._probes} probes failed"
        needed = fewest_for_a_pass(limits)
        if self.users >= needed:
            shown = f"about {self.users:,} user requests"
            return f"{self._tier}: {shown}, enough for a verdict of their own (from {needed:,})"
        for source, counted in self._sources.items():
            # Our own requests did not fail: what failed was a user's.
            errors = sum(one.errors for one in counted if one.counts_errors)
            if errors > limits.error_acceptable * self._users(source):
                return f"{self._tier}: {errors:,} user requests failed ({source})"
        return ""

    def words(self) -> str:
        """What the pass rests on."""
        return f"{self._tier}: about {self.users:,} user requests, {self._probes:,} probes passed"
