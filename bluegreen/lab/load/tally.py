"""What a load saw: second by second, and in total."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One request: `latency` in seconds from the moment it was due; `cause` is '' where it succeeded."""

    path: str
    status: int
    """0 where no whole answer came."""
    latency: float
    version: str
    """The header x-sc-version; '' where the answer has none."""
    cause: str
    """connect, closed, timeout, not-http or the failing status code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Second:
    """One second of a load, by the moment the answers came."""

    at: int
    """Epoch second."""
    requests: int
    failed: int
    p95_ms: float
    versions: Mapping[str, int]
    """Requests by the version that answered."""
    failed_by_version: Mapping[str, int]
    failed_by_cause: Mapping[str, int]

    def document(self) -> dict[str, Any]:
        return {"kind": "second", **asdict(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A whole load."""

    seconds: float
    requests: int
    failed: int
    failed_by_cause: Mapping[str, int]
    p50_ms: float
    p95_ms: float
    p99_ms: float
    versions: Mapping[str, int]
    failed_by_version: Mapping[str, int]
    paths: Mapping[str, int]
    statuses: Mapping[str, int]
    late: int
    """Requests that found no free connection and waited for one."""
    writes: Mapping[str, Any]
    """`load.writes.Writes.document`."""

    def share(self, version: str) -> float:
        """The share of requests that `version` answered, 0 to 1."""
        return self.versions.get(version, 0) / self.requests if self.requests else 0.0

    def document(self) -> dict[str, Any]:
        return {"kind": "report", **asdict(self)}


def percentile(counts: Mapping[float, int], share: float) -> float:
    """The smallest value that at least `share` (0..1) of all observations do not exceed; 0 without any."""
    needed = share * sum(counts.values())
    seen = 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= needed:
            return value
    return 0.0


class _Counts:
    """Counters of one span of time."""

    def __init__(self) -> None:
        self.requests = 0
        self.latency: Counter[float] = Counter()
        self.causes: Counter[str] = Counter()
        self.versions: Counter[str] = Counter()
        self.failed_versions: Counter[str] = Counter()

    def add(self, outcome: Outcome) -> None:
        self.requests += 1
        self.latency[_three_digits(outcome.latency)] += 1
        self.versions[outcome.version] += 1
        if outcome.cause:
            self.causes[outcome.cause] += 1
            self.failed_versions[outcome.version] += 1

    def p_ms(self, share: float) -> float:
        return round(percentile(self.latency, share) * 1000, 3)


class Tally:
    """Adds up outcomes; memory does not grow with their number."""

    def __init__(self) -> None:
        self._total = _Counts()
        self._seconds: defaultdict[int, _Counts] = defaultdict(_Counts)
        self._paths: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self.late = 0

    def add(self, outcome: Outcome, at: float) -> None:
        """Count `outcome`, known at epoch time `at`."""
        self._total.add(outcome)
        self._seconds[int(at)].add(outcome)
        self._paths[outcome.path] += 1
        self._statuses[str(outcome.status)] += 1

    @property
    def requests(self) -> int:
        return self._total.requests

    def take_seconds(self, before: float) -> list[Second]:
        """The seconds that ended before epoch time `before`, oldest first; each is told once."""
        ended = sorted(at for at in self._seconds if at + 1 <= before)
        return [_second(at, self._seconds.pop(at)) for at in ended]

    def report(self, seconds: float, writes: Mapping[str, Any]) -> Report:
        total = self._total
        return Report(
            seconds=round(seconds, 3),
            requests=total.requests,
            failed=sum(total.causes.values()),
            failed_by_cause=dict(total.causes),
            p50_ms=total.p_ms(0.50),
            p95_ms=total.p_ms(0.95),
            p99_ms=total.p_ms(0.99),
            versions=dict(total.versions),
            failed_by_version=dict(total.failed_versions),
            paths=dict(self._paths),
            statuses=dict(self._statuses),
            late=self.late,
            writes=writes,
        )


def _second(at: int, counts: _Counts) -> Second:
    return Second(
        at=at,
        requests=counts.requests,
        failed=sum(counts.causes.values()),
        p95_ms=counts.p_ms(0.95),
        versions=dict(counts.versions),
        failed_by_version=dict(counts.failed_versions),
        failed_by_cause=dict(counts.causes),
    )


def _three_digits(seconds: float) -> float:
    """Rounded to three significant digits: an error below 0.5 %, few distinct values."""
    return round(seconds, 2 - math.floor(math.log10(seconds))) if seconds > 0 else 0.0
