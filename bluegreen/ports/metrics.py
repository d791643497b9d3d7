"""What is measured, and own requests through the front door."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bluegreen.contract import Tier
from bluegreen.domain.measurement import Period
from bluegreen.domain.readings import Readings
from bluegreen.domain.release import Color
from bluegreen.domain.stack import TargetGroup


@dataclass(frozen=True, slots=True, kw_only=True)
class Arms:
    """The two target groups of one tier that are compared; blue is None on a first deployment."""

    tier: Tier
    green: TargetGroup
    blue: TargetGroup | None = None

    def of(self, arm: Color) -> TargetGroup | None:
        """The target group of `arm`."""
        return self.green if arm is Color.GREEN else self.blue


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What the metric sources had to say."""

    periods: tuple[Period, ...] = ()
    troubles: tuple[str, ...] = ()
    """What keeps a release from passing, in words that name the source: one that failed, or a balancer
    that answers for no fleet. A trouble never passes and never by itself fails a release."""
    readings: Readings | None = None
    """Of own checks and watched alarms; None of a source of counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Halves:
    """One fleet compared with itself: its periods as the two arms, for A/A."""

    words: str
    """What the halves are, e.g. `ap-northeast-1a against ap-northeast-1c`."""
    periods: tuple[Period, ...]


class MetricSource(Protocol):
    """Counts of bad events per target group and period, from one source.

    Target groups carry their tags (tier, release, deployment): not every source knows an ARN.
    Raises CloudUnavailable for what must not be judged by.
    """

    def collect(
        self, arms: Sequence[Arms], *, since: float, until: float, slow_ms: Mapping[Tier, Sequence[float]]
    ) -> Collected:
        """Every period with data that began in [since, until), settled ones only.

        `slow_ms` gives the latency thresholds per tier whose exceedances are counted; a source with
        fixed buckets gives those around them. A source's counts come in one Period per tier and arm.
        """

    def p95_ms(self, target_group: TargetGroup, *, since: float, until: float) -> float | None:
        """Blue's latency p95 over that time, for the judge's frozen threshold; None without data."""

    def halves(
        self, arms: Arms, *, since: float, until: float, slow_ms: Mapping[Tier, Sequence[float]]
    ) -> tuple[Halves, ...]:
        """Green of `arms` split by availability zone or by instance, one result per source that can."""


class OwnChecks(Protocol):
    """`[[check]]` and `[alarms]` of deploy.toml."""

    def read(self, arms: Sequence[Arms]) -> Collected:
        """What they show for these fleets. What cannot be read, matches no alarm, or has several values
        is a trouble; raises LoggedOut alone.
        """


class Metrics(MetricSource, Protocol):
    """All sources as one, the load balancer's counts among them."""

    def requests(self, target_group: TargetGroup, *, since: float, until: float) -> int | None:
        """Requests served in that time; None while the newest data does not reach `until`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One probe request through the front door; `url_path` begins with a slash."""

    method: str = "GET"
    url_path: str = "/"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    timeout: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back; `status` 0 means no HTTP answer, `error` says why."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    seconds: float = 0.0
    error: str = ""


class Prober(Protocol):
    """Own requests through the front door, without cookies."""

    def send(self, request: Request) -> Answer:
        """Never raises for what the service does; a refused connection is an Answer with status 0."""
