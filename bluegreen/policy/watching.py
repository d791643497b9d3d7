"""In words, what a stack watches besides the judge's own metrics."""

from __future__ import annotations

from collections.abc import Iterator

from bluegreen.policy.checks import NoData, OnBreach
from bluegreen.policy.tables import Policy

_DOES = {
    OnBreach.ROLLBACK: "rolls back in every ramp step",
    OnBreach.HOLD: "holds every ramp step",
    OnBreach.WARN: "is shown in every ramp step",
}
_MEANT = {
    NoData.HOLD: "no data holds",
    NoData.IGNORE: "no data is ignored",
    NoData.BREACH: "no data is a breach",
}


def watched_words(policy: Policy) -> Iterator[str]:
    """A line for what rolls back, for what holds and for what is only shown, and what no data means."""
    named = {OnBreach.ROLLBACK: policy.alarms.rollback, OnBreach.HOLD: policy.alarms.hold, OnBreach.WARN: ()}
    for kind, does in _DOES.items():
        checks = [one for one in policy.check if one.on_breach is kind]
        found = [f"{one.name} {one.limit} ({_MEANT[one.no_data]})" for one in checks]
        found += [f"alarm {one}" for one in named[kind]]
        if found:
            yield f"{does}: {', '.join(found)}"
