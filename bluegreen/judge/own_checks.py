"""Own checks and watched alarms: what was read of them, and what that does to a verdict.

A value is held against its limit as it is: nobody knows how often it is beyond by chance. So a breach
takes several values in a row (`datapoints`), and one that is over has no consequence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from bluegreen.domain.journal import CheckAccepted
from bluegreen.domain.readings import Point, Readings
from bluegreen.domain.verdict import CheckFinding, Outcome, Verdict
from bluegreen.policy import NoData, OnBreach, OwnCheck, Policy

_DOES = {OnBreach.ROLLBACK: Outcome.FAIL, OnBreach.HOLD: Outcome.INCONCLUSIVE, OnBreach.WARN: Outcome.PASS}


_NOTHING: Mapping[str, CheckAccepted] = {}


def check_findings(
    policy: Policy, readings: Readings, *, full: bool, accepted: Mapping[str, CheckAccepted] = _NOTHING
) -> tuple[CheckFinding, ...]:
    """What was read, as a finding each; what could not be read is a trouble and none.

    Where green has all the traffic (`full`) there is no blue to compare with. What a person has `accepted`
    does not hold any more; what rolls back does so whatever anybody has accepted.
    """
    found = (*_checks(policy, readings, full=full), *_alarms(policy, readings))
    return tuple(_accepted(one, accepted.get(one.name)) for one in found)


def _accepted(found: CheckFinding, by: CheckAccepted | None) -> CheckFinding:
    if by is None or found.outcome is not Outcome.INCONCLUSIVE or (found.breach and not by.breach):
        return found
    return replace(
        found, outcome=Outcome.PASS, words=f"{found.words}; accepted by {by.operator}: {by.reason}"
    )


def _checks(policy: Policy, readings: Readings, *, full: bool) -> Iterator[CheckFinding]:
    for check in policy.check:
        points = readings.points.get(check.name)
        if points is not None and not (full and check.times_blue is not None):
            yield _found(check, points)


def _found(check: OwnCheck, points: Sequence[Point]) -> CheckFinding:
    if check.times_blue is not None:
        points = [point for point in points if point[1]]
    if len(points) < check.datapoints:
        meant = _DOES[check.on_breach] if check.no_data is NoData.BREACH else Outcome.INCONCLUSIVE
        outcome = Outcome.PASS if check.no_data is NoData.IGNORE else meant
        words = f"check {check.name}: no data"
        breach = check.no_data is NoData.BREACH
        return CheckFinding(name=check.name, outcome=outcome, words=words, limit=check.limit, breach=breach)
    breach = all(check.beyond(*point) for point in points[-check.datapoints :])
    value, blue = points[-1]
    words = f"check {check.name}: {value:g}" + ("" if blue is None else f" on green, {blue:g} on blue")
    return CheckFinding(
        name=check.name,
        outcome=_DOES[check.on_breach] if breach else Outcome.PASS,
        words=f"{words} (limit: {check.limit})",
        limit=check.limit,
        value=value,
        blue=blue,
        breach=breach,
    )


def _alarms(policy: Policy, readings: Readings) -> Iterator[CheckFinding]:
    for entries, outcome in (
        (policy.alarms.rollback, Outcome.FAIL),
        (policy.alarms.hold, Outcome.INCONCLUSIVE),
    ):
        for entry in entries:
            firing = readings.firing.get(entry)
            if firing is not None:
                words = f"alarm {', '.join(firing)} is firing" if firing else f"alarm {entry} is not firing"
                found = outcome if firing else Outcome.PASS
                yield CheckFinding(name=entry, outcome=found, words=words, breach=bool(firing))


def by_checks(verdict: Verdict, checks: tuple[CheckFinding, ...], *, late: bool) -> Verdict:
    """The verdict with what the checks say: a breach rolls back, holds, or is only shown."""
    verdict = replace(verdict, checks=checks)
    failed = [one.words for one in checks if one.outcome is Outcome.FAIL]
    held = [one.words for one in checks if one.outcome is Outcome.INCONCLUSIVE]
    if verdict.outcome is Outcome.FAIL:
        return replace(verdict, reason="; ".join([verdict.reason, *failed]))
    if failed:
        return replace(verdict, outcome=Outcome.FAIL, reason="; ".join(failed), hold=False, ask=False)
    if not held:
        return verdict
    outcome = verdict.outcome if verdict.outcome is Outcome.ERROR else Outcome.INCONCLUSIVE
    reason = f"hold: {'; '.join(held)}; meanwhile: {verdict.reason}"
    return replace(verdict, outcome=outcome, reason=reason, hold=True, ask=verdict.ask or late)
