"""The two ways to wait: `until` and `again`, over a clock that only the test moves."""

from __future__ import annotations

import pytest

from bluegreen.errors import CloudUnavailable, DeployError, Refused
from bluegreen.ports.wait import again, patiently, steadily, until


class Sleeps(list[float]):
    """A clock: sleeping moves it, and every sleep is kept."""

    @property
    def now(self) -> float:
        return sum(self)


def test_until_looks_at_once_and_after_each_pause() -> None:
    sleeps, answers = Sleeps(), iter((None, None, "there", "never asked"))
    assert until(lambda: next(answers), (1.0, 2.0, 3.0), sleeps.append) == "there"
    assert sleeps == [1.0, 2.0]
    assert next(answers) == "never asked"


def test_until_gives_up_after_the_last_pause() -> None:
    sleeps, looks = Sleeps(), []
    assert until(lambda: looks.append(1), (1.0, 2.0), sleeps.append) is None
    assert (len(looks), sleeps) == (3, [1.0, 2.0])


def test_until_takes_false_and_zero_for_found() -> None:
    assert until(lambda: 0, (1.0,), Sleeps().append) == 0


def test_again_calls_until_it_works() -> None:
    sleeps, errors = Sleeps(), [CloudUnavailable("away"), CloudUnavailable("away")]

    def call() -> str:
        if errors:
            raise errors.pop()
        return "done"

    assert again(call, on=_away, pauses=(1.0, 2.0), sleep=sleeps.append) == "done"
    assert sleeps == [1.0, 2.0]


def test_again_raises_the_last_error() -> None:
    sleeps, seen = Sleeps(), []

    def call() -> None:
        seen.append(1)
        raise CloudUnavailable(f"away {len(seen)}")

    with pytest.raises(CloudUnavailable, match="away 3"):
        again(call, on=_away, pauses=(1.0, 2.0), sleep=sleeps.append)
    assert sleeps == [1.0, 2.0]


def test_again_raises_other_errors_at_once() -> None:
    sleeps = Sleeps()

    def call() -> None:
        raise Refused("no right to")

    with pytest.raises(Refused):
        again(call, on=_away, pauses=(1.0, 2.0), sleep=sleeps.append)
    assert sleeps == []


def test_steadily_ends_with_its_time() -> None:
    sleeps = Sleeps()
    for pause in steadily(2.0, within=5.0, now=lambda: sleeps.now):
        sleeps.append(pause)
    assert sleeps == [2.0, 2.0, 2.0], "the last pause begins within the time"


def _away(error: DeployError) -> bool:
    return isinstance(error, CloudUnavailable)


class Wall:
    """A clock of which only its sleeps pass."""

    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> float:
        return self.at

    monotonic = now

    def sleep(self, seconds: float) -> None:
        self.at += seconds


def test_patiently_waits_for_aws_alone_and_not_for_ever() -> None:
    clock, calls = Wall(), []

    def call() -> None:
        calls.append(clock.at)
        raise CloudUnavailable("away")

    with pytest.raises(CloudUnavailable):
        patiently(call, clock=clock, patience=5.0)
    assert calls == [0.0, 2.0, 4.0, 6.0]


def test_patiently_passes_on_what_aws_refused() -> None:
    clock = Wall()

    def call() -> None:
        raise Refused("no right to")

    with pytest.raises(Refused):
        patiently(call, clock=clock, patience=5.0)
    assert clock.at == 0.0
