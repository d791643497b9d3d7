"""`[security]` of deploy.toml: what a scan's critical findings mean for a release (R5)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from bluegreen.policy.units import Name, Section

FINDING_PATTERN = r"^[A-Za-z][A-Za-z0-9._-]{2,63}$"
"""Names of findings as scanners write them: CVE-2026-1234, GHSA-..., ALAS2-2026-001."""


def _day(value: object) -> object:
    """A number is taken for seconds since 1970 otherwise."""
    if isinstance(value, datetime) or not isinstance(value, date | str):
        raise ValueError("must be a day: 2026-12-31")  # noqa: TRY004  # pydantic collects ValueError alone
    return value


class AcceptedFinding(Section):
    """A critical finding that somebody answers for until a day."""

    id: Annotated[str, Field(pattern=FINDING_PATTERN)]
    """Of the finding, e.g. CVE-2026-1234."""
    by: Annotated[Name, Field(max_length=80)]
    """Who answers for it, by name."""
    until: Annotated[date, BeforeValidator(_day)]
    """The last day (UTC) on which it counts, e.g. 2026-12-31."""
    reason: Annotated[Name, Field(max_length=200)]
    """Why it cannot do harm."""


class Security(Section):
    """Vulnerabilities in the images of a release."""

    critical: Literal["refuse", "warn"] = "refuse"
    """A critical finding that nobody has accepted."""
    unscanned: Literal["refuse", "warn"] = "warn"
    """An image without a finished scan."""
    accept: Annotated[tuple[AcceptedFinding, ...], Field(max_length=100)] = ()

    @model_validator(mode="after")
    def _once(self) -> Self:
        names = [one.id.upper() for one in self.accept]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError("; ".join(f"{name} is accepted twice" for name in twice))
        return self

    def accepted(self, finding: str, today: date) -> AcceptedFinding | None:
        """Who answers for `finding` today."""
        found = (one for one in self.accept if one.id.upper() == finding.upper() and today <= one.until)
        return next(found, None)
