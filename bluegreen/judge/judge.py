"""From what was journalled to a verdict: fail, hold, pass, extend, ask, in this order. Decided here alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import inf

from bluegreen.contract import Tier
from bluegreen.domain.measurement import BlueBaseline, Period
from bluegreen.domain.settling import Rejected, Settling
from bluegreen.domain.stack import BlueShort, HostLost
from bluegreen.domain.verdict import Finding, Outcome, Verdict
from bluegreen.judge.batches import Batch, Calendar, Pairing
from bluegreen.judge.criteria import SUSPICIOUS
from bluegreen.judge.findings import findings
from bluegreen.judge.host_losses import HostLosses
from bluegreen.judge.own_checks import by_checks
from bluegreen.judge.probed import decided_by_probes
from bluegreen.judge.settings import Look, StepMark
from bluegreen.judge.source_health import FeedTrouble, Sources
from bluegreen.judge.tiers import TierState
from bluegreen.policy import Judging


class Judge:
    """Folds what is measured in a release, in order of arrival, and gives verdicts on it.

    What it knows depends on what it was given and on the time alone, and a look changes nothing else: a judge
    that has followed a run and one that is given its whole journal say the same. `baseline` is None where
    there is no blue (a first deployment): absolute limits only. So are the tiers `without_blue`, where green
    has all the traffic from the first step on.
    """

    def __init__(
        self,
        limits: Judging,
        baseline: BlueBaseline | None,
        *,
        without_blue: frozenset[Tier] = frozenset(),
    ) -> None:
        self._limits, self._baseline, self._without = limits, baseline, without_blue
        self._calendar = Calendar(limits)
        self._gate = Settling()
        self._pairing = Pairing(self._calendar, has_blue=baseline is not None, without_blue=without_blue)
        self._sources = Sources(
            self._calendar, self._pairing, has_blue=baseline is not None, without_blue=without_blue
        )
        self._losses = HostLosses(limits)
        self._tiers: dict[Tier, TierState] = {}
        self._newest = -inf
        self._broken: list[str] = []
        self._step: list[Period] = []

    def begin(self, step: StepMark) -> None:
        """A ramp step begins."""
        self._calendar.begin(step)
        self._losses.begin(step)
        for state in self._tiers.values():
            state.enter()
        self._step = []

    def take(self, period: Period, now: float = inf) -> None:
        """A period has arrived at `now`, after the first step has begun."""
        arrival = self._gate.take(period, now=now)
        self._step.append(period)
        self._sources.add(period, usable=arrival.usable)
        if arrival.broken is not None:
            self._void(arrival.broken)
        if arrival.usable:
            self._newest = max(self._newest, period.end)
            for batch in self._pairing.add(period):
                self._broken.clear()
                self._judge_by(self._losses.add(batch, now))

    def know(self, baseline: BlueBaseline) -> None:
        """Blue's figures before the release have been measured."""
        self._baseline = baseline
        for tier, state in self._tiers.items():
            if tier not in self._without:
                state.know(baseline)

    def lost(self, hosts: Iterable[HostLost]) -> None:
        """Targets that were healthy are no more."""
        self._losses.lost(hosts)

    def short(self, found: Mapping[Tier, BlueShort], at: float) -> None:
        """The tiers whose blue has too few hosts for its share; the others carry theirs at that time."""
        for tier in {*self._tiers, *found}:
            self._tier(tier).short_of_hosts(found.get(tier), at)

    def settle(self, now: float) -> None:
        """What waited for a host that might be lost is judged once `now` shows whether one is."""
        self._judge_by(self._losses.due(now))

    def _judge_by(self, batches: Iterable[Batch]) -> None:
        for batch in batches:
            self._tier(batch.tier).add(batch, self._losses.spared[batch.tier])

    def joined(self, tiers: Iterable[Tier], at: float) -> None:
        """New instances of green have begun to serve there."""
        for tier in tiers:
            self._tier(tier).joined(at)

    def look(self, look: Look) -> Verdict:
        """The verdict at the moment of `look`; raises ValueError before the first step."""
        if not self._calendar.steps:
            raise ValueError("no ramp step has begun: there is nothing to judge")
        limits = self._limits
        self.settle(look.now)
        tiers = {tier: self._tier(tier) for tier in look.tiers}
        verdict = _decide(
            tiers,
            limits,
            self._calendar,
            look,
            troubles=self._sources.troubles(look),
            broken=self._broken,
            open_=self._losses.waiting(),
        )
        silent = self._sources.silent(look)
        verdict = _by_sources(verdict, silent, look, late=_late(self._calendar.begun, look))
        # Every source counts our own requests, so one that counted nothing at all does not work.
        if limits.without_traffic == "probes" and not silent:
            verdict = decided_by_probes(verdict, self._step, step=self._calendar.steps[-1], limits=limits)
        return by_checks(verdict, look.checks, late=_late(self._calendar.begun, look))

    def _tier(self, tier: Tier) -> TierState:
        if tier not in self._tiers:
            known = None if tier in self._without else self._baseline
            self._tiers[tier] = TierState(tier, self._limits, known, self._calendar)
        return self._tiers[tier]

    def _void(self, rejected: Rejected) -> None:
        """No evidence for a pass reaches across data that cannot be true, and the bake restarts.

        Its own times may be what is wrong, so what had been counted when it arrived bounds them.
        """
        period, known = rejected.period, self._newest
        believable = not list(period.time_problems())
        until = max(known, min(period.end, known + period.seconds)) if believable else known
        self._broken += map(str, rejected.faults)
        self._tier(period.tier).restart(until, f"broken counts of {period.source}")


def judge(
    periods: Sequence[Period],
    *,
    limits: Judging,
    baseline: BlueBaseline | None,
    steps: Sequence[StepMark],
    look: Look,
) -> Verdict:
    """The verdict of a judge that is given every period in order of arrival, and each step when it begins."""
    folded, coming = Judge(limits, baseline), list(steps)
    for period in periods if steps else ():
        while coming and (coming[0] is steps[0] or coming[0].started_at <= period.start):
            folded.begin(coming.pop(0))
        folded.take(period, look.now)
    for step in coming:
        folded.begin(step)
    return folded.look(look)


def _late(begun: float, look: Look) -> bool:
    """Whether the deadline of the step is reached."""
    return look.now >= begun + look.deadline_seconds


def _by_sources(verdict: Verdict, silent: Sequence[str], look: Look, *, late: bool) -> Verdict:
    """Promotion needs every source, and settled data of each; a failed one never fails a release.

    A FAIL stands: what the other sources and the fast signals show counts as it is.
    """
    if verdict.outcome is Outcome.FAIL:
        return verdict
    if look.troubles:
        reason = f"hold: {'; '.join(look.troubles)}; meanwhile: {verdict.reason}"
        return replace(verdict, outcome=Outcome.ERROR, reason=reason, hold=True, ask=verdict.ask or late)
    if silent and verdict.outcome is Outcome.PASS:
        reason = f"extended: no settled data of this step yet from {', '.join(silent)}"
        return replace(verdict, outcome=Outcome.INCONCLUSIVE, reason=reason, ask=late)
    return verdict


def _decide(
    tiers: Mapping[Tier, TierState],
    limits: Judging,
    calendar: Calendar,
    look: Look,
    *,
    troubles: Sequence[FeedTrouble],
    broken: Sequence[str],
    open_: Sequence[str],
) -> Verdict:
    found = tuple(one for state in tiers.values() for one in findings(state, limits, look))
    late = _late(calendar.begun, look)

    def verdict(outcome: Outcome, reason: str, *, hold: bool = False) -> Verdict:
        undecided = outcome in {Outcome.INCONCLUSIVE, Outcome.ERROR}
        asked = (
            f"{reason}; not enough evidence by the deadline: paused for you" if undecided and late else reason
        )
        return Verdict(
            outcome=outcome,
            reason=asked,
            findings=found,
            hold=hold,
            ask=undecided and late,
            at=look.now,
            deadline=calendar.begun + look.deadline_seconds,
        )

    failed = [one.words for one in found if one.outcome is Outcome.FAIL] + _down(tiers, troubles)
    if failed:
        return verdict(Outcome.FAIL, "; ".join(failed))
    sick = [f"{state.tier}: {state.holding}" for state in tiers.values() if state.holding]
    if sick and not look.despite:
        return verdict(Outcome.INCONCLUSIVE, "hold: " + "; ".join(sick), hold=True)
    unusable = [trouble.words for trouble in troubles] + list(broken)
    if unusable:
        return verdict(Outcome.ERROR, "metrics broken: " + "; ".join(unusable), hold=True)
    watched, why = _watched(tiers, calendar.begun, look)
    undecided = _undecided(tiers, found, look, watched)
    waiting = _waiting(undecided, look, watched, why)
    if open_:
        waiting = "extended: " + "; ".join(open_)
    if not waiting:
        return verdict(Outcome.PASS, _passed(found))
    if late and (suspects := [one.words for one in found if _suspect(one, tiers[one.tier])]):
        return verdict(
            Outcome.FAIL, "inconclusive at the deadline, with evidence against green: " + "; ".join(suspects)
        )
    return verdict(Outcome.INCONCLUSIVE, waiting)


def _down(tiers: Mapping[Tier, TierState], troubles: Sequence[FeedTrouble]) -> list[str]:
    """Green is not counted and its probes fail: that is no broken metric."""
    return [
        f"{trouble.words}, and green's probes fail"
        for trouble in troubles
        if trouble.green_silent
        and any(probes.evidence >= SUSPICIOUS for probes in tiers[trouble.tier].probes.values())
    ]


def _suspect(finding: Finding, state: TierState) -> bool:
    if finding.outcome is not Outcome.INCONCLUSIVE:
        return False
    return finding.evidence >= SUSPICIOUS or state.suspicious(finding.metric)


def _watched(tiers: Mapping[Tier, TierState], begun: float, look: Look) -> tuple[float, str]:
    """For how many seconds green has been watched undisturbed, and what made the bake restart.

    What decides about all the traffic must have been measured: in the last steps the time that a source
    is late does not count, or a defect that began within it would go unseen.
    """
    since, why = max([(begun, ""), *(state.since(look.now) for state in tiers.values())])
    until = look.now
    if look.last_before_full or look.full:
        until = min([until, *(state.coverage.until for state in tiers.values())])
    return max(0.0, until - since), why


def _undecided(
    tiers: Mapping[Tier, TierState], found: Sequence[Finding], look: Look, watched: float
) -> list[Finding]:
    """What must still be shown before the next step.

    A step before the last needs no proof where nothing is against green and the next one can harm few: the
    proof comes from the whole ramp, and the last step before 100 % does not pass without it.
    """
    open_ = [one for one in found if one.outcome is not Outcome.PASS]
    if look.last_before_full or look.full or watched < look.planned_seconds:
        return open_
    return [one for one in open_ if not tiers[one.tier].bearable(one.metric, look.next_percent)]


def _waiting(undecided: Sequence[Finding], look: Look, watched: float, why: str) -> str:
    """What a pass still lacks; empty when there is nothing."""
    bake = look.min_bake_seconds if look.shorten else max(look.min_bake_seconds, look.planned_seconds)
    if watched < bake:
        state = "all metrics pass so far" if not undecided else undecided[0].words
        restarted = f" since it restarted ({why})" if why else ""
        return f"bake: {watched:.0f} of {bake:.0f} s{restarted}; {state}"
    return "extended: " + "; ".join(one.words for one in undecided) if undecided else ""


def _passed(found: Sequence[Finding]) -> str:
    deferred = [one for one in found if one.outcome is not Outcome.PASS]
    text = f"{len(found) - len(deferred)} of {len(found)} checks show green better than the limits"
    if deferred:
        text += "; nothing is against it, to be shown by the last step: "
        text += "; ".join(one.words for one in deferred)
    return text
