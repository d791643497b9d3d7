"""A stack is taken from a dead deployer, and from no living one, whatever the clocks of the two say."""

from __future__ import annotations

import pytest

from bluegreen.domain.journal import Ending
from bluegreen.errors import ExitCode, Locked
from bluegreen.lab.cloud.clock import ManualClock
from tests.world import World
from tests.world.releasing import died_at_half, serving

TTL = 30.0
"""The lease of these worlds, in seconds."""


class Skewed(ManualClock):
    """Another machine's clock: the same time passes, but it shows another hour."""

    def __init__(self, clock: ManualClock, ahead: float) -> None:
        self._clock, self._ahead = clock, ahead

    def now(self) -> float:
        return self._clock.now() + self._ahead

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def sleep(self, seconds: float) -> None:
        self._clock.sleep(seconds)


@pytest.fixture
def world() -> World:
    made = serving("v1.0.0")
    died_at_half(made)
    return made


@pytest.mark.parametrize("ahead", [-600.0, -120.0, 120.0, 600.0])
def test_a_living_deployer_keeps_its_stack(world: World, ahead: float) -> None:
    lease, true = world.ports().lease, world.clock
    looks = 0

    def lives(_words: str) -> None:
        nonlocal looks
        looks += 1
        holder = lease.holder()
        assert holder is not None
        lease.renew(holder, ttl=TTL, now=true.now() + 1)

    world.clock = Skewed(true, ahead)
    other = world.deployer("other@host:2")
    began = true.now()
    with pytest.raises(Locked, match="dead@host:1"):
        other.resume(note=lives)
    assert looks == 1
    assert true.now() - began < 5


@pytest.mark.parametrize("ahead", [-600.0, 0.0, 600.0])
def test_a_dead_one_is_taken_over_after_its_ttl(world: World, ahead: float) -> None:
    true = world.clock
    world.clock = Skewed(true, ahead)
    began = true.now()
    waits: list[float] = []
    other = world.deployer("other@host:2")
    other.resume(note=lambda _words: waits.append(true.now()))
    assert len(waits) == 1
    taken = next(e.at for _, e in world.entries if e.event.__class__.__name__ == "RunResumed") - ahead
    assert TTL <= taken - began < TTL + 3


def test_one_that_died_long_ago_is_not_waited_for(world: World) -> None:
    world.clock.sleep(3600)
    began = world.clock.now()
    notes: list[str] = []
    assert world.deployer("other@host:2").resume(note=notes.append).ending is Ending.RELEASED
    resumed = next(e.at for _, e in world.entries if e.event.__class__.__name__ == "RunResumed")
    assert (notes, resumed - began < 2) == ([], True)


def test_a_request_to_stop_is_answered_by_whoever_takes_over(world: World) -> None:
    assert world.ports().lease.request_stop("wrong version") is not None
    result = world.deployer("other@host:2").resume()
    assert (result.ending, result.exit_code) == (Ending.ROLLED_BACK, ExitCode.ROLLED_BACK), world.story()
    assert "wrong version" in result.words
    assert world.weights() == {"app": {"v1.0.0": 100}}
