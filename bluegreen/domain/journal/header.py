"""The head of a deployment: what it was for, its state, and the documents it began with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bluegreen.contract import Contract
from bluegreen.domain.journal.endings import Ending
from bluegreen.domain.plan import Plan
from bluegreen.errors import Refused
from bluegreen.policy import Policy

SCHEMA = 1
"""Version of the stored form of headers, documents and events; a change of any of them raises it."""


def other_version(number: int, schema: int, what: str = "") -> Refused:
    """What it means that deployment `number` was not written in this SCHEMA; `what` could not be read."""
    return Refused(
        f"deployment #{number} was written by another version of sc-deploy "
        f"(journal schema {schema}, this one reads {SCHEMA}{'; ' + what if what else ''})",
        next_step="use the version of sc-deploy that wrote it",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """All that `resume` needs on another machine."""

    plan: Plan
    policy: Policy
    contract: Contract
    preview_token: str
    """Leads to green through the preview rule; is part of no event and no output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """One deployment in the history: what it was for, when, how it ended, and its documents."""

    number: int
    stack: str
    intent: str
    version: str
    operator: str
    started_at: float
    ending: Ending = Ending.RUNNING
    ended_at: float | None = None
    reason: str = ""
    proven: bool = False
    """The release was verified: it passed its bake at 100 %, so a rollback may return to it."""
    fingerprint: str = ""
    schema: int = SCHEMA
    documents: Documents | None = None
    """None where they were not asked for (history), or cannot be read: they have another schema."""

    def check_schema(self) -> None:
        """Raises Refused where another version of sc-deploy wrote this deployment."""
        if self.schema != SCHEMA:
            raise other_version(self.number, self.schema)

    @property
    def began_with(self) -> Documents:
        """Its documents; raises Refused where they cannot be read."""
        self.check_schema()
        if self.documents is None:
            raise other_version(self.number, self.schema, "its plan, policy or contract cannot be read")
        return self.documents


def open_header(headers: Iterable[Header]) -> Header | None:
    """The deployment that has not ended, if there is one."""
    return next((header for header in headers if header.ending.open), None)
