"""After a rollback the same checks as before the release: performance and AI accuracy, too (R10)."""

from __future__ import annotations

import pytest

from bluegreen.contract import Tier
from bluegreen.domain.journal import Ending, StepDone, Warned
from bluegreen.domain.plan import StepKind
from bluegreen.errors import ExitCode
from bluegreen.lab.cloud.behaviour import Behaviour
from bluegreen.lab.faults import Effect, Fault
from bluegreen.policy import GoldenSet
from tests.world import World
from tests.world.releasing import QUICK, died_at_half, loaded, serving
from tools.world import lognormal

KEPT = QUICK + '\n[stacks.sim.retire]\nkeep_blue = "until-next"\n'
FAILING = Behaviour(error_rate=0.2)


def done(world: World, kind: StepKind) -> list[str]:
    """The words of the finished steps of `kind`, in order."""
    events = [entry.event for _, entry in world.entries]
    return [e.words for e in events if isinstance(e, StepDone) and e.step.kind is kind]


def warnings(world: World) -> str:
    return "; ".join(entry.event.words for _, entry in world.entries if isinstance(entry.event, Warned))


def test_a_rollback_shows_that_blue_serves_as_before() -> None:
    world = serving("v1.0.0")
    world.behaviours["v1.1.0"] = FAILING
    deployer = world.deployer()
    assert deployer.run(deployer.plan_promotion("v1.1.0")).ending is Ending.ROLLED_BACK, world.story()
    (words,) = done(world, StepKind.AS_BEFORE)
    assert words.startswith("app errors 0.00%, p95 "), words
    assert "ms before)" in words
    assert "could not be shown" not in warnings(world)
    assert world.orphans() == []


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [
        (FAILING, "errors 20."),
        (Behaviour(latency=lognormal(4.0)), "ms before)"),
    ],
)
def test_a_blue_that_is_worse_than_before_halts_with_green_still_there(
    behaviour: Behaviour, told: str
) -> None:
    world = serving("v1.0.0")
    world.behaviours["v1.1.0"] = FAILING
    world.after_first(StepKind.PROVE_BLUE, lambda: world.behaviours.update({"v1.0.0": behaviour}))
    deployer = world.deployer()
    result = deployer.run(deployer.plan_promotion("v1.1.0"))
    assert (result.ending, result.exit_code) == (Ending.HALTED, ExitCode.HALTED), world.story()
    assert "rolled back, but blue does not serve as before: app " in result.words
    assert told in result.words
    assert world.weights() == {"app": {"v1.0.0": 100}}
    assert len(world.deployer().observe().of(Tier.APP).fleets) == 2
    world.behaviours.clear()
    world.clock.sleep(30)
    assert world.deployer().resume().ending is Ending.ROLLED_BACK, world.story()
    assert world.orphans() == []


def test_who_has_looked_and_orders_the_end_is_obeyed() -> None:
    """What both share stays ill for days: the deployment must not stay open, or no fix can be released."""
    world = serving("v1.0.0")
    world.behaviours["v1.1.0"] = FAILING
    world.after_first(StepKind.PROVE_BLUE, lambda: world.behaviours.update({"v1.0.0": FAILING}))
    deployer = world.deployer()
    halted = deployer.run(deployer.plan_promotion("v1.1.0"))
    assert "`sc-deploy abort` ends it as it is" in halted.next_step
    assert world.deployer().resume().ending is Ending.HALTED, "to measure again is no order"
    ended = world.deployer().abort()
    assert (ended.ending, ended.exit_code) == (Ending.ROLLED_BACK, ExitCode.RELEASED), world.story()
    assert "ended by order, although rolled back, but blue does not serve as before" in warnings(world)
    assert world.orphans() == []


def test_an_abort_that_begins_the_rollback_is_no_order_to_overlook_anything() -> None:
    world = serving("v1.0.0")
    world.after_first(StepKind.PROVE_BLUE, lambda: world.behaviours.update({"v1.0.0": FAILING}))
    died_at_half(world)
    assert world.deployer().abort().ending is Ending.HALTED, world.story()


def test_a_blue_that_failed_before_the_release_serves_as_before() -> None:
    """The release that serves is bad by itself: going back to it makes nothing worse."""
    world = serving("v1.0.0")
    world.behaviours |= {"v1.0.0": Behaviour(error_rate=0.05), "v1.1.0": FAILING}
    deployer = world.deployer()
    result = deployer.run(deployer.plan_promotion("v1.1.0"))
    if result.ending is Ending.HALTED:
        result = world.deployer().abort()
    assert result.ending is Ending.ROLLED_BACK, world.story()
    (words,) = done(world, StepKind.AS_BEFORE)
    assert words.startswith("app errors 5.00%"), words
    assert "ended by order" not in warnings(world)


def test_without_users_a_rollback_says_that_performance_could_not_be_shown() -> None:
    world = serving("v1.0.0", "v1.1.0", policy=KEPT)
    world.load(0)
    world.clock.sleep(10)
    deployer = world.deployer()
    assert deployer.run(deployer.plan_rollback()).exit_code is ExitCode.RELEASED, world.story()
    assert "whether blue serves as before could not be shown within 11 s: too little" in warnings(world)


def test_a_kept_blue_is_held_against_its_figures_before_it_was_left() -> None:
    world = serving("v1.0.0", "v1.1.0", policy=KEPT)
    deployer = world.deployer()
    assert deployer.run(deployer.plan_rollback()).exit_code is ExitCode.RELEASED, world.story()
    (words,) = done(world, StepKind.AS_BEFORE)
    assert "ms before)" in words


def test_metrics_that_do_not_answer_keep_nobody_from_a_rollback() -> None:
    world = serving("v1.0.0", "v1.1.0", policy=KEPT)
    deployer = world.deployer()
    away = Fault(effect=Effect.THROTTLE, service="cloudwatch", action="GetMetricData", times=0)
    world.after_first(StepKind.QUIET, lambda: world.faults.add(away))
    assert deployer.run(deployer.plan_rollback()).exit_code is ExitCode.RELEASED, world.story()
    assert "could not be shown" in warnings(world)
    assert "cloudwatch" in warnings(world)


def test_where_probes_decide_for_users_nothing_is_waited_for() -> None:
    world = serving("v1.0.0", "v1.1.0", policy=KEPT + '[stacks.sim.judge]\nwithout_traffic = "probes"\n')
    assert not world.deployer().plan_rollback().has(StepKind.AS_BEFORE)


def asked(*, from_now_on: bool = False) -> World:
    """Two releases of an AI tier that are right on 95 % of the golden set, the first kept.

    Where it is asked only `from_now_on` neither release was.
    """
    world = World(policy=KEPT, tiers=("ai",))
    rows = [{"input": number, "label": "yes"} for number in range(100)]
    golden = GoldenSet.model_validate({"file": "golden.jsonl", "path": "/ai/classify", "rows": rows})
    with_golden = world.policy.model_copy(update={"golden": golden})
    if not from_now_on:
        world.policy = with_golden
    loaded(world, "v1.0.0", "v1.1.0")
    world.policy = with_golden
    return world


def test_after_a_rollback_the_golden_set_is_asked_again() -> None:
    world = asked()
    deployer = world.deployer()
    assert deployer.run(deployer.plan_rollback()).exit_code is ExitCode.RELEASED, world.story()
    assert done(world, StepKind.GOLDEN) == ["accuracy 95.0% of 100, 95.0% before the release"]


def test_answers_that_are_worse_than_before_the_release_halt() -> None:
    world = asked()
    world.accuracy["v1.0.0"] = 0.80
    deployer = world.deployer()
    result = deployer.run(deployer.plan_rollback())
    assert (result.ending, result.exit_code) == (Ending.HALTED, ExitCode.HALTED), world.story()
    assert "blue is right on 80 of 100, 15.8% below its 95.0%" in result.words
    assert world.weights() == {"ai": {"v1.0.0": 100}}


def test_where_nothing_says_how_it_answered_a_rollback_goes_through() -> None:
    world = asked(from_now_on=True)
    world.accuracy["v1.0.0"] = 0.80
    deployer = world.deployer()
    assert deployer.run(deployer.plan_rollback()).exit_code is ExitCode.RELEASED, world.story()
    assert "how it answered before is not known" in warnings(world)
