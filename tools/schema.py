"""The SDK's classes as a schema: what the program registers is checked against them, nested keys and all.

The SDK itself rejects unknown top-level arguments only; unknown or missing keys of nested dictionaries,
wrong scalar types and strings for lists reach the provider, and fail there.
"""

from __future__ import annotations

import importlib
import inspect
import re
import types
import typing
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import pulumi_aws
from pulumi import _types

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What the SDK sends for an output that is not known yet."""


@contextmanager
def quiet() -> Iterator[None]:
    """Without the warnings that importing the SDK's own deprecated classes gives."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning, module="pulumi_aws")
        yield


@lru_cache(maxsize=1)
def _classes() -> dict[str, tuple[str, str]]:
    source = Path(pulumi_aws.__file__).read_text(encoding="utf-8")
    found = re.findall(r'"fqn": "([\w.]+)",\s*"classes": \{\s*"(aws:[^"]+)": "(\w+)"', source)
    return {token: (module, name) for module, token, name in found}


@cache
def resource_class(token: str) -> type:
    """The SDK's class of a resource type token; KeyError for a token it does not know."""
    if token == "pulumi:providers:aws":  # noqa: S105  # a type token
        return pulumi_aws.Provider
    module, name = _classes()[token]
    with quiet():
        return typing.cast("type", getattr(importlib.import_module(module), name))


@cache
def _arguments_class(token: str) -> type:
    """`XInitArgs` where the SDK's `XArgs` is something else, else `XArgs`."""
    cls = resource_class(token)
    module = importlib.import_module(cls.__module__)
    for name in (f"{cls.__name__}InitArgs", f"{cls.__name__}Args"):
        candidate = getattr(module, name, None)
        if candidate is not None and _types.is_input_type(candidate):
            return typing.cast("type", candidate)
    raise KeyError(f"no arguments class for {token}")


def output_types(token: str) -> dict[str, Any]:
    """Declared outputs of a resource by their wire names."""
    return dict(_types.resource_types(resource_class(token)))


def input_names(token: str) -> set[str]:
    """Wire names of a resource's inputs."""
    return set(_fields(_arguments_class(token)))


def problems(token: str, inputs: Mapping[str, Any]) -> list[str]:
    """Everything wrong with the inputs of one resource, each with its path."""
    return list(_object(_arguments_class(token), inputs, token))


@cache
def _fields(cls: type) -> dict[str, Any]:
    """Wire name -> type."""
    names = _types.input_type_py_to_pulumi_names(cls)
    inverse = set(names.values())
    return {
        (key if key in inverse else names.get(key, key)): kind
        for key, kind in _types.input_type_types(cls).items()
    }


@cache
def _required(cls: type) -> frozenset[str]:
    names = _types.input_type_py_to_pulumi_names(cls)
    signature = inspect.signature(cls.__init__)  # type: ignore[misc]  # generated classes
    return frozenset(
        names.get(name, name)
        for name, parameter in signature.parameters.items()
        if parameter.default is inspect.Parameter.empty and name not in {"__self__", "self"}
    )


def _object(cls: type, value: Mapping[str, Any], path: str) -> Iterator[str]:
    fields = _fields(cls)
    for missing in sorted(_required(cls) - set(value)):
        yield f"{path}: {missing} is missing"
    for key, item in value.items():
        if key.startswith("__"):
            continue
        if key not in fields:
            yield f"{path}: unknown key {key} (allowed: {', '.join(sorted(fields))})"
        else:
            yield from _value(fields[key], item, f"{path}.{key}")


def _value(kind: Any, value: Any, path: str) -> Iterator[str]:
    if value is None or value == UNKNOWN:
        return
    options = [option for option in _options(kind) if option is not type(None)]
    faults: list[str] = []
    for option in options:
        found = list(_single(option, value, path))
        if not found:
            return
        faults = found if not faults or _is_object(option) else faults
    yield from faults


def _options(kind: Any) -> tuple[Any, ...]:
    """The alternatives of a type, with Input, Awaitable and Output taken off."""
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        return tuple(part for option in typing.get_args(kind) for part in _options(option))
    if origin is not None and getattr(origin, "__name__", "") in {"Output", "Awaitable", "Input"}:
        return ()
    return (kind,)


def _is_object(kind: Any) -> bool:
    return isinstance(kind, type) and _types.is_input_type(kind)


def _single(kind: Any, value: Any, path: str) -> Iterator[str]:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    name = getattr(origin or kind, "__name__", str(kind))
    if _is_object(kind):
        if isinstance(value, Mapping):
            yield from _object(kind, value, path)
        else:
            yield f"{path}: an object is wanted, got {type(value).__name__}"
    elif name in {"list", "Sequence"}:
        if not isinstance(value, list):
            yield f"{path}: a list is wanted, got {type(value).__name__}"
            return
        for index, item in enumerate(value):
            yield from _value(arguments[0] if arguments else typing.Any, item, f"{path}[{index}]")
    elif name in {"dict", "Mapping"}:
        if not isinstance(value, Mapping):
            yield f"{path}: a map is wanted, got {type(value).__name__}"
            return
        for key, item in value.items():
            yield from _value(arguments[1] if arguments else typing.Any, item, f"{path}.{key}")
    elif isinstance(kind, type):
        yield from _scalar(kind, value, path)


def _scalar(kind: type, value: Any, path: str) -> Iterator[str]:
    if issubclass(kind, str) and hasattr(kind, "__members__"):
        if value not in {member.value for member in kind}:  # type: ignore[attr-defined]  # an enum
            yield f"{path}: {value!r} is not a {kind.__name__}"
        return
    numbers = (int, float)
    wanted: dict[type, tuple[type, ...]] = {bool: (bool,), str: (str,), int: numbers, float: numbers}
    wrong = kind in wanted and not isinstance(value, wanted[kind])
    if wrong or (kind in wanted and kind is not bool and isinstance(value, bool)):
        yield f"{path}: {kind.__name__} is wanted, got {value!r}"
    elif kind is int and isinstance(value, float) and not value.is_integer():
        yield f"{path}: a whole number is wanted, got {value!r}"
