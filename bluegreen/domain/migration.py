"""The database's part of a rollback (R8): the down migration and the pre-release snapshot."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from bluegreen.domain.plan import FleetRef, TierPlan
from bluegreen.errors import Refused
from bluegreen.policy import Policy


def began(at: float) -> str:
    """When a deployment began, as the tag of its snapshot has it; `at` in epoch seconds."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def snapshot_name(stack: str, number: int) -> str:
    """The database snapshot that deployment `number` makes before it changes anything (P8)."""
    return f"sc-{stack}-before-{number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseRollback:
    """What is asked for, and what the release that is rolled back did to the database."""

    down: bool = False
    """Run its down migration: on its own app host, once it has no traffic, before it is deleted."""
    migrated: bool = False
    """Whether its expand migration was begun."""
    snapshot: str = ""
    """The pre-release database snapshot; empty where none was made."""
    source: str = "deploy.toml"
    """Where the policy comes from that must name the down migration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DownAttempt:
    """One attempt of a down migration; it may not be one that can be run twice."""

    number: int = 1
    handle: str = ""
    """Of its command, once it has begun."""


def check_down(
    database: DatabaseRollback, app: TierPlan | None, fleet: FleetRef | None, policy: Policy
) -> None:
    """Raises Refused where the down migration is asked for and cannot run.

    `app` is the plan of the app tier, `fleet` its fleet that is rolled back; None where there is none.
    """
    if not database.down:
        return
    migration, without = policy.migration, "repeat the command without --down"
    if migration is None or not migration.down:
        raise Refused(
            f"--down asks for the down migration, but {database.source} names none",
            next_step=f'name it in deploy.toml with `down = "..."` in [migration], or {without}',
        )
    if app is None:
        raise Refused(
            "--down asks for the down migration, but the app tier, which migrates, is not rolled back",
            next_step=without,
        )
    if not database.migrated:
        raise Refused(
            "--down asks for the down migration, but the release that is rolled back ran no migration: "
            "it would undo that of an earlier release",
            next_step=without,
        )
    if migration.run == "ssm" and not (fleet and fleet.group_name):
        raise Refused(
            "--down asks for the down migration, but the release that is rolled back has no app host left",
            next_step=f"{without}, and run the down migration by hand",
        )


def database_notes(database: DatabaseRollback, version: str) -> Iterable[str]:
    """What the plan of a rollback says about the database; `version` is the release that is rolled back."""
    if database.down:
        yield (
            f"the down migration of {version} runs once it has no traffic; those of earlier releases do not"
        )
    if database.snapshot:
        yield f"the database is not restored; pre-release snapshot of {version}: {database.snapshot}"
