"""What every simulated service shares: the time reached, the settings, fresh ids, paging."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import count
from typing import Any, TypeVar

from bluegreen.lab.cloud.clock import as_datetime
from bluegreen.lab.cloud.conditions import Conditions
from bluegreen.lab.cloud.errors import CloudError, validation
from bluegreen.lab.cloud.settings import Settings

Document = dict[str, Any]
_Handler = TypeVar("_Handler", bound=Callable[..., Document])
_T = TypeVar("_T")


class World:
    """Time and identity of one simulated region; `at` is how far its state has been advanced."""

    def __init__(self, settings: Settings, start: float) -> None:
        self.settings = settings
        self.at = start
        self.stretch = 1
        """How many times longer than elsewhere this region gives what runs on the machine it shares."""
        self.conditions = Conditions()
        self.random = random.Random(settings.seed)
        self._numbers: Iterator[int] = count(1)

    def timestamp(self) -> datetime:
        return as_datetime(self.at)

    def hex_id(self, digits: int) -> str:
        """A fresh id; deterministic, so that a failing run can be repeated."""
        return f"{next(self._numbers) * 2654435761 % 16**digits:0{digits}x}"

    def arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.settings.region}:{self.settings.account_id}:{resource}"


def api(handler: _Handler) -> _Handler:
    """Mark a method as the handler of the AWS operation of the same (snake-case) name."""
    handler.is_api = True  # type: ignore[attr-defined]  # a mark on a function object
    return handler


def operations_of(*services: object) -> dict[str, Callable[[Document], Document]]:
    """The handlers of `services` by snake-case operation name."""
    return {
        name: getattr(service, name)
        for service in services
        for name in dir(type(service))
        if getattr(getattr(type(service), name), "is_api", False)
    }


def page(items: Sequence[_T], *, size: int, token: str | None) -> tuple[list[_T], str | None]:
    """One page of `items` and the token of the next one, None at the end."""
    try:
        start = int(token) if token else 0
    except ValueError as error:
        raise validation(f"The token '{token}' is not valid") from error
    end = start + size
    return list(items[start:end]), str(end) if end < len(items) else None


def copied(document: Document) -> Document:
    """`document` with nothing in common that may change: copy.deepcopy takes ten times as long.

    Dicts, lists and tuples are made anew; whatever else botocore lets pass cannot be changed.
    """
    return {key: _copied(value) for key, value in document.items()}


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_copied(one) for one in value]
    return value


def tags_from(tags: Sequence[Document] | None) -> dict[str, str]:
    """AWS's list of Key/Value as a dict; refuses a key named twice and the reserved prefix."""
    found: dict[str, str] = {}
    for tag in tags or ():
        key = tag["Key"]
        if key in found:
            raise CloudError("DuplicateTagKeys", f"Tag key {key} is given twice")
        if key.lower().startswith("aws:"):
            raise validation(f"Tag key {key}: the prefix aws: is reserved")
        found[key] = tag.get("Value", "")
    if len(found) > 50:
        raise CloudError("TooManyTags", "At most 50 tags a resource")
    return found


def tags_to(tags: dict[str, str]) -> list[Document]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
