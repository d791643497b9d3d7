"""Whether botocore accepts the parameters of a call, decided in a fraction of its time.

botocore walks each shape anew for every call. Here a shape becomes a function, once a process. It says
yes only where botocore would; whatever it does not accept is to be shown to botocore, whose word counts.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

from botocore.utils import is_json_value_header
from botocore.validate import ParamValidator

Accepts = Callable[[Any], bool]
_Known = dict[str, Accepts]
_NUMBERS = ("integer", "long", "float", "double")
_MODELS: WeakKeyDictionary[Any, _Known] = WeakKeyDictionary()
_MAKING = Lock()
"""While a shape that contains itself is made, its function leads to itself: no other thread may meet it."""


def accepts(model: Any, parameters: dict[str, Any]) -> bool:
    """Whether `parameters` are valid beyond doubt for an operation (`model`: botocore's OperationModel)."""
    if model.input_shape is None:
        return True
    with _MAKING:
        function = _function(model.input_shape, _MODELS.setdefault(model.service_model, {}))
    return function(parameters)


def _function(shape: Any, known: _Known) -> Accepts:
    """That of `shape`, which may contain itself, and may have other limits where it is a member."""
    key = f"{shape.name} {sorted(shape.metadata.items())}"

    def later(value: Any) -> bool:
        return known[key](value)

    if key not in known:
        known[key] = later
        known[key] = _made(shape, known)
    return known[key]


def _made(shape: Any, known: _Known) -> Accepts:
    if is_json_value_header(shape) or getattr(shape, "serialization", {}).get("hostLabel"):
        return _doubtful
    if shape.type_name in _NUMBERS:
        return _number(shape)
    make = _MAKERS.get(shape.type_name)
    return make(shape, known) if make else _doubtful


def _doubtful(_value: object) -> bool:
    return False


def _number(shape: Any) -> Accepts:
    types, least = ParamValidator.SCALAR_TYPES[shape.type_name], shape.metadata.get("min", float("-inf"))
    return lambda value: isinstance(value, types) and value >= least


def _string(shape: Any, _known: _Known) -> Accepts:
    least = shape.metadata.get("min", 0)
    return lambda value: isinstance(value, str) and len(value) >= least


def _list(shape: Any, known: _Known) -> Accepts:
    member, least = _function(shape.member, known), shape.metadata.get("min", 0)
    return lambda value: isinstance(value, (list, tuple)) and len(value) >= least and all(map(member, value))


def _map(shape: Any, known: _Known) -> Accepts:
    key, content = _function(shape.key, known), _function(shape.value, known)
    return lambda value: (
        isinstance(value, dict) and all(map(key, value)) and all(map(content, value.values()))
    )


def _structure(shape: Any, known: _Known) -> Accepts:
    if shape.is_document_type:
        return _doubtful
    members = {name: _function(member, known) for name, member in shape.members.items()}
    required = frozenset(shape.metadata.get("required", ()))
    union = shape.is_tagged_union

    def accepted(value: Any) -> bool:
        if not isinstance(value, dict) or not required <= value.keys() or (union and len(value) != 1):
            return False
        for name, content in value.items():
            member = members.get(name)
            if member is None or not member(content):
                return False
        return True

    return accepted


_MAKERS: dict[str, Callable[[Any, _Known], Accepts]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "blob": lambda *_: lambda value: isinstance(value, (bytes, bytearray, str)),
    "boolean": lambda *_: lambda value: isinstance(value, bool),
    "timestamp": lambda *_: lambda value: isinstance(value, datetime),
}
