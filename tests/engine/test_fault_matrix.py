"""Every changing AWS call of a release fails once, in each way AWS fails; the release ends well anyway.

What AWS refuses for good (access denied) ends in a rollback, a halt or a refusal, never in lost requests.
"""

from __future__ import annotations

from contextlib import suppress

import pytest

from bluegreen.domain.journal import Ending
from bluegreen.errors import DeployError
from bluegreen.lab.faults import Effect, Fault, When
from tests.engine.test_crash_matrix import changes, prepared, promote
from tests.world import World

PASSING = {
    "throttled": {"effect": Effect.THROTTLE, "times": 5},
    "server error": {"effect": Effect.ERROR, "code": "InternalFailure", "status": 500, "times": 5},
    "answer lost": {"effect": Effect.DROP, "when": When.AFTER, "times": 1},
    "timed out after taking effect": {"effect": Effect.TIMEOUT, "when": When.AFTER, "times": 1},
}


def kinds_of_call() -> list[tuple[str, str, int]]:
    """The first and the last call of each kind: later ones of a kind stand in the same code."""
    points = changes(bad=False)
    last = {(service, action): nth for service, action, nth in points}
    firsts = {(service, action): 1 for service, action, _ in points}
    return sorted({(*key, nth) for table in (firsts, last) for key, nth in table.items()})


@pytest.mark.parametrize("way", PASSING)
def test_a_passing_fault_of_any_call_does_not_stop_the_release(way: str) -> None:
    for service, action, nth in kinds_of_call():
        world = prepared(bad=False)
        world.faults.add(Fault(service=service, action=action, nth=nth, **PASSING[way]))  # type: ignore[arg-type]  # a table of keywords
        promote(world)
        where = f"{way}: {service} {action} #{nth}"
        assert ended(world) is Ending.RELEASED, f"{where}\n{world.story()}"
        assert world.weights() == {"app": {"v1.2.0": 100}}, where
        assert world.cloud.traffic.failed() == 0, where
        assert world.orphans() == [], where
        assert world.violations == [], where


def test_a_denied_call_never_loses_a_request() -> None:
    for service, action, nth in kinds_of_call():
        world = prepared(bad=False)
        denied = Fault(
            effect=Effect.ERROR,
            code="AccessDenied",
            status=403,
            service=service,
            action=action,
            nth=nth,
            times=0,
        )
        world.faults.add(denied)
        where = f"denied: {service} {action} #{nth}"
        with suppress(DeployError):
            promote(world)
        world.faults.clear()
        world.clock.sleep(75)
        world.cloud.advance()
        assert world.cloud.traffic.failed() == 0, f"{where}\n{world.story()}"
        assert world.violations == [], where
        served = world.weights()["app"]
        assert served in ({"v1.0.0": 100}, {"v1.2.0": 100}), f"{where}: {served}\n{world.story()}"


def ended(world: World) -> Ending:
    return world.deployer().history(1)[0].ending
