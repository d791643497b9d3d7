"""`[[freeze]]` of deploy.toml: when no release may start."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from bluegreen.policy.units import Name, Section

_LONGEST = timedelta(days=366)


def _real(text: str) -> str:
    try:
        datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"is not a time: {error}; write it like 2030-12-24T18:00:00+09:00") from error
    return text


Moment = Annotated[
    str,
    Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?([+-][0-9]{2}:[0-9]{2}|Z)$"),
    AfterValidator(_real),
]
"""ISO 8601 with offset."""


class Freeze(Section):
    """No release may start between `start` and `end` (ISO 8601 with offset)."""

    start: Moment
    """From when on no release may start."""
    end: Moment
    """Until when."""
    reason: Name
    """Shown to whoever wants to release."""

    @property
    def begins(self) -> datetime:
        """From when on."""
        return datetime.fromisoformat(self.start)

    @property
    def ends(self) -> datetime:
        """Until when."""
        return datetime.fromisoformat(self.end)

    @model_validator(mode="after")
    def _freezes(self) -> Self:
        if self.ends <= self.begins:
            raise ValueError(f"never freezes anything: end {self.end} is not after start {self.start}")
        if self.ends - self.begins > _LONGEST:
            raise ValueError(f"lasts {(self.ends - self.begins).days} days: must be at most {_LONGEST.days}")
        return self
