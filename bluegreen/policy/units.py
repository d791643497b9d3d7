"""Durations, shares and rates as a person writes them in deploy.toml.

A bare number is refused there: 30, 0.3 and "30%" mean the same to some readers and not to others. The
journal keeps the policy of a run as plain numbers (seconds, fractions, per second), so numbers are
taken where the policy does not come from a file: `FROM_FILE` in the validation context says which.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo

FROM_FILE: Final = {"from_file": True}
"""The validation context of a document that a person wrote."""

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_RATE = re.compile(r"(\d+(?:\.\d+)?)/(s|m|h)")


def _seconds(text: str) -> float | None:
    parts = _DURATION.findall(text)
    if not parts or "".join(n + u for n, u in parts) != text:
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def _fraction(text: str) -> float | None:
    return round(float(text[:-1]) / 100, 8) if re.fullmatch(r"\d+(\.\d+)?%", text) else None


def _percent(text: str) -> int | None:
    return int(text[:-1]) if re.fullmatch(r"\d+%", text) else None


def _per_second(text: str) -> float | None:
    match = _RATE.fullmatch(text)
    return float(match[1]) / _UNITS[match[2]] if match else None


def _written(read: Callable[[str], float | None], allowed: str) -> BeforeValidator:
    """A validator for text that `read` understands; `allowed` says how it is written."""

    def check(value: object, info: ValidationInfo) -> object:
        if isinstance(value, str):
            found = read(value)
        else:
            trusted = not (info.context and info.context.get("from_file"))
            number = isinstance(value, int | float) and not isinstance(value, bool)
            found = float(value) if trusted and number else None  # type: ignore[arg-type]  # it is a number
        if found is None:
            raise ValueError(allowed)
        return found

    return BeforeValidator(check)


Duration = Annotated[
    float, _written(_seconds, 'a duration needs a unit: "500ms", "90s", "5m", "1h30m"'), Field(ge=0)
]
Fraction = Annotated[
    float,
    _written(_fraction, 'a share needs a percent sign, because 30 and 0.3 may both mean it: "30%", "0.5%"'),
    Field(ge=0),
]
RampPercent = Annotated[
    int, _written(_percent, 'a weight is a whole percentage with its sign: "5%"'), Field(ge=1, le=99)
]
Rate = Annotated[float, _written(_per_second, 'a rate names its time: "2/s", "30/m"'), Field(ge=0)]


class Section(BaseModel):
    """A table of deploy.toml: what is not named here is a fault."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=False)
