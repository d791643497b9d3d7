"""Every way back: to a kept blue, an earlier version or model, by abort, by the watchdog (R6, R7, R9)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bluegreen.contract import Tier
from bluegreen.domain.journal import Ending, RunResumed, StepDone, WeightsSet
from bluegreen.domain.plan import Intent, Plan, Step, StepKind
from bluegreen.engine.deployment.follow import follow
from bluegreen.engine.deployment.take_over import LeaseWatch
from bluegreen.engine.run import Done, Run
from bluegreen.engine.steps.handlers import HANDLERS
from bluegreen.errors import ExitCode, Interrupted, Locked, Refused
from bluegreen.lab.cloud.behaviour import Behaviour
from bluegreen.lab.faults import Crashed, Effect, Fault, When
from tests.world import World
from tests.world.releasing import QUICK, died_at_half, release, serving


def test_rollback_to_a_kept_blue_moves_only_weights_before_anything_is_built() -> None:
    world = serving("v1.0.0", "v1.1.0", policy=QUICK + '\n[stacks.sim.retire]\nkeep_blue = "until-next"\n')
    deployer = world.deployer()
    plan = deployer.plan_rollback()
    assert not any(step.kind is StepKind.FLEET for step in plan.steps)
    result = deployer.run(plan)
    assert (result.ending, result.exit_code) == (Ending.ROLLED_BACK, ExitCode.RELEASED), world.story()
    assert world.weights() == {"app": {"v1.0.0": 100}}
    assert world.cloud.traffic.failed() == 0
    assert world.orphans() == []


def test_rollback_without_blue_deploys_the_last_proven_release_again() -> None:
    world = serving("v1.0.0", "v1.1.0")
    deployer = world.deployer()
    plan = deployer.plan_rollback()
    assert plan.intent is Intent.ROLLBACK
    assert [s.percent for s in plan.steps if s.kind is StepKind.WEIGHTS] == [100]
    result = deployer.run(plan)
    assert result.exit_code is ExitCode.RELEASED, world.story()
    assert world.weights() == {"app": {"v1.0.0": 100}}
    assert world.cloud.traffic.failed() == 0


def test_rollback_to_a_named_version_and_to_one_never_proven() -> None:
    world = serving("v1.0.0", "v1.1.0", "v1.2.0")
    plan = world.deployer().plan_rollback(to="v1.0.0")
    assert plan.release is not None
    assert plan.release.version == "v1.0.0"
    with pytest.raises(Refused, match=r"v9\.9\.9 was never verified here") as caught:
        world.deployer().plan_rollback(to="v9.9.9")
    assert "v1.1.0" in caught.value.next_step


def test_nothing_to_roll_back_is_refused() -> None:
    world = World()
    with pytest.raises(Refused, match="nothing is live"):
        world.deployer().plan_rollback()
    release(world, "v1.0.0")
    with pytest.raises(Refused, match="no earlier release"):
        world.deployer().plan_rollback()


def test_a_rollback_to_what_serves_has_nothing_to_do() -> None:
    world = serving("v1.0.0", "v1.1.0", tiers=("app", "ai"))
    assert world.deployer().plan_rollback(to="v1.1.0").stages == ()
    deployer = world.deployer()
    assert deployer.run(deployer.plan_rollback()).exit_code is ExitCode.RELEASED, world.story()
    assert world.deployer().plan_rollback(to="v1.0.0").stages == ()


def test_the_same_release_deployed_twice_is_one_release() -> None:
    world = serving("v1.0.0", "v1.0.0")
    assert world.deployer().plan_rollback(to="v1.0.0").stages == ()
    with pytest.raises(Refused, match="no earlier release"):
        world.deployer().plan_rollback()


def test_while_a_deployment_is_open_nobody_says_that_all_is_well() -> None:
    world = serving("v1.0.0")
    died_at_half(world)
    with pytest.raises(Locked, match="held by dead"):
        world.deployer().plan_rollback(to="v1.0.0")
    world.clock.sleep(60)
    with pytest.raises(Refused, match="#2 is not finished"):
        world.deployer().plan_rollback(to="v1.0.0")


@pytest.mark.parametrize("to", [None, "v1.0.0"])
def test_a_release_of_the_model_alone_is_rolled_back(to: str | None) -> None:
    world = serving("v1.0.0", tiers=("app", "ai"))
    release(world, "v1.0.0", tiers=[Tier.AI], model="m2")
    deployer = world.deployer()
    plan = deployer.plan_rollback(to=to)
    assert [tier.tier for tier in plan.tiers] == [Tier.AI]
    assert deployer.run(plan).exit_code is ExitCode.RELEASED, world.story()
    live = world.deployer().observe().of(Tier.AI).live
    assert live is not None
    assert live.model is not None
    assert live.model.version == "m1"
    again = world.deployer().plan_rollback(to="v1.0.0")
    assert again.stages == (), "what the rollback left is not gone back to"


def test_ai_alone_and_model_alone_and_back_to_the_model_before() -> None:
    world = serving("v1.0.0", tiers=("app", "ai"))
    release(world, "v1.0.0", tiers=[Tier.AI], model="m2")
    state = world.deployer().observe()
    live = state.of(Tier.AI).live
    assert live is not None
    assert live.model is not None
    assert live.model.version == "m2"
    assert state.of(Tier.APP).live is not None
    assert world.raw("ssm").get_parameter(Name="/sportcoach/sim/model")["Parameter"]["Value"] == "m2"
    release(world, "v1.1.0", tiers=[Tier.AI])
    assert world.weights() == {"app": {"v1.0.0": 100}, "ai": {"v1.1.0": 100}}
    deployer = world.deployer()
    result = deployer.run(deployer.plan_rollback())
    assert result.exit_code is ExitCode.RELEASED, world.story()
    assert world.weights() == {"app": {"v1.0.0": 100}, "ai": {"v1.0.0": 100}}
    assert world.cloud.traffic.failed() == 0


def test_promotion_after_a_rolled_back_one() -> None:
    world = serving("v1.0.0")
    world.behaviours["v1.1.0"] = Behaviour(error_rate=0.2)
    deployer = world.deployer()
    assert deployer.run(deployer.plan_promotion("v1.1.0")).exit_code is ExitCode.ROLLED_BACK
    release(world, "v1.2.0")
    assert world.weights() == {"app": {"v1.2.0": 100}}
    assert [h.ending for h in world.deployer().history(5)] == [
        Ending.RELEASED,
        Ending.ROLLED_BACK,
        Ending.RELEASED,
    ]


def test_the_watchdog_puts_blue_back_when_the_deployer_is_dead() -> None:
    world = serving("v1.0.0")
    died_at_half(world)
    world.clock.sleep(61)
    assert world.weights() == {"app": {"v1.0.0": 100}}


def test_dead_between_the_watchdogs_of_two_tiers_and_resumed_after_one_has_acted() -> None:
    world = serving("v1.0.0", tiers=("web", "app", "ai"))
    world.faults.add(
        Fault(effect=Effect.CRASH, service="scheduler", action="DeleteSchedule", when=When.AFTER)
    )
    deployer = world.deployer("dead@host:1")
    with pytest.raises(Crashed):
        deployer.run(deployer.plan_promotion("v1.1.0"))
    world.faults.clear()
    assert len(world.ports().watchdog.armed()) == 2
    world.clock.sleep(75)
    shares = [tuple(one) for one in world.weights().values()]
    assert sorted(shares) == [("v1.0.0",), ("v1.0.0",), ("v1.1.0",)]
    result = world.deployer("other@host:2").resume()
    assert result.ending is Ending.RELEASED, f"{result}\n{world.story()}"
    assert {tuple(one.items()) for one in world.weights().values()} == {(("v1.1.0", 100),)}
    assert world.orphans() == []
    assert world.violations == []
    assert world.cloud.traffic.failed() == 0


def test_stickiness_switched_on_by_hand_bars_no_rollback() -> None:
    """ELB refuses any two groups in a rule then, and names that: the urgent write leads to blue alone."""
    world = serving("v1.0.0")
    died_at_half(world)
    for fleet in world.deployer().observe().tiers[0].fleets:
        assert fleet.target_group
        world.raw("elbv2").modify_target_group_attributes(
            TargetGroupArn=fleet.target_group.arn,
            Attributes=[{"Key": "stickiness.enabled", "Value": "true"}],
        )
    result = world.deployer("other@host:2").abort()
    assert result.ending is Ending.ROLLED_BACK, f"{result.words}\n{world.story()}"
    assert world.weights() == {"app": {"v1.0.0": 100}}
    assert world.orphans() == []


def test_a_rollback_whose_deployer_dies_leaves_nobody_on_what_it_leaves() -> None:
    """A release that is built again gets everything at once, and no watchdog takes it away again."""
    world = serving("v1.0.0", "v1.1.0")
    world.faults.add(
        Fault(effect=Effect.CRASH, service="elastic-load-balancing-v2", action="ModifyRule", when=When.AFTER)
    )
    deployer = world.deployer("dead@host:1")
    plan = deployer.plan_rollback()
    with pytest.raises(Crashed):
        deployer.run(plan)
    world.faults.clear()
    assert world.weights()["app"]["v1.0.0"] == 100
    world.clock.sleep(600)
    assert world.weights()["app"]["v1.0.0"] == 100
    assert world.ports().watchdog.armed() == ()
    result = world.deployer("other@host:2").resume()
    assert (result.ending, result.exit_code) == (Ending.RELEASED, ExitCode.RELEASED), world.story()
    assert world.weights() == {"app": {"v1.0.0": 100}}
    assert world.orphans() == []
    assert world.cloud.traffic.failed() == 0


def test_a_page_that_somebody_put_before_the_release_does_not_stop_the_rollback() -> None:
    """In the incident a colleague answered everybody with a page: the abort brings users back to blue."""
    world = serving("v1.0.0")
    died_at_half(world)
    elb = world.raw("elbv2")
    listener = next(iter(world.cloud.balancing.listeners))
    rules = elb.describe_rules(ListenerArn=listener)["Rules"]
    (live,) = [
        one["RuleArn"]
        for one in rules
        if not one["IsDefault"] and all(c["Field"] == "path-pattern" for c in one["Conditions"])
    ]
    page = {"StatusCode": "503", "ContentType": "text/plain", "MessageBody": "back soon"}
    elb.modify_rule(
        RuleArn=live, Actions=[{"Type": "fixed-response", "Order": 1, "FixedResponseConfig": page}]
    )
    result = world.deployer("other@host:2").abort(reason="it is broken")
    assert (result.ending, result.exit_code) == (Ending.ROLLED_BACK, ExitCode.RELEASED), world.story()
    assert world.weights() == {"app": {"v1.0.0": 100}}
    assert "the live rule had a fixed answer, no forward: replaced by blue" in world.story()


def test_abort_takes_a_dead_deployment_back() -> None:
    world = serving("v1.0.0")
    died_at_half(world)
    notes: list[str] = []
    result = world.deployer("other@host:2").abort(reason="a vulnerability was found", note=notes.append)
    assert "no longer answers" in notes[-1]
    assert (result.ending, result.exit_code) == (Ending.ROLLED_BACK, ExitCode.RELEASED), world.story()
    assert world.weights() == {"app": {"v1.0.0": 100}}
    assert world.orphans() == []
    assert world.cloud.traffic.failed() == 0


def test_resume_waits_for_the_lease_of_a_dead_deployer_and_says_so() -> None:
    world = serving("v1.0.0")
    died_at_half(world)
    died, notes = world.clock.now(), list[str]()
    result = world.deployer("other@host:2").resume(note=notes.append)
    assert result.ending is Ending.RELEASED, world.story()
    (note,) = notes
    assert "dead@host:1 holds deployment 2" in note
    assert "takes over in" in note
    resumed = next(entry.at for _, entry in world.entries if isinstance(entry.event, RunResumed))
    assert 20 < resumed - died < 33
    assert world.cloud.traffic.failed() == 0


def test_resume_is_refused_as_soon_as_the_other_deployer_turns_out_to_live() -> None:
    world = serving("v1.0.0")
    died_at_half(world)
    lease = world.ports().lease

    def alive(_words: str) -> None:
        holder = lease.holder()
        assert holder is not None
        lease.renew(holder, ttl=30.0, now=world.clock.now() + 1)

    began = world.clock.now()
    with pytest.raises(Locked, match="dead@host:1"):
        world.deployer("other@host:2").resume(note=alive)
    assert world.clock.now() - began < 5


def test_waiting_for_a_lease_can_be_interrupted() -> None:
    world = serving("v1.0.0")
    died_at_half(world)
    other = world.deployer("other@host:2")
    with pytest.raises(Interrupted, match="nothing was changed"):
        other.resume(note=lambda _words: other.interrupt())


def test_rollback_while_a_deployment_is_open_takes_it_back() -> None:
    world = serving("v1.0.0")
    died_at_half(world)
    world.clock.sleep(31)
    deployer = world.deployer("other@host:2")
    assert deployer.run(deployer.plan_rollback()).ending is Ending.ROLLED_BACK
    assert world.orphans() == []


def test_abort_from_another_process_stops_a_running_deployment() -> None:
    world = serving("v1.0.0")
    world.after_first(StepKind.WEIGHTS, lambda: world.ports().lease.request_stop("security finding CVE-1"))
    deployer = world.deployer()
    result = deployer.run(deployer.plan_promotion("v1.1.0"))
    assert result.exit_code is ExitCode.ROLLED_BACK
    assert "security finding" in result.words
    assert world.weights() == {"app": {"v1.0.0": 100}}
    assert world.cloud.traffic.failed() == 0


def test_interrupted_at_a_safe_point_and_resumed() -> None:
    world = serving("v1.0.0")
    deployer = world.deployer()
    world.after_first(StepKind.WEIGHTS, deployer.interrupt)
    result = deployer.run(deployer.plan_promotion("v1.1.0"))
    assert result.exit_code is ExitCode.INTERRUPTED
    assert "50 %" in result.traffic[0]
    assert "resume" in result.next_step
    assert world.deployer("other@host:2").resume().ending is Ending.RELEASED
    assert world.weights() == {"app": {"v1.1.0": 100}}
    assert world.cloud.traffic.failed() == 0


@pytest.mark.parametrize(("reason", "kept"), [("ticket 7", "ticket 7"), ("", "v1.1.0 is live")])
def test_the_reason_for_a_release_outlives_its_interruption(reason: str, kept: str) -> None:
    world = serving("v1.0.0")
    deployer = world.deployer()
    world.after_first(StepKind.WEIGHTS, deployer.interrupt)
    deployer.run(deployer.plan_promotion("v1.1.0", reason=reason))
    (stopped, *_) = world.ports().journal.history(limit=1)
    assert stopped.reason.startswith(reason)
    assert "stopped at a safe point" in stopped.reason, "and the list says why it is unfinished"
    world.deployer("other@host:2").resume()
    (released, *_) = world.ports().journal.history(limit=1)
    assert released.reason == kept


def test_a_bug_in_the_middle_of_a_shift_still_ends_by_saying_where_the_traffic_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = serving("v1.0.0")

    def broken(_run: Run, _step: Step) -> Done:
        raise TypeError("unsupported operand")

    monkeypatch.setitem(HANDLERS, StepKind.JUDGE, broken)  # type: ignore[arg-type]  # a dict behind Mapping
    deployer = world.deployer()
    result = deployer.run(deployer.plan_promotion("v1.1.0"))
    assert result.exit_code is ExitCode.BUG
    assert result.ending is Ending.HALTED
    assert "TypeError: unsupported operand (test_ways_back.py:" in result.words
    assert "; returns to v1.0.0 at " in result.traffic[0]
    assert "50 %" in result.traffic[0]
    monkeypatch.undo()
    assert world.deployer("other@host:2").resume().ending is Ending.RELEASED
    assert world.cloud.traffic.failed() == 0


def test_a_sick_blue_is_never_rolled_back_onto() -> None:
    world = serving("v1.0.0")
    world.behaviours["v1.1.0"] = Behaviour(error_rate=0.3)

    def fall_ill() -> None:
        world.behaviours["v1.0.0"] = Behaviour(healthy=False)

    world.after_first(StepKind.WEIGHTS, fall_ill)
    deployer = world.deployer()
    result = deployer.run(deployer.plan_promotion("v1.1.0"))
    assert result.exit_code is ExitCode.HALTED, world.story()
    assert any(word in result.words for word in ("blue is unhealthy", "blue itself is unhealthy", "paused"))


def test_a_rule_changed_by_hand_halts_and_is_not_overwritten() -> None:
    world = serving("v1.0.0")

    def meddle() -> None:
        rule = next(rule for rule in world.ports().balancer.rules() if rule.preview_token is None)
        groups = [{"TargetGroupArn": arn, "Weight": 7} for arn in rule.weights]
        forward = {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}
        world.raw("elbv2").modify_rule(RuleArn=rule.arn, Actions=[forward])

    world.after_first(StepKind.WEIGHTS, meddle)
    deployer = world.deployer()
    result = deployer.run(deployer.plan_promotion("v1.1.0"))
    assert result.exit_code is ExitCode.HALTED, world.story()
    assert "someone else" in result.words
    assert world.weights() == {"app": {"v1.0.0": 7, "v1.1.0": 7}}


def test_green_that_never_gets_healthy_is_removed_before_any_user_met_it() -> None:
    world = serving("v1.0.0")
    world.behaviours["v1.1.0"] = Behaviour(healthy=False)
    deployer = world.deployer()
    result = deployer.run(deployer.plan_promotion("v1.1.0"))
    assert result.exit_code is ExitCode.ROLLED_BACK
    assert "healthy" in result.words
    assert world.orphans() == []
    shifted = [
        e
        for _, e in world.entries
        if isinstance(e.event, StepDone) and isinstance(e.event.result, WeightsSet)
    ]
    assert shifted == []
    assert world.cloud.traffic.failed() == 0


def test_teardown_of_leftovers_and_of_everything() -> None:
    world = serving("v1.0.0", "v1.1.0", policy=QUICK + '\n[stacks.sim.retire]\nkeep_blue = "until-next"\n')
    deployer = world.deployer()
    some = deployer.run(deployer.plan_teardown(everything=False))
    assert (some.ending, some.words) == (Ending.TORN_DOWN, "removed: 1 fleet (v1.0.0)")
    assert world.orphans() == []
    assert world.weights() == {"app": {"v1.1.0": 100}}
    assert deployer.plan_teardown(everything=False).stages == (), "nothing is left to remove"
    every = deployer.run(deployer.plan_teardown(everything=True))
    assert (every.ending, every.words) == (Ending.TORN_DOWN, "removed: 1 fleet (v1.1.0), 1 rule")
    assert world.deployer().observe().of(Tier.APP).fleets == ()
    assert deployer.plan_teardown(everything=True).stages == ()


def test_nothing_is_planned_while_a_deployment_is_open() -> None:
    world = serving("v1.0.0")
    died_at_half(world)
    deployer = world.deployer("other@host:2")
    plans: tuple[Callable[[], Plan], ...] = (
        lambda: deployer.plan_teardown(everything=False),
        lambda: deployer.plan_teardown(everything=True),
        lambda: deployer.plan_promotion("v1.2.0"),
        lambda: deployer.plan_rollback(to="v1.0.0"),
    )
    for plan in plans:
        with pytest.raises(Locked, match="dead@host:1"):
            plan()
    world.clock.sleep(31)
    for plan in plans:
        with pytest.raises(Refused, match="deployment #2 is not finished: running") as caught:
            plan()
        assert "sc-deploy resume" in caught.value.next_step


def test_a_rollback_that_is_itself_rolled_back_did_not_do_what_it_was_asked_to() -> None:
    world = serving("v1.0.0", "v1.1.0")
    world.behaviours["v1.0.0"] = Behaviour(healthy=False)
    deployer = world.deployer()
    result = deployer.run(deployer.plan_rollback())
    assert (result.ending, result.exit_code) == (Ending.ROLLED_BACK, ExitCode.ROLLED_BACK), world.story()
    assert world.weights() == {"app": {"v1.1.0": 100}}


def test_an_abort_that_comes_too_late_says_so() -> None:
    world = serving("v1.0.0")
    died_at_half(world)
    running = world.deployer("dead@host:1")
    header = running.history(1)[0]
    assert running.resume().ending is Ending.RELEASED
    late = follow(header, world.contract, world.ports(), (), LeaseWatch(world.ports()))
    assert late is not None
    assert (late.ending, late.exit_code) == (Ending.RELEASED, ExitCode.REFUSED)
    assert "sc-deploy rollback" in late.next_step


@pytest.mark.parametrize("way", ["teardown", "next release"])
def test_a_kept_blue_that_sticky_clients_still_reach_is_not_removed(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = '[retire]\nkeep_blue = "until-next"\ndeadline = "20s"\n'
    world = serving("v1.0.0", "v1.1.0", policy=QUICK.replace("[retire]\n", kept))
    deployer = world.deployer()
    teardown = way == "teardown"
    plan = deployer.plan_teardown(everything=False) if teardown else deployer.plan_promotion("v1.2.0")
    waits = [step.id for step in plan.steps if step.kind is StepKind.QUIET and step.deployment]
    assert waits == ["quiet.app.1"]
    # The cloud here has no cookies: the metrics say what they would of clients that hold one.
    monkeypatch.setattr(type(world.ports().metrics), "requests", lambda *_, **__: 3)
    result = deployer.run(plan)
    assert result.exit_code is (ExitCode.HALTED if teardown else ExitCode.ROLLED_BACK), world.story()
    assert "3 requests still came in" in result.words
    assert [fleet.version for fleet in deployer.observe().of(Tier.APP).fleets] == ["v1.0.0", "v1.1.0"]
    assert world.weights() == {"app": {"v1.1.0": 100}}
