"""Calls that do not depend on each other, at the same time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Thread
from typing import TypeVar

LIMIT = 32
"""Threads per group of calls: as many as a client keeps connections."""

T = TypeVar("T")


def parallel(calls: Sequence[Callable[[], T]]) -> list[T]:
    """The results in order; the first error (in order of the calls) is raised after all have ended.

    Each group has threads of its own: a shared, bounded pool would lock up as soon as a call inside
    the pool starts a group of its own.
    """
    if len(calls) <= 1:
        return [call() for call in calls]
    with ThreadPoolExecutor(max_workers=min(LIMIT, len(calls))) as pool:
        futures = [pool.submit(call) for call in calls]
    return [future.result() for future in futures]


def aside(call: Callable[[], T]) -> Callable[[float], T]:
    """Begin `call` in a thread of its own, which never keeps the process from ending.

    What is returned waits the given seconds for the result; TimeoutError while there is none.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001  (whoever asks for the result is told)
            future.set_exception(error)

    Thread(target=run, name="aside", daemon=True).start()
    return lambda seconds: future.result(timeout=seconds)
