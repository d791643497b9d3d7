"""`resume --accept`: a person decides what the counts do not, where the counts are not against it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bluegreen.contract import Tier
from bluegreen.domain.journal import Accepted, Entry, VerdictGiven
from bluegreen.domain.measurement import Metric
from bluegreen.domain.verdict import Finding, Outcome, Verdict
from bluegreen.errors import Refused
from bluegreen.judge.criteria import SUSPICIOUS

Wanted = tuple[Metric, Tier]


def accepted(
    entries: Iterable[Entry], wanted: Sequence[Wanted], *, operator: str, reason: str
) -> tuple[Accepted, ...]:
    """The entries that accept `wanted`; raises Refused where the last verdict says otherwise."""
    if not wanted:
        return ()
    verdicts = [entry.event.verdict for entry in entries if isinstance(entry.event, VerdictGiven)]
    if not verdicts:
        raise Refused(
            "no verdict has been given, so there is nothing to accept", next_step="sc-deploy resume"
        )
    refusals = [words for one in wanted if (words := _refusal(verdicts[-1], *one))]
    if refusals:
        raise Refused(
            "; ".join(refusals),
            next_step="`sc-deploy resume` watches the step again, `sc-deploy abort` rolls it back",
        )
    return tuple(
        Accepted(tier=tier, metric=metric, operator=operator, reason=reason) for metric, tier in wanted
    )


def _refusal(verdict: Verdict, metric: Metric, tier: Tier) -> str:
    name = f"{metric}:{tier} cannot be accepted"
    if verdict.outcome is Outcome.FAIL or verdict.hold:
        return f"{name}: {verdict.reason}"
    found = next((one for one in verdict.findings if (one.metric, one.tier) == (metric, tier)), None)
    if found is None:
        waiting = ", ".join(f"{one.metric}:{one.tier}" for one in _undecided(verdict)) or "nothing"
        return f"{name}: the last verdict does not wait for it, it waits for {waiting}"
    if found.evidence >= SUSPICIOUS:
        return f"{name}: there is evidence against green: {found.words}"
    return ""


def _undecided(verdict: Verdict) -> list[Finding]:
    return [one for one in verdict.findings if one.outcome is Outcome.INCONCLUSIVE]


def acceptable(verdict: Verdict) -> tuple[Wanted, ...]:
    """What a person may accept after `verdict`."""
    if verdict.hold or verdict.outcome is not Outcome.INCONCLUSIVE:
        return ()
    return tuple(
        (one.metric, one.tier)
        for one in _undecided(verdict)
        if one.metric is not Metric.AVAILABILITY and one.evidence < SUSPICIOUS
    )
