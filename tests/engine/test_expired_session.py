"""Credentials that expire end a wait at once: no patience helps, a person must log in."""

from __future__ import annotations

import pytest

from bluegreen.domain.journal import Ending
from bluegreen.domain.plan import StepKind
from bluegreen.lab.faults import Effect, Fault
from tests.engine.test_guards import promoted
from tests.world.releasing import serving


@pytest.mark.parametrize(
    ("kind", "service"),
    [
        (StepKind.FLEET, "*"),
        (StepKind.WEIGHTS, "elastic-load-balancing-v2"),
        (StepKind.WEIGHTS, "dynamodb"),
    ],
)
def test_it_halts_within_seconds_and_continues_after_the_login(kind: StepKind, service: str) -> None:
    """While green boots, and while it is judged; of every service, of the balancer, of journal and lease."""
    world = serving("v1.0.0")
    ended: list[float] = []

    def expires() -> None:
        world.faults.add(Fault(effect=Effect.EXPIRED, service=service, times=0))
        ended.append(world.clock.now())

    world.after_first(kind, expires)
    result = promoted(world)
    assert result.ending is Ending.HALTED, world.story()
    assert "does not accept the credentials" in result.words
    assert "log in again" in result.next_step
    assert "sc-deploy resume" in result.next_step
    assert world.clock.now() - ended[0] < 15, "patience is 60 s, and three times that was once waited"
    world.faults.clear()
    resumed = world.deployer().resume()
    assert resumed.ending is Ending.RELEASED, world.story()
