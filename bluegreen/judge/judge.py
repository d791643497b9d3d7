"""From what was journalled to a verdict: fail, hold, pass, extend, ask, in this order. Decided here alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from math import inf

from bluegreen.contract import Tier
from bluegreen.domain.measurement import BlueBaseline, Metric, Period
from bluegreen.domain.settling import Rejected, settle
from bluegreen.domain.verdict import Finding, Outcome, Verdict
from bluegreen.judge.batches import Calendar, pair
from bluegreen.judge.findings import SUSPICIOUS, findings
from bluegreen.judge.probed import decided_by_probes
from bluegreen.judge.settings import Look, StepMark
from bluegreen.judge.source_health import FeedTrouble, feed_troubles, silent_sources
from bluegreen.judge.tiers import TierState
from bluegreen.policy import Judging


def judge(
    periods: Sequence[Period],
    *,
    limits: Judging,
    baseline: BlueBaseline | None,
    steps: Sequence[StepMark],
    look: Look,
) -> Verdict:
    """Judge a release from every period journalled so far, in order of arrival, and what the look met with.

    `baseline` is None where there is no blue (a first deployment): absolute limits only. A pure
    function: the same journal gives the same verdict. Raises ValueError before the first step.
    """
    if not steps:
        raise ValueError("no ramp step has begun: there is nothing to judge")
    calendar = Calendar(steps, limits)
    settled = settle(periods, now=look.now)
    tiers = {tier: TierState(tier, limits, baseline, calendar) for tier in look.tiers}
    broken = list(settled.broken)
    newest = list(accumulate((period.end for period in settled.periods), max)) if broken else []
    for batch in pair(settled.periods, calendar, has_blue=baseline is not None):
        while broken and broken[0].position < batch.position:
            _void(tiers, broken.pop(0), newest)
        if batch.tier in tiers:
            tiers[batch.tier].add(batch)
    for state in tiers.values():
        state.enter(calendar.current)
    for rejected in broken:
        _void(tiers, rejected, newest)
    troubles = feed_troubles(settled.periods, calendar=calendar, look=look, has_blue=baseline is not None)
    notes = [str(fault) for rejected in broken for fault in rejected.faults]
    verdict = _decide(tiers, limits, calendar.begun, look, troubles=troubles, broken=notes)
    silent = silent_sources(periods, since=calendar.begun, look=look)
    verdict = _by_sources(verdict, silent, look, late=_late(calendar.begun, look))
    # Every source counts our own requests, so one that counted nothing at all does not work.
    if limits.without_traffic == "probes" and not silent:
        verdict = decided_by_probes(verdict, periods, step=steps[-1], limits=limits)
    return verdict


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


def _void(tiers: Mapping[Tier, TierState], rejected: Rejected, newest: Sequence[float]) -> None:
    """No evidence for a pass reaches across data that cannot be true, and the bake restarts.

    Its own times may be what is wrong, so what had been counted when it arrived (`newest`) bounds them.
    """
    period, known = rejected.period, newest[rejected.position - 1] if rejected.position else -inf
    state = tiers.get(period.tier)
    if state is not None:
        believable = not list(period.time_problems())
        until = max(known, min(period.end, known + period.seconds)) if believable else known
        state.restart(until, f"broken counts of {period.source}")


def _decide(
    tiers: Mapping[Tier, TierState],
    limits: Judging,
    begun: float,
    look: Look,
    *,
    troubles: Sequence[FeedTrouble],
    broken: Sequence[str],
) -> Verdict:
    found = tuple(one for state in tiers.values() for one in findings(state, limits, look))
    late = _late(begun, look)

    def verdict(outcome: Outcome, reason: str, *, hold: bool = False) -> Verdict:
        undecided = outcome in {Outcome.INCONCLUSIVE, Outcome.ERROR}
        asked = (
            f"{reason}; not enough evidence by the deadline: paused for you" if undecided and late else reason
        )
        return Verdict(
            outcome=outcome, reason=asked, findings=found, hold=hold, ask=undecided and late, at=look.now
        )

    failed = [one.words for one in found if one.outcome is Outcome.FAIL] + _down(tiers, troubles)
    if failed:
        return verdict(Outcome.FAIL, "; ".join(failed))
    sick = [f"{state.tier}: {state.holding}" for state in tiers.values() if state.holding]
    if sick:
        return verdict(Outcome.INCONCLUSIVE, "hold: " + "; ".join(sick), hold=True)
    unusable = [trouble.words for trouble in troubles] + list(broken)
    if unusable:
        return verdict(Outcome.ERROR, "metrics broken: " + "; ".join(unusable), hold=True)
    waiting = _waiting(found, look, *_watched(tiers, begun, look))
    if not waiting:
        return verdict(Outcome.PASS, _passed(found))
    if late and (suspects := [one.words for one in found if _suspect(one)]):
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


def _suspect(finding: Finding) -> bool:
    return finding.outcome is Outcome.INCONCLUSIVE and finding.evidence >= SUSPICIOUS


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


def _waiting(found: Sequence[Finding], look: Look, watched: float, why: str) -> str:
    """What a pass still lacks; empty when there is nothing."""
    bake = look.min_bake_seconds if look.shorten else max(look.min_bake_seconds, look.planned_seconds)
    undecided = [one for one in found if one.outcome is not Outcome.PASS]
    if watched < bake:
        state = "all metrics pass so far" if not undecided else undecided[0].words
        restarted = f" since it restarted ({why})" if why else ""
        return f"bake: {watched:.0f} of {bake:.0f} s{restarted}; {state}"
    # Labels are scarce: how long accuracy takes depends on their number, not on the weight, so early
    # steps pass without it as long as there is no evidence against green. The last step does not.
    if watched >= look.planned_seconds and not (look.last_before_full or look.full):
        undecided = [
            one for one in undecided if one.metric is not Metric.ACCURACY or one.evidence >= SUSPICIOUS
        ]
    return "extended: " + "; ".join(one.words for one in undecided) if undecided else ""


def _passed(found: Sequence[Finding]) -> str:
    deferred = [one for one in found if one.outcome is not Outcome.PASS]
    text = f"{len(found) - len(deferred)} of {len(found)} checks show green better than the limits"
    if deferred:
        text += "; deferred to the last step: " + "; ".join(one.words for one in deferred)
    return text
