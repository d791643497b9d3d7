"""`[rehearsal]` of deploy.toml: the migration is tried on a restored copy of the database (P8, C1)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bluegreen.policy.units import DAY, MINUTE, Duration, Section


class Rehearsal(Section):
    """`sc-deploy db rehearse`: a throw-away copy of the database on which the migration is tried."""

    host_variable: Annotated[str, Field(max_length=60, pattern=r"^([A-Z][A-Z0-9_]*)?$")] = ""
    """The environment variable from which the migration's commands take the host of the database. A rehearsal
    sets it to the copy's. Empty: nothing is rehearsed, since the commands could reach the live database."""
    max_age: Annotated[Duration, Field(ge=MINUTE, le=365 * DAY)] = 14 * DAY
    """An older rehearsal is no evidence: a release that migrates is warned."""
    timeout: Annotated[Duration, Field(ge=MINUTE, le=DAY)] = 4 * 3600.0
    """How long the copy is waited for, and each command: longer than the migration's own, to measure it."""
