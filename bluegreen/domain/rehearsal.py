"""Rehearsals of a migration on a copy of the database: what was tried, how long it took, what it is worth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bluegreen.domain.migration import began
from bluegreen.policy import Policy

UP = "up"
"""The part that runs the migration itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a rehearsal."""

    name: str
    """`restore`, `check`, `up` or `down`."""
    seconds: float
    ok: bool
    words: str = ""
    """The end of its output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """One rehearsal, as far as it has come."""

    began_at: float
    """Epoch seconds; it names the rehearsal."""
    by: str
    version: str
    command: str
    """The migration as deploy.toml had it."""
    snapshot: str
    made: float
    """When the snapshot was made, in epoch seconds."""
    instance: str
    """The throw-away copy."""
    parts: tuple[Part, ...] = ()
    ended_at: float | None = None
    """None: it is under way, or its process died; the next one removes its copy."""
    failure: str = ""
    """Why it ended early; empty where every part was carried out."""

    @property
    def ok(self) -> bool:
        """Whether every part succeeded."""
        return self.ended_at is not None and not self.failure and all(one.ok for one in self.parts)

    @property
    def up_seconds(self) -> float:
        """How long the migration took; 0 where it did not run."""
        return next((one.seconds for one in self.parts if one.name == UP), 0.0)

    @property
    def words(self) -> str:
        """E.g. `rehearsed 2026-11-27 10:15 UTC on sc-prod-before-41: check 2 s, up 41 s`."""
        when = began(self.began_at)[:16].replace("T", " ")
        times = ", ".join(f"{one.name} {one.seconds:.0f} s" for one in self.parts)
        return f"rehearsed {when} UTC on {self.snapshot}: {times or 'nothing carried out'}"


def evidence(found: Sequence[Rehearsal], version: str, policy: Policy) -> Rehearsal | None:
    """The newest rehearsal of this version's migration, whatever became of it; `found` newest first."""
    command = policy.migration.command if policy.migration else ""
    of = (one for one in found if one.ended_at is not None)
    return next((one for one in of if (one.version, one.command) == (version, command)), None)


def doubts(found: Rehearsal | None, version: str, policy: Policy, now: float) -> Iterator[str]:
    """What keeps a rehearsal from being evidence for the release of `version`; `now` in epoch seconds."""
    advice = f"`sc-deploy db rehearse {version}` tries it on a copy of the database"
    if found is None:
        yield f"the migration of {version} was never rehearsed: {advice}"
        return
    if not found.ok:
        yield f"the last rehearsal of the migration of {version} failed ({found.words}): {advice}"
    age = now - found.began_at
    if age > policy.rehearsal.max_age:
        yield (
            f"the migration of {version} was last rehearsed {_long(age)} ago, more than"
            f" rehearsal.max_age ({_long(policy.rehearsal.max_age)}): {advice}"
        )
    limit = policy.migration.timeout if policy.migration else 0.0
    if found.up_seconds > limit:
        yield (
            f"the migration of {version} took {found.up_seconds:.0f} s in its rehearsal, more than its"
            f" timeout of {limit:g} s: give it more time in deploy.toml (`timeout` in [migration])"
        )


def _long(seconds: float) -> str:
    return f"{seconds / 86_400:.1f} days" if seconds >= 86_400 else f"{seconds / 60:.0f} minutes"
