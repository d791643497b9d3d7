"""What the engine asks of the outside world, in our words; `bluegreen.aws` answers over boto3.

Every call is synchronous and may be made from several threads. All may raise CloudUnavailable
(throttled, unreachable or outcome unknown, after retries) and Refused (AWS denied it for good:
rights, quota, foreign resource). Every `ensure_*` may be called again: the second changes nothing.
Times are epoch seconds, durations seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from bluegreen.contract import Tier, TierContract
from bluegreen.domain.fleet import Group, Health, Rule, TargetGroup
from bluegreen.domain.journal import Entry, Header
from bluegreen.domain.measurement import Arm, Period
from bluegreen.domain.plan import FleetSpec
from bluegreen.domain.release import Image, Model

__all__ = [
    "PREVIEW_HEADER",
    "Answer",
    "Arms",
    "Balancer",
    "Clock",
    "Collected",
    "Commands",
    "Database",
    "Environment",
    "Fleets",
    "Halves",
    "Holder",
    "Images",
    "Journal",
    "Lease",
    "Metrics",
    "Models",
    "Ports",
    "Prober",
    "Request",
    "Watchdog",
    "at_once",
]

PREVIEW_HEADER = "x-sc-preview"
"""The request header that leads to green alone: the preview rule asks for it, own probes send it."""


class Clock(Protocol):
    """Time, so that tests need none."""

    def now(self) -> float:
        """Epoch seconds."""

    def sleep(self, seconds: float) -> None:
        """Return after `seconds`, or at once when the run was interrupted."""


class Balancer(Protocol):
    """The load balancer: target groups, listener rules and the health of targets."""

    def rules(self) -> tuple[Rule, ...]:
        """Every rule of the stack's listener except the default one, ours and foreign."""

    def target_groups(self) -> tuple[TargetGroup, ...]:
        """Every target group that carries our tags for this stack."""

    def health(self, target_group_arn: str) -> Health:
        """Targets by state; an absent target group has none."""

    def ensure_target_group(
        self, tier: TierContract, spec: FleetSpec, tags: Mapping[str, str]
    ) -> TargetGroup:
        """Create it or recognise it by its tags; a foreign one of that name is Refused."""

    def ensure_preview(
        self, tier: TierContract, target_group_arn: str, token: str, tags: Mapping[str, str]
    ) -> Rule:
        """The rule `path patterns + x-sc-preview: token` -> this target group alone."""

    def set_weights(
        self, tier: TierContract, weights: Mapping[str, int], tags: Mapping[str, str], *, urgent: bool = False
    ) -> Rule:
        """Give the live rule these weights (target group ARN -> 0..100), creating it where none is.

        Reads the rule first and refuses to rewrite one that is not ours or is not a plain forward;
        reads back and compares. Target groups not named leave the rule.
        """

    def delete_rule(self, arn: str) -> None:
        """Delete our rule; absent is fine."""

    def delete_target_group(self, arn: str) -> None:
        """Delete our target group; absent is fine."""

    def tag(self, arns: Sequence[str], tags: Mapping[str, str]) -> None:
        """Add or overwrite these tags on our target groups or rules."""

    def room(self) -> Mapping[str, int]:
        """What the quotas still allow: `rules`, `target-groups` (of this load balancer, of the region)."""


class Fleets(Protocol):
    """Auto Scaling Groups."""

    def groups(self) -> tuple[Group, ...]:
        """Every group that carries our tags for this stack."""

    def group(self, name: str) -> Group | None:
        """One group, or None."""

    def ensure(
        self, tier: TierContract, spec: FleetSpec, target_group_arn: str, tags: Mapping[str, str]
    ) -> Group:
        """Create it (pinned launch template version, tags on instances, scaling policies) or recognise it."""

    def resize(self, name: str, *, minimum: int, maximum: int | None = None) -> Group:
        """Set the bounds; the desired size is never lowered by this call."""

    def tag(self, name: str, tags: Mapping[str, str]) -> None:
        """Add or overwrite tags on the group and on instances launched later."""

    def delete(self, name: str) -> bool:
        """Delete the group and its instances; True once nothing is left, False while it goes on."""

    def launch_template_version(self, launch_template_id: str) -> int:
        """The number behind $Default now, to be pinned."""

    def troubles(self, name: str) -> tuple[str, ...]:
        """Recent failed scaling activities in AWS's words: why instances do not come up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arms:
    """The two target groups of one tier that are compared; blue is None on a first deployment."""

    tier: Tier
    green: TargetGroup
    blue: TargetGroup | None = None

    def of(self, arm: Arm) -> TargetGroup | None:
        """The target group of `arm`."""
        return self.green if arm is Arm.GREEN else self.blue


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What the metric sources had to say."""

    periods: tuple[Period, ...] = ()
    troubles: tuple[str, ...] = ()
    """What speaks against going on, in words that name the source: one that failed, or a balancer that
    answers for no fleet. A trouble never passes and never by itself fails a release."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Halves:
    """One fleet compared with itself: its periods as the two arms, for A/A."""

    words: str
    """What the halves are, e.g. `ap-northeast-1a against ap-northeast-1c`."""
    periods: tuple[Period, ...]


class Metrics(Protocol):
    """Counts of bad events per target group and period, from one source or from several.

    Target groups carry their tags (tier, release, deployment): not every source knows an ARN.
    """

    def collect(
        self, arms: Sequence[Arms], *, since: float, until: float, slow_ms: Mapping[Tier, Sequence[float]]
    ) -> Collected:
        """Every period with data that began in [since, until), settled ones only.

        `slow_ms` gives the latency thresholds per tier whose exceedances are counted; a source with
        fixed buckets gives those around them. A source's counts come in one Period per tier and arm.
        """

    def requests(self, target_group: TargetGroup, *, since: float, until: float) -> int | None:
        """Requests served in that time; None while the newest data does not reach `until`."""

    def p95_ms(self, target_group: TargetGroup, *, since: float, until: float) -> float | None:
        """Blue's latency p95 over that time, for the judge's frozen threshold; None without data."""

    def halves(
        self, arms: Arms, *, since: float, until: float, slow_ms: Mapping[Tier, Sequence[float]]
    ) -> tuple[Halves, ...]:
        """Green of `arms` split by availability zone or by instance, one result per source that can."""


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


class Journal(Protocol):
    """The durable record; every write is conditional on the fencing token of the lease."""

    def create(self, header: Header, *, token: int) -> None:
        """Open a deployment; raises LeaseLost, or Refused where the number is taken."""

    def append(self, number: int, entries: Sequence[Entry], *, token: int) -> None:
        """All or nothing, in order; raises LeaseLost."""

    def close(self, header: Header, *, token: int) -> None:
        """Write ending, ended_at, proven and reason of the header; raises LeaseLost."""

    def header(self, number: int) -> Header | None:
        """One deployment with its documents."""

    def entries(self, number: int, *, after: int = 0) -> tuple[Entry, ...]:
        """Entries with seq > `after`, consistent read, in order."""

    def history(self, *, limit: int = 20) -> tuple[Header, ...]:
        """Newest first, without documents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds the lease, since when, why, and until when unless it is renewed."""

    owner: str
    why: str
    deployment: int
    token: int
    since: float
    expires: float
    stop: str = ""
    """Set by `abort` from another process: why this deployment shall be taken back."""
    stop_down: bool = False
    """Whether its down migration shall run then (R8)."""


class Lease(Protocol):
    """One deployer per stack: an item with a fencing token, taken by conditional writes."""

    def acquire(self, *, owner: str, why: str, deployment: int, ttl: float, now: float) -> Holder:
        """Take it when free, expired or already `owner`'s; else raise Locked naming the holder.

        The token rises with every acquisition.
        """

    def renew(self, holder: Holder, *, ttl: float, now: float) -> Holder:
        """Push the expiry forward and bring back a stop request; LeaseLost when it is not ours any more."""

    def release(self, holder: Holder) -> None:
        """Give it back; harmless when it is not ours any more."""

    def holder(self) -> Holder | None:
        """Who has it, expired or not."""

    def request_stop(self, why: str, *, down: bool = False) -> Holder | None:
        """Ask the holder to take its deployment back, with `down` its database too (R8).

        None when nobody holds the lease.
        """


class Watchdog(Protocol):
    """One-time schedules in AWS that put the safe weights back when nobody renews them."""

    def arm(self, rule_arn: str, weights: Mapping[str, int], *, name: str, at: float) -> None:
        """Create or push forward the schedule `name`: at `at`, ModifyRule to `weights`."""

    def disarm(self, name: str) -> None:
        """Delete it; absent is fine."""

    def armed(self) -> tuple[str, ...]:
        """Names of the stack's schedules."""


class Database(Protocol):
    """RDS snapshots."""

    def ensure_snapshot(self, identifier: str, snapshot: str, tags: Mapping[str, str]) -> str:
        """Create it unless it exists; its status now ("creating", "available", "failed" ...)."""


class Commands(Protocol):
    """Shell commands: the migration, on an app host or here."""

    def start(self, instance_id: str | None, command: str, *, token: str, timeout: float) -> str:
        """Begin (once per `token`) and return a handle; `instance_id` None runs it on this machine.

        Raises HostNotReady where the instance takes no commands (yet).
        """

    def poll(self, handle: str) -> tuple[bool | None, str]:
        """(None while it runs, then success), and the end of its output with secrets masked."""


class Models(Protocol):
    """AI models in S3 and the pointer parameter."""

    def find(self, tier: TierContract, version: str) -> Model:
        """The model with its recorded SHA-256; Refused when the file or its checksum is missing."""

    def pointer(self, tier: TierContract) -> str | None:
        """The current model version."""

    def set_pointer(self, tier: TierContract, version: str) -> None:
        """Name the current model version."""


class Images(Protocol):
    """Container images in ECR."""

    def resolve(self, repository: str, tag: str) -> Image:
        """The digest behind the tag; Refused naming repository, tag and tags that exist."""


class Environment(Protocol):
    """Read-only checks of everything else a release leans on."""

    def missing(self, *, parameters: Iterable[str], secrets: Iterable[str]) -> tuple[str, ...]:
        """Names of those that do not exist (P7)."""

    def alarms_firing(self) -> tuple[str, ...]:
        """Alarms of this stack in state ALARM, "name: reason"."""

    def listener_exists(self) -> bool:
        """Whether the contract's listener is there."""

    def notify(self, subject: str, body: str, *, critical: bool) -> None:
        """Publish to the contract's SNS topic; never carries secrets."""


def at_once(call: Callable[[], Any]) -> Callable[[float], Any]:
    """`Ports.aside` without a thread: the result is there before anybody asks."""
    result = call()
    return lambda _seconds: result


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Everything the engine is given."""

    clock: Clock
    balancer: Balancer
    fleets: Fleets
    metrics: Metrics
    prober: Prober
    journal: Journal
    lease: Lease
    watchdog: Watchdog
    database: Database
    commands: Commands
    models: Models
    images: Images
    environment: Environment
    parallel: Callable[[Sequence[Callable[[], Any]]], list[Any]]
    """Run the calls at the same time and return their results in order; re-raises the first error
    after all have ended."""
    aside: Callable[[Callable[[], Any]], Callable[[float], Any]] = at_once
    """Begin the call beside everything else. What is returned waits so many seconds for the result and
    raises TimeoutError while it is not there; it re-raises what the call raised."""
