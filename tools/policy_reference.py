"""Writes docs/deploy-toml.md: every key of `deploy.toml`, from the models that check it.

python -m tools.policy_reference
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from bluegreen.policy import Policy
from bluegreen.policy.units import Duration, Fraction, RampPercent, Rate
from tools.settings_reference import escaped, meanings, models

TARGET = Path(__file__).resolve().parents[1] / "docs" / "deploy-toml.md"
HEAD = """# The keys of deploy.toml

How releases are rolled out, judged and rolled back. Top-level tables are the defaults;
`[stacks.<name>.<table>]` overrides single keys for one stack, and a list (`[[stacks.prod.check]]`) replaces
the default's. This page is written by `python -m tools.policy_reference` from the models in
`bluegreen/policy/`, which report every fault at once, before anything is asked of AWS. `[]` is an entry of a
list.

Durations carry a unit (`"90s"`, `"5m"`, `"1h30m"`), shares a percent sign (`"1%"`), rates their time
(`"2/s"`): a bare number is refused. No text may hold characters that nobody sees.
"""
LEFT_OUT = {"golden.rows"}
"""Read from a file, not written in deploy.toml."""
_SECONDS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "m"), (1.0, "s"), (0.001, "ms"))


def reference() -> str:
    """The whole page."""
    lines = [HEAD]
    for name, field in Policy.model_fields.items():
        found = list(models(field.annotation))
        lines += [f"## {name}", ""]
        told = meanings(Policy).get(name, "") or (_summary(found[0]) if found else "")
        if told:
            lines += [escaped(told), ""]
        lines += ["| key | allowed | default | meaning |", "| --- | --- | --- | --- |"]
        lines += _rows(name, field)
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _rows(place: str, field: FieldInfo) -> Iterator[str]:
    found = list(models(field.annotation))
    if place in LEFT_OUT:
        return
    if not found:
        yield _row(place, field, "")
        return
    inner = f"{place}[]" if typing.get_origin(field.annotation) is tuple else place
    for model in found:
        told = meanings(model)
        for name, one in model.model_fields.items():
            key = f"{inner}.{one.alias or name}"
            if list(models(one.annotation)):
                yield from _rows(key, one)
            elif f"{inner}.{name}" not in LEFT_OUT:
                yield _row(key, one, told.get(name, ""))


def _row(place: str, field: FieldInfo, meaning: str) -> str:
    kind, bounds, write = _allowed(field.annotation, tuple(field.metadata))
    default = "required" if field.is_required() else _default(field, write)
    allowed = ", ".join([kind, *bounds])
    return f"| `{place}` | {escaped(allowed)} | {escaped(default)} | {escaped(meaning)} |"


def _default(field: FieldInfo, write: Callable[[Any], str]) -> str:
    value = field.get_default(call_default_factory=True)
    if value in ((), "", None) or value == {}:
        return "none"
    if isinstance(value, tuple):
        return f"`[{', '.join(write(one) for one in value)}]`"
    return f"`{write(value)}`"


def _allowed(annotation: Any, metadata: tuple[Any, ...]) -> tuple[str, list[str], Callable[[Any], str]]:
    """What may be written, its bounds, and how a value is written."""
    while typing.get_origin(annotation) is typing.Annotated:
        annotation, *more = typing.get_args(annotation)
        metadata = (*more, *metadata)
    for unit, name, write in _UNITS:
        if unit in metadata:
            return name, list(_bounds(metadata, write)), write
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in {tuple, list}:
        kind, inner, write = _allowed(arguments[0], ())
        count = list(_bounds(metadata, str))
        return f"list of {kind}", [*inner, *(f"{one} of them" for one in count)], write
    if origin in {types.UnionType, typing.Union}:
        parts = [_allowed(one, ()) for one in arguments if one is not type(None)]
        found = [", ".join([kind, *bounds]) for kind, bounds, _ in parts]
        return " or ".join(found), list(_bounds(metadata, parts[0][2])), parts[0][2]
    if origin is typing.Literal:
        return " or ".join(f'`"{one}"`' for one in arguments), [], _text
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return " or ".join(f'`"{one}"`' for one in annotation), [], _text
    kind, write = _KINDS.get(annotation, ("table or value", _text))
    if origin in {dict, typing.get_origin(typing.Mapping[str, str])}:
        kind = "table"
    return kind, list(_bounds(metadata, write)), write


def _bounds(metadata: tuple[Any, ...], write: Callable[[Any], str]) -> Iterator[str]:
    """In the words of the unit; lengths are counts. Of several bounds of one kind the narrowest."""
    flat = [inner for one in metadata for inner in (*getattr(one, "metadata", ()), one)]
    for name, words, narrow in (
        ("ge", "at least {}", max),
        ("gt", "more than {}", max),
        ("le", "at most {}", min),
        ("lt", "less than {}", min),
    ):
        values = [value for one in flat if (value := getattr(one, name, None)) is not None]
        if values and not (name == "ge" and narrow(values) == 0):
            yield words.format(write(narrow(values)).strip('"'))
    for name, words in (("min_length", "at least {}"), ("max_length", "at most {}")):
        values = [value for one in flat if (value := getattr(one, name, None)) is not None]
        if values and (name, values) != ("min_length", [1]):
            yield words.format(f"{min(values):,}") + (" characters" if write is _text else "")
    for one in flat:
        if pattern := getattr(one, "pattern", None):
            yield f"`{pattern}`"


def _text(value: Any) -> str:
    """As TOML writes it: a text with quotes in it stands between single ones."""
    return f"'{value}'" if '"' in str(value) else f'"{value}"'


def _seconds(value: float) -> str:
    if not value:
        return '"0s"'
    length, unit = next((length, unit) for length, unit in _SECONDS if not round(value / length, 6) % 1)
    return f'"{value / length:g}{unit}"'


def _share(value: float) -> str:
    return f'"{value * 100:g}%"'


def _flag(value: object) -> str:
    return str(value).lower()


_UNITS: tuple[tuple[Any, str, Callable[[Any], str]], ...] = (
    (typing.get_args(Duration)[1], "duration", _seconds),
    (typing.get_args(Fraction)[1], "share", _share),
    (typing.get_args(RampPercent)[1], "whole percentage", lambda value: f'"{value}%"'),
    (typing.get_args(Rate)[1], "rate", lambda value: f'"{value:g}/s"'),
)
_KINDS: dict[Any, tuple[str, Callable[[Any], str]]] = {
    bool: ("`true` or `false`", _flag),
    int: ("whole number", str),
    float: ("number", lambda value: f"{value:g}"),
    str: ("text", _text),
}


def _summary(model: type[BaseModel]) -> str:
    return (inspect.getdoc(model) or "").partition("\n")[0]


if __name__ == "__main__":
    TARGET.write_text(reference(), encoding="utf-8")
