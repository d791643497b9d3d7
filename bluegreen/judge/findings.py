"""A tier's evidence in words and numbers that an operator can check against a dashboard."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import ceil, exp, log, log1p

from bluegreen.contract import Tier
from bluegreen.domain.measurement import Metric
from bluegreen.domain.stack import SickTargets
from bluegreen.domain.verdict import Finding, Outcome
from bluegreen.judge.comparison import Comparison
from bluegreen.judge.criteria import NEEDED_TO_PASS, SUSPICIOUS, needed_to_fail
from bluegreen.judge.latency import LatencyCounts
from bluegreen.judge.rows import row
from bluegreen.judge.settings import Look
from bluegreen.judge.tail import ENOUGH
from bluegreen.judge.tiers import TierState
from bluegreen.policy import Judging


def findings(state: TierState, limits: Judging, look: Look) -> tuple[Finding, ...]:
    """What each metric of the tier shows now."""
    return tuple(_request_findings(state, limits, look)) + tuple(_availability(state, limits, look))


def _request_findings(state: TierState, limits: Judging, look: Look) -> Iterator[Finding]:
    for metric in (Metric.ERRORS, Metric.LATENCY, Metric.ACCURACY):
        shown = state.shown.get(metric)
        # A look between two arrivals of counts costs next to nothing.
        if shown is None and (counted := [one for one in state.of(metric) if one.green]):
            shown = state.shown[metric] = _counted(state, metric, counted, limits)
        if shown is not None:
            yield _accepted(shown, look)
        elif _required(state, metric, look):
            unknown = Finding(
                metric=metric,
                tier=state.tier,
                outcome=Outcome.INCONCLUSIVE,
                words=f"{state.tier} {metric}: nothing measured on green yet",
                needed=needed_to_fail(limits),
            )
            yield _accepted(unknown, look)


def _accepted(found: Finding, look: Look) -> Finding:
    """A person may decide what the counts do not, and never over evidence against green."""
    words = look.accepted.get((found.tier, found.metric))
    if words is None or found.outcome is not Outcome.INCONCLUSIVE or found.evidence >= SUSPICIOUS:
        return found
    return replace(found, outcome=Outcome.PASS, words=f"{found.words}; {words}")


def _required(state: TierState, metric: Metric, look: Look) -> bool:
    if look.full and state.baseline is not None and metric is not Metric.ERRORS:
        return False  # the ramp has shown it, and against nothing it cannot be
    if metric is Metric.ACCURACY and state.tier in look.labelled:
        return True
    if metric is Metric.ERRORS or any(its_metric is metric for its_metric, _ in state.seen):
        return True
    known = state.baseline
    if metric is not Metric.LATENCY or known is None:
        return False
    # Without traffic in the hour before, blue's latency is known only once users have come.
    return state.tier in known.p95_ms or state.beside >= ENOUGH


def _counted(state: TierState, metric: Metric, counted: Sequence[Comparison], limits: Judging) -> Finding:
    evidence, peak = state.evidence(metric), state.peak.get(metric, 1.0)
    outcome = Outcome.PASS if state.passed(metric) else Outcome.INCONCLUSIVE
    if peak >= needed_to_fail(limits):
        outcome, evidence = Outcome.FAIL, peak
    # Of several sources the one that decides: the one most against green, or the last to prove it good.
    against = outcome is Outcome.FAIL or evidence >= SUSPICIOUS
    one = counted[0]
    if len(counted) > 1:
        one = max(counted, key=_against) if against else min(counted, key=_proven)
    pass_evidence = exp(min(one.pass_evidence, 300.0)) if one.exposed else 0.0
    slow = _slower(one, blue=False)
    what = {Metric.ERRORS: "errors", Metric.LATENCY: slow, Metric.ACCURACY: "wrong answers"}[metric]
    words = f"{state.tier} {what}: {_share(one.green_bad, one.green)} on green"
    if one.blue:
        than = f" {_slower(one, blue=True)}" if metric is Metric.LATENCY else ""
        words += f", {_share(one.blue_bad, one.blue)}{than} on blue"
    if one.latency is not None and one.lopsided:
        words += _busy(one.latency)
    if metric is Metric.ERRORS and state.spared:
        its = ", ".join(f"{count:,} that died with {host}" for host, count in state.spared.items())
        words += f" (without {its})"
    if metric is Metric.ERRORS:
        words += state.instances.noisy(one, limits.error_acceptable)
    elif metric is Metric.LATENCY:
        words += state.instances.slow(one)
    words += f"; evidence {_round(evidence)} of {needed_to_fail(limits):.0f} needed"
    if outcome is Outcome.INCONCLUSIVE:
        words += _missing(metric, one, pass_evidence, limits)
    return Finding(
        metric=metric,
        tier=state.tier,
        outcome=outcome,
        words=words,
        evidence=evidence,
        needed=needed_to_fail(limits),
        row=row(metric, one, limits, evidence=evidence, passed=outcome is Outcome.PASS),
        numbers={
            "green_bad": one.green_bad,
            "green_total": one.green,
            "blue_bad": one.blue_bad,
            "blue_total": one.blue,
            "pass_evidence": pass_evidence,
            "pass_needed": NEEDED_TO_PASS,
        },
    )


def _against(one: Comparison) -> float:
    return one.evidence


def _proven(one: Comparison) -> float:
    return one.pass_evidence


def _slower(one: Comparison, *, blue: bool) -> str:
    """The threshold that is read now; the counts may be over several that followed blue."""
    if one.latency is None:
        return ""
    ms = one.latency.blue_ms if blue else (one.latency.limit_ms if one.blue else one.latency.shown_far_ms)
    about = "about " if one.latency.moved else ""
    return f"slower than {about}{ms:.0f} ms" if ms >= 100 else f"slower than {about}{ms:.3g} ms"


def _busy(latency: LatencyCounts) -> str:
    """How blue was with as much traffic as green has now, where that is slower than it is now."""
    _, now = latency.p95_ms()
    then = latency.busy_ms
    if now is None or then is None or then <= now:
        return ""
    return f" (p95 of blue when it carried as much as green {then:.0f} ms, now {now:.0f} ms)"


def _missing(metric: Metric, one: Comparison, pass_evidence: float, limits: Judging) -> str:
    text = f"; for a pass {_round(pass_evidence)} of {NEEDED_TO_PASS:.0f} in this step"
    if metric is Metric.ACCURACY:
        text += f" ({one.exposed:,} labelled answers of green's)"
    elif one.missed and not one.exposed:
        text += f" (of {one.missed:,} requests none was counted over a latency that fits: no histogram"
        text += " any more, other bounds, or another unit)"
    elif one.exposed < fewest_for_a_pass(limits):
        text += f" ({one.exposed:,} counted: too little traffic)"
    return text


def fewest_for_a_pass(limits: Judging) -> int:
    """Requests that it takes to show an error rate below the limit, even without one bad event."""
    return ceil(log(NEEDED_TO_PASS) / -log1p(-limits.error_limit))


def _availability(state: TierState, limits: Judging, look: Look) -> Iterator[Finding]:
    if sick := look.sick.get(state.tier):
        yield _sickness(state.tier, sick, limits)
    for key, probes in sorted(state.probes.items()):
        if not probes.asked:
            continue
        name = key or "health"
        evidence = probes.evidence
        if evidence >= needed_to_fail(limits):
            outcome = Outcome.FAIL
        elif probes.step_asked and evidence < SUSPICIOUS and not probes.blue_sick:
            outcome = Outcome.PASS
        else:
            outcome = Outcome.INCONCLUSIVE
        words = f"{name}: {_share(probes.failed, probes.asked)} probes failed on green"
        if probes.blue_sick:
            words += ", and blue's fail too"
        yield _probe_finding(state.tier, outcome, words, evidence, limits)


def _sickness(tier: Tier, sick: SickTargets, limits: Judging) -> Finding:
    """A release fails for its sick targets only where the others cannot carry the traffic."""
    words = f"{len(sick.ids)} of green's targets unhealthy ({', '.join(sick.ids)})"
    words += f"; left are {sick.left}, its traffic needs {sick.needed}"
    needed = needed_to_fail(limits)
    return Finding(
        metric=Metric.AVAILABILITY,
        tier=tier,
        outcome=Outcome.INCONCLUSIVE if sick.enough else Outcome.FAIL,
        words=f"{tier} {words}: waiting until the fleet has healed" if sick.enough else f"{tier} {words}",
        evidence=1.0 if sick.enough else needed,
        needed=needed,
    )


def _probe_finding(tier: Tier, outcome: Outcome, words: str, evidence: float, limits: Judging) -> Finding:
    return Finding(
        metric=Metric.AVAILABILITY,
        tier=tier,
        outcome=outcome,
        words=f"{tier} {words}; evidence {_round(evidence)} of {needed_to_fail(limits):.0f} needed",
        evidence=evidence,
        needed=needed_to_fail(limits),
    )


def _share(bad: int, total: int) -> str:
    return f"{bad:,} of {total:,}"


def _round(value: float) -> str:
    if value >= 1e6:
        return "over a million"
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"
