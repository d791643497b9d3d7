"""What the demo must show: facts about three deployments, from the load's own counters.

Pure. Nothing here trusts the deployer: failed requests and the version that answered are counted by
the load generator; only times and requested weights come from the journal.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from bluegreen.domain.journal import Decided, Ending, Entry, ShareWatched, StageStarted, VerdictGiven
from bluegreen.domain.verdict import Outcome
from bluegreen.lab.load.writes import WritesSeen

TOLERANCE = 1.5
"""Percentage points by which the observed share may miss the requested weight."""
_DEVIATIONS = 4.0
"""A load balancer draws a fleet for each request: with few requests chance alone misses the weight by more.
Four standard deviations are exceeded once in 16,000 times."""


@dataclass(slots=True, kw_only=True)
class Act:
    """One deployment of the demo."""

    version: str
    before: str = ""
    began: float = 0.0
    ended: float = 0.0
    ending: Ending = Ending.RUNNING
    entries: list[Entry] = field(default_factory=list)

    def decided(self) -> Entry | None:
        """The entry that put the rollback in force."""
        return next((e for e in self.entries if isinstance(e.event, Decided)), None)

    def shifted(self) -> Entry | None:
        """The entry of the first stage that gives green a share."""
        return next((e for e in self.entries if isinstance(e.event, StageStarted) and e.event.percent), None)

    def verifying(self) -> Entry | None:
        """The entry of the stage that asks the front door, once all weights are set."""
        found = (e for e in self.entries if isinstance(e.event, StageStarted) and e.event.stage == "verify")
        return next(found, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the load counted: a document per second, and the report over everything."""

    seconds: Sequence[Mapping[str, Any]]
    report: Mapping[str, Any]
    writes: WritesSeen | None = None
    """Of the database's rows; None: the lab has no database."""

    def between(self, start: float, end: float) -> list[Mapping[str, Any]]:
        """The whole seconds in [start, end]."""
        return [s for s in self.seconds if s["at"] >= math.ceil(start) and s["at"] + 1 <= end]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing that had to happen."""

    name: str
    ok: bool
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightSeen:
    """The share of requests that the new version answered at one ramp step."""

    asked: int
    """Percent."""
    observed: float
    """Percent."""
    requests: int

    @property
    def ok(self) -> bool:
        """Whether clients saw the requested weight."""
        if not self.requests:
            return False
        deviation = math.sqrt(self.asked * (100 - self.asked) / self.requests)
        return abs(self.observed - self.asked) <= max(TOLERANCE, _DEVIATIONS * deviation)


def _total(seconds: Iterable[Mapping[str, Any]], key: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for second in seconds:
        found.update(second[key])
    return found


def weights_seen(act: Act, seen: Seen) -> list[WeightSeen]:
    """The observed share during the watch of each ramp step."""
    marks = [e for e in act.entries if isinstance(e.event, ShareWatched | StageStarted | Decided)]
    found = []
    for mark, after in pairwise(marks):
        if not isinstance(mark.event, ShareWatched):
            continue
        # Before that, answers of the old weights still arrive.
        versions = _total(seen.between(mark.event.since, after.at), "versions")
        requests = versions.total()
        observed = 100 * versions[act.version] / requests if requests else 0.0
        found.append(WeightSeen(asked=mark.event.percent, observed=observed, requests=requests))
    return found


def figures(good: Act, bad: Act, seen: Seen) -> dict[str, Any]:
    """The numbers of the demo: requests, failures, seconds to detect and to roll back, users harmed."""
    shift, decided = bad.shifted(), bad.decided()
    back = bad.verifying() if decided else None
    promotion = seen.between(good.began, good.ended)
    return {
        "requests": seen.report["requests"],
        "failed": seen.report["failed"],
        "p95_ms": seen.report["p95_ms"],
        "promotion_requests": sum(s["requests"] for s in promotion),
        "promotion_failed": sum(s["failed"] for s in promotion),
        "harmed": int(seen.report["failed_by_version"].get(bad.version, 0)),
        "bad_release_requests": int(seen.report["versions"].get(bad.version, 0)),
        "seconds_to_detect": round(decided.at - shift.at, 1) if decided and shift else None,
        "seconds_to_go_back": round(back.at - decided.at, 1) if back and decided else None,
        "promotion_seconds": round(good.ended - good.began, 1),
    }


def facts(first: Act, good: Act, bad: Act, seen: Seen, *, leftovers: Sequence[str]) -> list[Fact]:
    """Everything that had to happen; the demo went well when all of it did."""
    return [
        _ended(first, Ending.RELEASED, "onto the empty stack"),
        _ended(good, Ending.RELEASED, "under load"),
        _nothing_lost(good, bad, seen),
        *_writes(seen),
        _weights(good, seen),
        _ended(bad, Ending.ROLLED_BACK, "rolled back automatically"),
        _judged(bad),
        _only_the_bad_release_failed(bad, seen),
        _back(bad, seen),
        Fact(
            name="nothing left behind",
            ok=not leftovers,
            words=", ".join(leftovers) or f"no fleet of {bad.version} or earlier",
        ),
    ]


def _ended(act: Act, wanted: Ending, how: str) -> Fact:
    took = f"{act.ending} in {act.ended - act.began:.1f} s"
    return Fact(name=f"{act.version} {how}", ok=act.ending is wanted, words=took)


def _nothing_lost(good: Act, bad: Act, seen: Seen) -> Fact:
    seconds = seen.between(good.began, bad.began)
    requests, failed = sum(s["requests"] for s in seconds), sum(s["failed"] for s in seconds)
    causes = _total(seconds, "failed_by_cause")
    why = f" ({', '.join(f'{n} x {cause}' for cause, n in causes.items())})" if causes else ""
    words = f"{failed} of {requests:,} requests failed{why}"
    return Fact(name="no request lost", ok=requests > 0 and not failed, words=words)


def _writes(seen: Seen) -> list[Fact]:
    if seen.writes is None:
        return []
    return [Fact(name="every write is there once", ok=seen.writes.ok, words=seen.writes.words)]


def _weights(good: Act, seen: Seen) -> Fact:
    found = weights_seen(good, seen)
    words = ", ".join(f"{w.observed:.1f} % of {w.requests:,} for {w.asked} %" for w in found)
    ok = bool(found) and all(weight.ok for weight in found)
    return Fact(name="clients saw the weights", ok=ok, words=words or "no ramp step measured")


def _judged(bad: Act) -> Fact:
    verdicts = (e.event.verdict for e in bad.entries if isinstance(e.event, VerdictGiven))
    verdict = next((one for one in verdicts if one.outcome is Outcome.FAIL), None)
    words = verdict.reason if verdict else "no verdict was FAIL"
    return Fact(name=f"the judge failed {bad.version}", ok=verdict is not None, words=words)


def _only_the_bad_release_failed(bad: Act, seen: Seen) -> Fact:
    failed = {name: n for name, n in seen.report["failed_by_version"].items() if n}
    others = {name or "no answer": n for name, n in failed.items() if name != bad.version}
    words = f"{failed.get(bad.version, 0)} of its requests failed, {sum(others.values())} of all others"
    ok = not others and failed.get(bad.version, 0) > 0
    return Fact(name=f"only {bad.version} failed requests", ok=ok, words=words)


def _back(bad: Act, seen: Seen) -> Fact:
    versions = _total(seen.between(bad.ended, math.inf), "versions")
    ok = versions.total() > 0 and set(versions) == {bad.before}
    words = ", ".join(f"{n:,} by {name or 'no version'}" for name, n in versions.items()) or "no traffic"
    return Fact(name=f"everything is back on {bad.before}", ok=ok, words=f"answered {words}")
