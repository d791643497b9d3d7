"""Writes docs/settings.md: every key of `sportcoach:settings`, from the models that check them.

python -m tools.settings_reference
"""

from __future__ import annotations

import ast
import inspect
import textwrap
import types
import typing
from collections.abc import Iterator
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from infra.settings import SECRETS, Settings

TARGET = Path(__file__).resolve().parents[1] / "docs" / "settings.md"
HEAD = """# The settings of a stack

Every key below `sportcoach:settings` in `Pulumi.<stack>.yaml`. This page is written by
`python -m tools.settings_reference` from the models in `infra/settings/`, which report every fault before
anything is registered. `<tier>` is web, app or ai; `[]` is an entry of a list.
"""


def reference() -> str:
    """The whole page."""
    lines = [HEAD, "| key | allowed | default | meaning |", "| --- | --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        if name != "stack":  # the engine's own name of the stack
            lines += _rows(name, field, meanings(Settings).get(name, ""))
    lines += [
        "",
        "## Secrets",
        "",
        "Set with `pulumi config set --secret <key>`; a stack needs those that its switches ask for.",
        "",
        "| key | allowed |",
        "| --- | --- |",
    ]
    lines += [f"| `{key}` | {escaped(allowed)} |" for key, (_, allowed) in SECRETS.items()]
    return "\n".join(lines) + "\n"


def _rows(place: str, field: FieldInfo, meaning: str) -> Iterator[str]:
    inner_models = list(models(field.annotation))
    if not inner_models:
        yield _row(place, _allowed(field), _default(field), meaning)
        return
    if not field.is_required():
        yield _row(place, "a section, or none", _default(field), meaning or _summary(inner_models[0]))
    inner = f"{place}{_suffix(field.annotation)}"
    for model in inner_models:
        told = meanings(model)
        for name, one in model.model_fields.items():
            yield from _rows(f"{inner}.{name}", one, told.get(name, ""))


def _row(place: str, allowed: str, default: str, meaning: str) -> str:
    return f"| `{place}` | {escaped(allowed)} | {default} | {escaped(meaning)} |"


def escaped(text: str) -> str:
    """Text for a cell of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|")


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that an annotation names."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from models(argument)


def _suffix(annotation: Any) -> str:
    """What stands between a section's key and those below it."""
    origins = {typing.get_origin(one) for one in (annotation, *typing.get_args(annotation))}
    if dict in origins:
        return ".<tier>"
    return "[]" if tuple in origins else ""


def _summary(model: type[BaseModel]) -> str:
    return (inspect.getdoc(model) or "").partition("\n")[0]


def meanings(model: type[BaseModel]) -> dict[str, str]:
    """The docstring below each field, of the model and of those it extends."""
    found: dict[str, str] = {}
    for one in reversed(model.__mro__):
        if not (isinstance(one, type) and issubclass(one, BaseModel)) or one is BaseModel:
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(one))).body[0]
        statements = typing.cast("ast.ClassDef", body).body
        for field, below in pairwise(statements):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(below, ast.Expr)
                and isinstance(below.value, ast.Constant)
            ):
                found[field.target.id] = str(below.value.value)
    return found


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return "its defaults"
    words = {None: "none", True: "`true`", False: "`false`"}
    if isinstance(value, bool) or value is None:
        return words[value]
    return "empty" if value in ((), {}) else f"`{value}`"


def _allowed(field: FieldInfo) -> str:
    """Type, bounds and format, in words where the model has them."""
    kind = list(_constraints(field.annotation))
    words = [word for one in field.metadata for word in _constraint(one)]
    # Words say more than the type that they restrict.
    found = (
        words if words and kind in (["text"], ["whole number"]) and not _numeric(words) else [*kind, *words]
    )
    return ", ".join(dict.fromkeys(word for word in found if word))


def _constraints(annotation: Any) -> Iterator[str]:
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        base, *metadata = typing.get_args(annotation)
        words = [word for one in metadata for word in _constraint(one)]
        inner = list(_constraints(base))
        # Words say more than the type that they restrict.
        yield from words if words and inner == ["text"] else [*inner, *words]
    elif origin in {types.UnionType, typing.Union}:
        for argument in typing.get_args(annotation):
            yield from _constraints(argument)
    elif origin is tuple:
        yield f"a list of {', '.join(_constraints(typing.get_args(annotation)[0]))}"
    elif origin is dict:
        key, value = typing.get_args(annotation)
        yield f"names ({', '.join(_constraints(key))}) with {', '.join(_constraints(value))}"
    elif origin is typing.Literal:
        yield " or ".join(f"`{one}`" for one in typing.get_args(annotation))
    elif isinstance(annotation, type) and issubclass(annotation, StrEnum):
        yield " or ".join(f"`{one}`" for one in annotation)
    elif annotation is not type(None):
        yield {bool: "`true` or `false`", int: "whole number", float: "number", str: "text"}[annotation]


def _numeric(words: list[str]) -> bool:
    return any(word.startswith(("at ", "more ", "less ")) for word in words)


_BOUNDS = {
    "ge": "at least {}",
    "gt": "more than {}",
    "le": "at most {}",
    "lt": "less than {}",
    "min_length": "at least {} of them",
    "max_length": "at most {} of them",
}


def _constraint(one: Any) -> Iterator[str]:
    """The words of a piece of pydantic's or annotated_types' metadata."""
    if words := getattr(getattr(one, "func", None), "allowed", ""):
        yield words
    for nested in getattr(one, "metadata", ()):
        yield from _constraint(nested)
    for name, words in _BOUNDS.items():
        if (value := getattr(one, name, None)) is not None:
            yield words.format(f"{value:,}")
    if pattern := getattr(one, "pattern", None):
        yield f"`{pattern}`"


if __name__ == "__main__":
    TARGET.write_text(reference(), encoding="utf-8")
