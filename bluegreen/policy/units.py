"""Durations, shares and rates as a person writes them in deploy.toml.

A bare number is refused there: 30, 0.3 and "30%" mean the same to some readers and not to others. The
journal keeps the policy of a run as plain numbers (seconds, fractions, per second), so numbers are
taken where the policy does not come from a file: `FROM_FILE` in the validation context says which.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo

FROM_FILE: Final = {"from_file": True}
"""The validation context of a document that a person wrote."""

MINUTE: Final = 60.0
HOUR: Final = 3600.0
DAY: Final = 86_400.0

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

Flag = Annotated[bool, Field(strict=True)]
"""true or false; not "yes", not 1."""
Whole = Annotated[int, Field(strict=True)]
"""A whole number; not 1.0, not "1", not true."""
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
"""A number; not "1", not true, and not nan or inf, with which every comparison is false or true."""

_BREAKS = frozenset("\n\t")
_PLACEHOLDER = re.compile(r"(?<!\$)\{(\w+)\}")


def unprintable(text: str, *, but: AbstractSet[str] = frozenset()) -> str:
    """Names the first character of `text` that nobody sees: a control, a format or a separator character.

    Among them are the escape of a terminal, CR and LF, which end a header, and marks that turn text around.
    """
    found = next(
        (c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c not in but), ""
    )
    return found and f"U+{ord(found):04X}"


def _one_line(text: str) -> str:
    if found := unprintable(text):
        raise ValueError(f"must be one line of printable characters; it contains {found}")
    if text != text.strip():
        raise ValueError("must not begin or end with a space")
    return text


def _lines(text: str) -> str:
    if found := unprintable(text, but=_BREAKS):
        raise ValueError(f"must be printable text; it contains {found}")
    return text


Line = Annotated[str, Field(max_length=500), AfterValidator(_one_line)]
"""One line of text, as it is shown and sent."""
Name = Annotated[Line, Field(min_length=1)]
"""A line that says something."""
Lines = Annotated[str, Field(max_length=10_000), AfterValidator(_lines)]
"""Text that may have several lines, such as a query."""


def braced(text: str) -> set[str]:
    """The placeholders of a text: words alone in braces. `${HOME}` is the shell's."""
    return set(_PLACEHOLDER.findall(text))


def unknown_placeholders(texts: Iterable[str], known: Iterable[str]) -> str:
    """What is wrong with the placeholders of `texts`; empty where all are known."""
    allowed = sorted(known)
    wrong = sorted(set().union(*map(braced, texts)) - set(allowed))
    if not wrong:
        return ""
    return f"unknown placeholder {', '.join(wrong)}; known: {', '.join(allowed) or 'none'}"


class Section(BaseModel):
    """A table of deploy.toml: what is not named here is a fault."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=False)
