"""Credentials that expire end a wait at once: no patience helps, a person must log in."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bluegreen.domain.journal import Ending
from bluegreen.domain.plan import StepKind
from bluegreen.engine.watch.forecast import release_forecast
from bluegreen.lab.faults import Effect, Fault
from tests.engine.test_guards import promoted
from tests.world import World
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


def told(world: World, monkeypatch: pytest.MonkeyPatch, *, seconds: float) -> list[str]:
    """What `plan` says of credentials that end so many seconds from now."""
    end = datetime.fromtimestamp(world.clock.now() + seconds, tz=UTC)
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", end.isoformat())
    plan = world.deployer().plan_promotion("v1.1.0")
    seen = release_forecast(plan, world.contract, world.policy, world.ports())
    return [words for words in seen.foreseen if "credentials" in words]


def test_a_session_that_ends_before_the_plan_is_told_before_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = serving("v1.0.0")
    needed = world.deployer().plan_promotion("v1.1.0").expected_seconds
    (words,) = told(world, monkeypatch, seconds=60)
    assert "these credentials end in 1 min" in words
    assert "log in for longer first" in words
    (words,) = told(world, monkeypatch, seconds=-60)
    assert "these credentials have ended" in words
    assert told(world, monkeypatch, seconds=needed - 1) != []
    assert told(world, monkeypatch, seconds=needed + 1) == []
