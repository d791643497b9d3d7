"""Every changing AWS call of a release fails once, in each way AWS fails; the release ends well anyway.

What AWS refuses for good (access denied) ends in a rollback, a halt or a refusal, never in lost requests.
"""

from __future__ import annotations

import pytest

from bluegreen.domain.journal import Ending
from bluegreen.errors import DeployError, ExitCode
from bluegreen.lab.faults import Effect, Fault, When
from tests.world import World
from tests.world.points import Point, points_of_promotion, prepared, promote

PASSING = {
    "throttled": {"effect": Effect.THROTTLE, "times": 5},
    "server error": {"effect": Effect.ERROR, "code": "InternalFailure", "status": 500, "times": 5},
    "answer lost": {"effect": Effect.DROP, "when": When.AFTER, "times": 1},
    "timed out after taking effect": {"effect": Effect.TIMEOUT, "when": When.AFTER, "times": 1},
}


def one_of_each_kind() -> tuple[Point, ...]:
    """The first and the last call of each kind: later ones of a kind stand in the same code."""
    points = points_of_promotion(bad=False)
    firsts = {(point.service, point.action): point for point in reversed(points)}
    lasts = {(point.service, point.action): point for point in points}
    return tuple(sorted({*firsts.values(), *lasts.values()}, key=lambda point: point.index))


@pytest.mark.parametrize("point", one_of_each_kind(), ids=str)
@pytest.mark.parametrize("way", PASSING)
def test_a_passing_fault_of_any_call_does_not_stop_the_release(way: str, point: Point) -> None:
    world = prepared(bad=False)
    world.faults.add(Fault(service=point.service, action=point.action, nth=point.nth, **PASSING[way]))  # type: ignore[arg-type]  # a table of keywords
    promote(world)
    assert ended(world) is Ending.RELEASED, world.story()
    assert world.weights() == {"app": {"v1.2.0": 100}}
    assert world.cloud.traffic.failed() == 0
    assert world.orphans() == []
    assert world.violations == []


@pytest.mark.parametrize("point", one_of_each_kind(), ids=str)
def test_a_denied_call_never_loses_a_request(point: Point) -> None:
    world = prepared(bad=False)
    denied = Fault(
        effect=Effect.ERROR,
        code="AccessDenied",
        status=403,
        service=point.service,
        action=point.action,
        nth=point.nth,
        times=0,
    )
    world.faults.add(denied)
    try:
        deployer = world.deployer("first@host:1")
        result = deployer.run(deployer.plan_promotion("v1.2.0"))
    except DeployError as error:
        code, words, then = error.exit_code, error.what, error.next_step
    else:
        code, words, then = result.exit_code, result.words, result.next_step
    world.faults.clear()
    # It ends with a code that says so, with what was denied, and with what to do.
    if code is not ExitCode.RELEASED:
        assert code in (ExitCode.REFUSED, ExitCode.ROLLED_BACK, ExitCode.HALTED), world.story()
        assert point.action in words, f"{words}\n{world.story()}"
        assert then or "    next: allow " in world.story(), f"{words}\n{world.story()}"
    world.clock.sleep(75)
    world.cloud.advance()
    assert world.cloud.traffic.failed() == 0, world.story()
    assert world.violations == []
    served = world.weights()["app"]
    assert served in ({"v1.0.0": 100}, {"v1.2.0": 100}), f"{served}\n{world.story()}"


def ended(world: World) -> Ending:
    return world.deployer().history(1)[0].ending
