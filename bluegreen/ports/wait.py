"""The two ways to wait, over whatever sleeps: look until it is there, and call again after an error.

How long and how often is one argument, the pauses in seconds: a tuple bounds the attempts, `steadily`
bounds the time. The clock's sleep is an argument too, so that a simulated run needs no time and a
deployer that waits keeps its lease.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from bluegreen.errors import CloudUnavailable, DeployError, LoggedOut
from bluegreen.ports import Clock

T = TypeVar("T")
_PAUSE = 2.0
"""Seconds between calls while AWS does not answer."""


def steadily(every: float, *, within: float, now: Callable[[], float]) -> Iterator[float]:
    """A pause of `every` seconds, again and again, until `within` seconds have passed since the first."""
    end = now() + within
    while now() < end:
        yield every


def until(look: Callable[[], T | None], pauses: Iterable[float], sleep: Callable[[float], None]) -> T | None:
    """What `look` finds, looked for at once and after each pause; None where it never does."""
    for pause in pauses:
        found = look()
        if found is not None:
            return found
        sleep(pause)
    return look()


def again(
    call: Callable[[], T],
    *,
    on: Callable[[DeployError], bool],
    pauses: Iterable[float],
    sleep: Callable[[float], None],
) -> T:
    """What `call` returns; after an error that `on` accepts it is called again, once for each pause.

    Raises every other error at once, and the last one when the pauses are used up.
    """
    for pause in pauses:
        try:
            return call()
        except DeployError as error:
            if not on(error):
                raise
        sleep(pause)
    return call()


def patiently(call: Callable[[], T], *, clock: Clock, patience: float) -> T:
    """What `call` returns, called again while AWS does not answer; only for calls that may be repeated.

    Raises CloudUnavailable after `patience` seconds.
    """
    pauses = steadily(_PAUSE, within=patience, now=clock.now)
    return again(call, on=unavailable, pauses=pauses, sleep=clock.sleep)


def unavailable(error: DeployError) -> bool:
    """Whether AWS gave no answer, so that the same call may work later; a session that ended stays ended."""
    return isinstance(error, CloudUnavailable) and not isinstance(error, LoggedOut)
