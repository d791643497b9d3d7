"""What outlives the process that deploys: the journal, the lease, bans and the watchdog."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from bluegreen.domain.holding import Hold
from bluegreen.domain.journal import Entry, Header
from bluegreen.domain.lease import Holder
from bluegreen.domain.rehearsal import Rehearsal
from bluegreen.domain.restoration import Restoration
from bluegreen.domain.security import Ban


class Journal(Protocol):
    """The durable record; every write is conditional on the fencing token of the lease."""

    def create(self, header: Header, *, token: int) -> None:
        """Open a deployment; raises LeaseLost, or Refused where the number is taken."""

    def append(self, number: int, entries: Sequence[Entry], *, token: int) -> None:
        """All or nothing, in order; raises LeaseLost."""

    def close(self, header: Header, *, token: int) -> None:
        """Write ending, ended_at, proven and reason of the header; raises LeaseLost."""

    def header(self, number: int) -> Header | None:
        """One deployment with its documents; without them where another version wrote it."""

    def entries(self, number: int, *, after: int = 0) -> tuple[Entry, ...]:
        """Entries with seq > `after`, consistent read, in order; Refused for another version's."""

    def history(self, *, limit: int = 20) -> tuple[Header, ...]:
        """Newest first, without documents."""


class Lease(Protocol):
    """One deployer per stack: an item with a fencing token, taken by conditional writes."""

    def acquire(
        self, *, owner: str, why: str, deployment: int, ttl: float, now: float, dead: Holder | None = None
    ) -> Holder:
        """Take it when free, already `owner`'s, or still as it was seen in `dead`; else raise Locked.

        The token rises with every acquisition. A request to stop `deployment` is kept.
        """

    def renew(self, holder: Holder, *, ttl: float, now: float) -> Holder:
        """Push the expiry forward and bring back a stop request; LeaseLost when it is not ours any more."""

    def release(self, holder: Holder) -> None:
        """Give it back; harmless when it is not ours any more."""

    def holder(self) -> Holder | None:
        """Who has it, expired or not."""

    def request_stop(self, why: str, *, down: bool = False) -> Holder | None:
        """Ask the holder to roll its deployment back, with `down` its migration too (R8).

        None when nobody holds the lease.
        """

    def hold(self, deployment: int) -> Hold | None:
        """The newest request to hold `deployment`, in force or lifted; whether anybody runs it or not."""

    def ask_hold(self, hold: Hold) -> Hold:
        """Store the request, which the holder gets with its next renewal. What is in force now.

        That is another one where the deployment is on hold already. It outlives the lease.
        """

    def lift_hold(self, hold: Hold, *, by: str, why: str) -> bool:
        """Let the deployment continue; False where exactly this hold is not in force any more."""


class Bans(Protocol):
    """Versions of the stack that are not released again (R5)."""

    def all(self) -> tuple[Ban, ...]:
        """Every ban, by version."""

    def add(self, ban: Ban) -> None:
        """Ban a version, or say anew why."""

    def lift(self, version: str) -> None:
        """Allow it again; absent is fine."""


class Rehearsals(Protocol):
    """What rehearsals of migrations showed."""

    def newest(self) -> tuple[Rehearsal, ...]:
        """The newest 50, newest first; without an end: under way, or its process died."""

    def put(self, record: Rehearsal) -> None:
        """Keep it; the same one again replaces what was known of it."""


class Restorations(Protocol):
    """Restores of the database."""

    def newest(self) -> tuple[Restoration, ...]:
        """The newest 50, newest first; one without an end waits to be continued."""

    def put(self, record: Restoration) -> None:
        """Keep it; the same one again replaces what was known of it."""


class Watchdog(Protocol):
    """One-time schedules in AWS that put the safe weights back when nobody renews them."""

    def arm(self, rule_arn: str, weights: Mapping[str, int], *, name: str, at: float) -> None:
        """Make the schedule `name`, or take over an earlier process's: at `at`, ModifyRule to `weights`."""

    def push(self, rule_arn: str, weights: Mapping[str, int], *, name: str, at: float) -> bool:
        """Push the schedule `name` forward to `at`; False where there is none: it has acted or was deleted.

        Never makes one: a deployer that lost its lease must not arm what another has disarmed.
        """

    def disarm(self, name: str) -> None:
        """Delete it; absent is fine."""

    def armed(self) -> tuple[str, ...]:
        """Names of the stack's schedules."""
