"""`[[smoke]]` and `[golden]` of deploy.toml: what green is asked, and what it must answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from bluegreen.contract import Tier
from bluegreen.policy.units import (
    MINUTE,
    Duration,
    Flag,
    Line,
    Lines,
    Name,
    Section,
    Whole,
    unknown_placeholders,
)

_FRAMING = frozenset(
    {"accept-encoding", "connection", "content-length", "host", "transfer-encoding", "x-sc-preview"}
)
"""Headers that sc-deploy sets itself: a second one would change who answers, or where the request ends."""


def _header(name: str) -> str:
    if name.lower() in _FRAMING:
        raise ValueError("sc-deploy sets this header itself; remove it")
    return name


def _comparable(value: object) -> object:
    """A value that an answer in JSON can have: a date of TOML, inf and nan would never be equal to it."""
    number = isinstance(value, float) and not isfinite(value)
    if number or not isinstance(value, str | int | float | bool | list | dict | None):
        raise ValueError(f"must be text, a number, true or false, a list or a table of these, got {value}")
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _comparable(inner)
    return value


UrlPath = Annotated[str, Field(pattern=r"^/[!-~]*$", max_length=2_000)]
"""Printable ASCII, as it stands in a request."""
HeaderName = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", max_length=100), AfterValidator(_header)
]
HeaderValue = Annotated[str, Field(pattern=r"^[ -~]*$", max_length=4_000)]
SavedName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=40)]
DottedPath = Annotated[Line, Field(min_length=1, max_length=200)]


class SmokeStep(Section):
    """One request and what its answer must be. `{name}` inserts a value saved by an earlier step."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"] = "GET"
    """HTTP method."""
    path: UrlPath
    """Path and query, as a user's browser sends them."""
    headers: Annotated[Mapping[HeaderName, HeaderValue], Field(max_length=30)] = {}
    """Headers beside those that sc-deploy sets itself."""
    body: Annotated[str, Field(max_length=100_000)] = ""
    """Sent as it is."""
    status: Annotated[Whole, Field(ge=100, le=599)] = 200
    """Status that the answer must have."""
    json_: Mapping[DottedPath, Annotated[Any, AfterValidator(_comparable)]] = Field(
        default={}, alias="json", max_length=50
    )
    """Dotted path in the JSON answer -> the value it must have."""
    text: Lines = ""
    """Text the answer must contain."""
    max_latency: Annotated[Duration, Field(ge=0.001, le=2 * MINUTE)] = 5.0
    """An answer that takes longer is a failure."""
    save: Annotated[Mapping[SavedName, DottedPath], Field(max_length=20)] = {}
    """Name -> dotted path whose value later steps may insert."""

    @property
    def templates(self) -> tuple[str, ...]:
        """Every text that may name a saved value."""
        return (self.path, self.body, *self.headers.values())

    @model_validator(mode="after")
    def _sendable(self) -> Self:
        names = Counter(name.lower() for name in self.headers)
        if twice := sorted(name for name, count in names.items() if count > 1):
            raise ValueError(f"headers names {', '.join(twice)} twice")
        if self.method == "HEAD" and (self.json_ or self.text or self.save):
            raise ValueError("an answer to HEAD has no body, so it has no json, text or save")
        return self


class SmokeTest(Section):
    """A key function of the platform, as its users use it (P5, R1)."""

    name: Annotated[Name, Field(max_length=60)]
    """As it stands in the verdict and on the page."""
    tier: Tier
    """Whose key function it is."""
    key: Flag = True
    """A key function is probed all through the shift; its failure rolls back (R1)."""
    steps: Annotated[tuple[SmokeStep, ...], Field(min_length=1, max_length=20)]

    @model_validator(mode="after")
    def _saved_before(self) -> Self:
        if faults := list(self._unsaved()):
            raise ValueError("; ".join(faults))
        return self

    def _unsaved(self) -> Iterator[str]:
        saved: set[str] = set()
        for number, step in enumerate(self.steps):
            if fault := unknown_placeholders(step.templates, saved):
                yield f"steps.{number}: {fault}, as saved by earlier steps"
            saved |= set(step.save)


class GoldenRow(Section):
    """One question whose answer is known."""

    input: Any
    label: Any


class GoldenSet(Section):
    """AI validation (P5, R4): questions with known answers, sent to green and to blue before 5 %."""

    file: Annotated[Name, Field(max_length=255)]
    """JSON lines beside deploy.toml: {"input": ..., "label": ...}."""
    path: UrlPath
    """Where a question is sent, by POST."""
    answer: DottedPath = "label"
    """Dotted path of the answer in the response."""
    minimum: Annotated[Whole, Field(ge=20, le=10_000)] = 100
    """Fewer questions show too little, and are refused."""
    rows: tuple[GoldenRow, ...] = ()
    """Read from `file` when the policy is loaded, so that a resumed run asks the same questions."""
