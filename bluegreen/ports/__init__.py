"""What the engine asks of the outside world, in our words; `bluegreen.adapters.aws` answers over boto3.

Every call is synchronous and may be made from several threads. All may raise CloudUnavailable
(throttled, unreachable or outcome unknown, after retries) and Refused (AWS denied it:
rights, quota, foreign resource). Every `ensure_*` may be called again: the second changes nothing.
Times are epoch seconds, durations seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from bluegreen.contract import Published, TierContract
from bluegreen.domain.release import Image, Model
from bluegreen.domain.security import Scan
from bluegreen.ports.databases import Databases
from bluegreen.ports.fence import Fence
from bluegreen.ports.metrics import (
    Answer,
    Arms,
    Collected,
    Halves,
    Metrics,
    MetricSource,
    OwnChecks,
    Prober,
    Request,
)
from bluegreen.ports.pager import Pager
from bluegreen.ports.state import Bans, Journal, Lease, Rehearsals, Restorations, Watchdog
from bluegreen.ports.traffic import Balancer, Fleets

__all__ = [
    "PREVIEW_HEADER",
    "Answer",
    "Arms",
    "Balancer",
    "Bans",
    "Clock",
    "Collected",
    "Commands",
    "Database",
    "Databases",
    "Environment",
    "Fence",
    "Fleets",
    "Halves",
    "Images",
    "Journal",
    "Lease",
    "MetricSource",
    "Metrics",
    "Models",
    "OwnChecks",
    "Pager",
    "Ports",
    "Prober",
    "Rehearsals",
    "Request",
    "Restorations",
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
        """Return after `seconds`."""

    def monotonic(self) -> float:
        """Seconds that only rise, from an arbitrary start; the time a machine was suspended counts."""


class Database(Protocol):
    """RDS snapshots."""

    def ensure_snapshot(self, identifier: str, snapshot: str, tags: Mapping[str, str]) -> str:
        """Create it unless it exists; its status now ("creating", "available", "failed" ...).

        Refused where one of that name has other tags: it is of another deployment, and no backup of this one.
        """

    def standing(self, snapshot: str) -> str:
        """When the snapshot of that name was made; empty where there is none."""


class Commands(Protocol):
    """Shell commands: the migration, on an app host or here. None is stopped by our patience alone."""

    def find(self, token: str, *, local: bool) -> str | None:
        """The handle of what `token` has begun, on a host or (`local`) on this machine; None: nothing."""

    def start(self, instance_id: str | None, command: str, *, token: str) -> str:
        """Begin (once per `token`) and return a handle; `instance_id` None runs it on this machine.

        Raises HostNotReady where the instance takes no commands (yet).
        """

    def poll(self, handle: str) -> tuple[bool | None, str]:
        """(None while it runs, then success), and the end of its output with secrets masked.

        Raises OutcomeUnknown where nobody can tell any more whether and how it ended.
        """

    def cancel(self, handle: str) -> None:
        """Ask it to stop; `poll` shows when it has. What has ended stays as it is."""

    def running(self) -> tuple[str, ...]:
        """What still runs on hosts of the stack and on this machine, whoever began it, each in words."""


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

    def scan(self, image: Image) -> Scan:
        """What the registry knows of vulnerabilities in it."""


class Environment(Protocol):
    """Read-only checks of everything else a release leans on."""

    def missing(self, *, parameters: Iterable[str], secrets: Iterable[str]) -> tuple[str, ...]:
        """Names of those that do not exist (P7)."""

    def alarms_firing(self) -> tuple[str, ...]:
        """Alarms of this stack in state ALARM, "name: reason"."""

    def session_ends(self) -> float | None:
        """When the credentials end for good, in epoch seconds; None where that is not known."""

    def listener_exists(self) -> bool:
        """Whether the contract's listener is there."""

    def silent(self, published: Sequence[Published], series: Sequence[str]) -> tuple[str, ...]:
        """Of these metrics and Prometheus selectors those without a datapoint lately, each by its name."""


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
    checks: OwnChecks
    prober: Prober
    journal: Journal
    lease: Lease
    bans: Bans
    rehearsals: Rehearsals
    restorations: Restorations
    rehearsal_lease: Lease
    """Of rehearsals: one at a time, beside whatever is released."""
    watchdog: Watchdog
    database: Database
    databases: Databases
    commands: Commands
    models: Models
    images: Images
    environment: Environment
    pager: Pager
    parallel: Callable[[Sequence[Callable[[], Any]]], list[Any]]
    """Run the calls at the same time and return their results in order; re-raises the first error
    after all have ended."""
    aside: Callable[[Callable[[], Any]], Callable[[float], Any]] = at_once
    """Begin the call beside everything else. What is returned waits the given seconds for the result and
    raises TimeoutError while it is not there; it re-raises what the call raised."""
    fence: Fence = field(default_factory=Fence)
    """Asked by these ports before every change; the run that uses them closes it."""
