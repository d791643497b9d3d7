"""`resume --accept`: a person decides what the measurements do not, where these are not against it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bluegreen.contract import Tier
from bluegreen.domain.journal import Accepted, CheckAccepted, Entry, VerdictGiven
from bluegreen.domain.measurement import Metric
from bluegreen.domain.verdict import Finding, Outcome, Verdict
from bluegreen.errors import Refused
from bluegreen.judge.criteria import SUSPICIOUS

Wanted = tuple[Metric, Tier] | str
"""A metric of a tier, or the name of an own check or of a watched alarm."""


def accepted(
    entries: Iterable[Entry], wanted: Sequence[Wanted], *, operator: str, reason: str
) -> tuple[Accepted | CheckAccepted, ...]:
    """The entries that accept `wanted`; raises Refused where the last verdict says otherwise."""
    if not wanted:
        return ()
    verdicts = [entry.event.verdict for entry in entries if isinstance(entry.event, VerdictGiven)]
    if not verdicts:
        raise Refused(
            "no verdict has been given, so there is nothing to accept", next_step="sc-deploy resume"
        )
    last = verdicts[-1]
    refusals = [words for one in wanted if (words := _refusal(last, one))]
    if refusals:
        raise Refused(
            "; ".join(refusals),
            next_step="`sc-deploy resume` watches the step again, `sc-deploy abort` rolls it back",
        )
    breached = {one.name for one in last.checks if one.breach}
    return tuple(
        CheckAccepted(check=one, breach=one in breached, operator=operator, reason=reason)
        if isinstance(one, str)
        else Accepted(metric=one[0], tier=one[1], operator=operator, reason=reason)
        for one in wanted
    )


def _refusal(verdict: Verdict, wanted: Wanted) -> str:
    return _check_refusal(verdict, wanted) if isinstance(wanted, str) else _metric_refusal(verdict, *wanted)


def _check_refusal(verdict: Verdict, name: str) -> str:
    words = f"check:{name} cannot be accepted"
    found = next((one for one in verdict.checks if one.name == name), None)
    if found is None or found.outcome is Outcome.PASS:
        holding = ", ".join(f"check:{one}" for one in _holding(verdict)) or "no check"
        return f"{words}: it does not hold the release; what holds it: {holding}"
    return f"{words}: it rolls back: {found.words}" if found.outcome is Outcome.FAIL else ""


def _metric_refusal(verdict: Verdict, metric: Metric, tier: Tier) -> str:
    name = f"{metric}:{tier} cannot be accepted"
    if verdict.outcome is Outcome.FAIL or (verdict.hold and not _held_by_checks_alone(verdict)):
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


def _holding(verdict: Verdict) -> list[str]:
    return [one.name for one in verdict.checks if one.outcome is Outcome.INCONCLUSIVE]


def _held_by_checks_alone(verdict: Verdict) -> bool:
    """Whether nothing but own checks and alarms holds: their words stand first, and no other hold follows."""
    if verdict.outcome is Outcome.ERROR:
        return False  # the measurement is broken, whatever the checks say
    return bool(_holding(verdict)) and "; meanwhile: hold: " not in verdict.reason


def acceptable(verdict: Verdict) -> tuple[str, ...]:
    """What a person may accept after `verdict`, each as `--accept` takes it."""
    if verdict.outcome is not Outcome.INCONCLUSIVE:
        return ()
    checks = tuple(f"check:{name}" for name in _holding(verdict))
    if verdict.hold and not _held_by_checks_alone(verdict):
        return checks
    metrics = (
        f"{one.metric}:{one.tier}"
        for one in _undecided(verdict)
        if one.metric is not Metric.AVAILABILITY and one.evidence < SUSPICIOUS
    )
    return (*checks, *metrics)
