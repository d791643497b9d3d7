"""Waits for AWS to come back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from bluegreen.errors import CloudUnavailable
from bluegreen.ports import Clock

T = TypeVar("T")
_PAUSE = 2.0
"""Seconds between attempts."""


def again(call: Callable[[], T], *, clock: Clock, patience: float) -> T:
    """Call again while AWS does not answer; only for calls that may be repeated.

    Raises CloudUnavailable after `patience` seconds.
    """
    deadline = clock.now() + patience
    while True:
        try:
            return call()
        except CloudUnavailable:
            if clock.now() >= deadline:
                raise
            clock.sleep(_PAUSE)
