"""Faults of the AWS API, on purpose: one plan, for the HTTP server and for in-process clients.

`when=after` is the case that matters most: the call was carried out, its answer was lost.
The plan only decides; `bluegreen.lab.api.control` and `bluegreen.lab.api.inprocess` act.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from bluegreen.lab.cloud.cloud import service_key
from bluegreen.lab.cloud.errors import CloudError, expired, throttled


class Effect(StrEnum):
    THROTTLE = "throttle"
    ERROR = "error"
    EXPIRED = "expired"
    """The caller's session has ended: it must log in again."""
    LATENCY = "latency"
    TIMEOUT = "timeout"
    """The client waits in vain until its own read timeout (over HTTP: at most `seconds`)."""
    DROP = "drop"
    """The connection closes without an answer."""
    CRASH = "crash"
    """The calling process dies; in process only."""


class When(StrEnum):
    BEFORE = "before"
    """The call is not carried out."""
    AFTER = "after"
    """The call is carried out, then the fault strikes."""


class Crashed(BaseException):  # a death, which no `except Exception` may survive
    """Raised in the place of a killed process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong, where and how often.

    `service` and `action` are patterns (`auto-scaling`, `Describe*`); the fault strikes the
    `nth` matching call (1: the first) and up to `times` - 1 ones after it (0: for ever), each
    with probability `rate`.
    """

    effect: Effect
    service: str = "*"
    action: str = "*"
    when: When = When.BEFORE
    nth: int = 1
    times: int = 1
    rate: float = 1.0
    code: str = "InternalFailure"
    status: int = 500
    seconds: float = 1.0

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Fault:
        """Parse JSON; raises ValueError naming what is wrong."""
        unknown = set(document) - {one.name for one in fields(cls)}
        if unknown:
            raise ValueError(f"unknown field of a fault: {', '.join(sorted(unknown))}")
        given = dict(document)
        given["effect"] = Effect(given.get("effect", ""))
        given["when"] = When(given.get("when", "before"))
        fault = cls(**given)
        if fault.nth < 1 or fault.times < 0 or not 0 <= fault.rate <= 1 or fault.seconds < 0:
            raise ValueError("nth must be >= 1, times >= 0, rate 0 to 1 and seconds >= 0")
        return fault

    def to_document(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(slots=True)
class _Armed:
    fault: Fault
    seen: int = 0
    struck: int = 0


@dataclass(slots=True)
class FaultPlan:
    """The faults that are set, and how often each has struck."""

    seed: int = 1
    _armed: list[_Armed] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._armed.append(_Armed(fault))

    def clear(self, effect: Effect | None = None, service: str | None = None) -> None:
        """Clear every fault, or those of one effect (and of one service pattern, as it was given)."""
        with self._lock:
            self._armed = [
                one
                for one in self._armed
                if effect not in (None, one.fault.effect) or service not in (None, one.fault.service)
            ]

    def documents(self) -> list[dict[str, Any]]:
        with self._lock:
            return [
                {**one.fault.to_document(), "seen": one.seen, "struck": one.struck} for one in self._armed
            ]

    def strike(self, service: str, action: str) -> Fault | None:
        """Count one call; the fault that strikes it, if one does."""
        key = service_key(service)
        with self._lock:
            struck = [one for one in self._armed if self._strikes(one, key, action)]
            return struck[0].fault if struck else None

    def _strikes(self, armed: _Armed, service: str, action: str) -> bool:
        fault = armed.fault
        if not fnmatchcase(service, service_key(fault.service)) or not fnmatchcase(action, fault.action):
            return False
        armed.seen += 1
        spent = fault.times and armed.struck >= fault.times
        if armed.seen < fault.nth or spent or self._random.random() >= fault.rate:
            return False
        armed.struck += 1
        return True


def error_of(fault: Fault, service: str) -> CloudError:
    """The AWS error that a `throttle`, `expired` or `error` fault answers with."""
    if fault.effect is Effect.THROTTLE:
        return throttled(service_key(service))
    if fault.effect is Effect.EXPIRED:
        return expired(service_key(service))
    return CloudError(fault.code, f"injected {fault.code}", fault.status)
