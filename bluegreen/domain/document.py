"""The one way from a class of the domain to JSON values and back: by its annotations.

Whoever stores or prints a plan, a verdict or an event comes here, so that a class is its own format.
"""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter

T = TypeVar("T")


@cache
def _reader(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


@cache
def _writer(kind: Any) -> TypeAdapter[Any]:
    # A NaN stays one, so that whoever reads it can name it. A class alone takes no config, a union does.
    return TypeAdapter(kind | None, config=ConfigDict(ser_json_inf_nan="constants"))


def to_document(value: object) -> Any:
    """`value` as JSON values."""
    kind: Any = type(value)
    return _writer(kind).dump_python(value, mode="json", by_alias=True)


def from_document(kind: type[T], document: object) -> T:
    """The `kind` that `to_document` wrote; raises ValueError for anything else."""
    known: Any = kind
    found: T = _reader(known).validate_python(document)
    return found
