"""Calls that would be made at the same time, made in turn: the same order in every run, and no threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import pytest

__all__ = ["threadless"]


class _InTurn:
    """`ThreadPoolExecutor` as `bluegreen.adapters.threads` uses it."""

    def __init__(self, *, max_workers: int) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def submit(self, call: Callable[[], Any]) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001  (a future keeps whatever was raised)
            future.set_exception(error)
        return future


@contextmanager
def threadless() -> Iterator[None]:
    """Within it the adapters make their parallel calls in turn."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bluegreen.adapters.threads.ThreadPoolExecutor", _InTurn)
        yield
