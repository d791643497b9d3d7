"""A release that the measurements do not decide is released by a person, from the pause on."""

from __future__ import annotations

from bluegreen.contract import Tier
from bluegreen.domain.journal import Accepted
from bluegreen.domain.measurement import Metric
from bluegreen.errors import ExitCode
from tests.world.releasing import QUICK, serving


def test_what_was_asked_can_be_answered_with_yes() -> None:
    world = serving("v1.0.0", policy=QUICK)
    world.load(3)
    deployer = world.deployer()
    paused = deployer.run(deployer.plan_promotion("v1.1.0"))
    assert paused.exit_code is ExitCode.HALTED, f"{paused}\n{world.story()}"
    assert "--accept errors:app" in paused.next_step
    wanted = [(Metric.ERRORS, Tier.APP), (Metric.LATENCY, Tier.APP)]
    waiting = [one for one in wanted if f"{one[0]}:app" in paused.next_step]
    result = world.deployer().resume(accept=waiting, reason="load test")
    assert result.exit_code is ExitCode.RELEASED, f"{result}\n{world.story()}"
    given = [entry.event for _, entry in world.entries if isinstance(entry.event, Accepted)]
    assert {one.reason for one in given} == {"load test"}
