"""The plan that brings a release live: its stages, and what must never be true meanwhile."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bluegreen.contract import Tier
from bluegreen.domain.migration import DatabaseRollback
from bluegreen.domain.plan import Intent, Plan, StepKind
from bluegreen.domain.promotion import fleet_name
from bluegreen.domain.release import Color, Model
from bluegreen.errors import Refused
from bluegreen.policy import Policy
from tests.domain.stacks import CONTRACT, GOLDEN, MIGRATION, SMOKE, WITH_DATABASE, Stack, order, policy

QUICK = {"ramp": (10, 50), "bake": 20.0, "min_bake": 10.0, "final_bake": 30.0, "dwell": 5.0}
FULL_POLICY = policy(rollout=QUICK, smoke=SMOKE, golden=GOLDEN, migration=MIGRATION)
PLAIN = policy(rollout=QUICK, backup={"snapshot": False})


def released(*versions: str, rules: Policy = PLAIN, stack: Stack | None = None) -> Stack:
    """A stack on which these versions were released one after the other, to its tiers."""
    stack = stack or Stack()
    for number, version in enumerate(versions, start=1):
        stack.run(stack.promoted(order(version, number), rules))
    return stack


def names(plan: Plan) -> list[str]:
    return [stage.name for stage in plan.stages]


def kinds(plan: Plan, stage: str) -> list[str]:
    found = next(item for item in plan.stages if item.name == stage)
    return sorted({str(step.kind) for step in found.steps})


def test_a_first_deployment_has_no_ramp_no_watchdog_and_no_way_back() -> None:
    plan = Stack().promoted(order("v1", 1), PLAIN)
    assert names(plan) == [
        "preflight", "attach", "build", "healthy", "prove", "shift-100", "verify", "accept",
    ]  # fmt: skip
    assert all(step.fleet is not Color.BLUE for step in plan.steps)
    assert [note.split(":")[0] for note in plan.notes] == ["web", "app", "ai"]
    assert "nothing is live yet" in plan.notes[0]


def test_a_promotion_over_a_live_blue_in_full() -> None:
    stack = released("v1", rules=FULL_POLICY, stack=Stack(WITH_DATABASE))
    plan = stack.promoted(order("v2", 2), FULL_POLICY)
    assert names(plan) == [
        "preflight", "backup", "hold", "migrate", "attach", "build", "healthy", "prove", "watch-over",
        "shift-10", "judge-10", "shift-50", "judge-50", "shift-100", "judge-100",
        "verify", "accept", "quiet", "detach", "retire", "retire-groups",
    ]  # fmt: skip
    assert kinds(plan, "build") == ["fleet", "preview"]
    assert kinds(plan, "hold") == ["hold-size"]
    assert kinds(plan, "prove") == ["golden", "smoke", "version"]
    assert kinds(plan, "accept") == ["delete-preview", "free-size", "label", "stand-down"]
    waits = {stage.name: stage.expected_seconds for stage in plan.stages}
    assert (waits["judge-10"], waits["judge-100"]) == (25.0, 35.0)
    assert waits["healthy"] == 120.0 + 10 * 2
    assert plan.expected_seconds == sum(waits.values())
    assert plan.notes == ()


def test_the_order_of_a_release_is_that_of_p4() -> None:
    """Database migration, app services, AI service, load balancer update (P4)."""
    stack = released("v1", rules=FULL_POLICY)
    found = [step.kind for step in stack.promoted(order("v2", 2), FULL_POLICY).steps]
    assert found.index(StepKind.MIGRATE) < found.index(StepKind.FLEET) < found.index(StepKind.WEIGHTS)


def test_the_migration_runs_on_blue_or_on_a_first_deployment_on_green_once_it_stands() -> None:
    first = Stack().promoted(order("v1", 1), FULL_POLICY)
    (step,) = [step for step in first.steps if step.kind is StepKind.MIGRATE]
    assert step.id == "migrate.app.green"
    assert names(first).index("build") < names(first).index("migrate") < names(first).index("healthy")
    second = released("v1").promoted(order("v2", 2), FULL_POLICY)
    assert [step.id for step in second.steps if step.kind is StepKind.MIGRATE] == ["migrate.app.blue"]
    without_app = released("v1").promoted(order("v2", 2, tiers=[Tier.AI]), FULL_POLICY)
    assert not any(step.kind is StepKind.MIGRATE for step in without_app.steps)


def test_no_snapshot_without_a_database_or_where_it_is_switched_off() -> None:
    for stack, rules in ((Stack(), FULL_POLICY), (Stack(WITH_DATABASE), PLAIN)):
        assert "backup" not in names(stack.promoted(order("v1", 1), rules))


def test_a_snapshot_only_where_something_is_migrated() -> None:
    """Neither a release of the AI tier alone nor a rollback that builds a release again waits for one."""
    stack = Stack(WITH_DATABASE)
    assert "backup" in names(stack.promoted(order("v1", 1), FULL_POLICY))
    bare = FULL_POLICY.model_copy(update={"migration": None})
    assert "backup" not in names(stack.promoted(order("v1", 1), bare))
    assert "backup" not in names(stack.promoted(order("v1", 1, tiers=[Tier.AI]), FULL_POLICY))
    assert "backup" not in names(stack.promoted(order("v1", 1, intent=Intent.ROLLBACK), FULL_POLICY))


def test_only_the_released_tiers_are_touched() -> None:
    stack = released("v1")
    plan = stack.promoted(order("v1", 2, tiers=[Tier.AI], model="m2"), FULL_POLICY)
    assert {step.tier for step in plan.steps} == {None, Tier.AI}
    assert [tier.tier for tier in plan.tiers] == [Tier.AI]
    assert kinds(plan, "accept") == ["delete-preview", "free-size", "label", "model-pointer", "stand-down"]
    stack.run(plan)
    assert stack.pointer == "m2"
    assert {tier: side.live() for tier, side in stack.sides.items()} == {"web": 1, "app": 1, "ai": 2}


def test_smoke_tests_are_steps_of_the_tiers_that_have_them() -> None:
    plan = Stack().promoted(order("v1", 1), policy(smoke=SMOKE[:1]))
    found = [step.id for step in plan.steps if step.kind is StepKind.SMOKE]
    assert found == ["smoke.web.green.preview", "smoke.web.green.front"]


@pytest.mark.parametrize(
    ("keep", "ends", "note"),
    [
        (0.0, ["accept", "quiet", "detach", "retire", "retire-groups"], ""),
        (600.0, ["accept", "window", "quiet", "detach", "retire", "retire-groups"], ""),
        ("until-next", ["accept"], "blue is kept until the next release"),
    ],
)
def test_blue_goes_at_once_after_a_window_or_with_the_next_release(
    keep: float | str, ends: list[str], note: str
) -> None:
    plan = released("v1").promoted(order("v2", 2), policy(rollout=QUICK, retire={"keep_blue": keep}))
    assert names(plan)[-len(ends) :] == ends
    assert note in " ".join(plan.notes)


def test_a_kept_blue_and_what_a_dead_deployment_left_are_cleared_first() -> None:
    kept = policy(rollout=QUICK, retire={"keep_blue": "until-next"})
    stack = released("v1", "v2", rules=kept)
    died = stack.promoted(order("v3", 3), kept)
    assert names(died)[1:5] == ["clear-quiet", "clear", "clear-fleets", "clear-groups"]
    assert {(ref.deployment, ref.routed) for tier in died.tiers for ref in tier.leftovers} == {(1, True)}
    stack.run(died, died.stages[: names(died).index("healthy")])
    plan = stack.promoted(order("v4", 4), kept)
    assert names(plan)[1:4] == ["clear", "clear-fleets", "clear-groups"]
    assert {(ref.deployment, ref.routed) for tier in plan.tiers for ref in tier.leftovers} == {(3, False)}
    stack.run(plan)
    assert {tuple(side.fleets) for side in stack.sides.values()} == {(2, 4)}
    assert all(side.previews == set() for side in stack.sides.values())


def test_a_rollback_to_an_earlier_release_goes_all_at_once_and_keeps_the_proof() -> None:
    stack = released("v1", "v2")
    plan = stack.promoted(order("v1", 3, intent=Intent.ROLLBACK, all_at_once=True), FULL_POLICY)
    assert [step.percent for step in plan.steps if step.kind is StepKind.WEIGHTS] == [100] * 3
    assert {"healthy", "prove", "judge-100", "verify"} <= set(names(plan))
    assert "watch-over" not in names(plan), "it would return the traffic to what the rollback leaves"
    assert "migrate" not in names(plan)
    assert plan.intent is Intent.ROLLBACK
    assert not plan.rolls_back
    stack.run(plan)
    assert {side.live() for side in stack.sides.values()} == {3}


@pytest.mark.parametrize("keep", [0.0, 600.0, "until-next"])
def test_its_down_migration_runs_once_the_old_fleet_is_quiet_and_lets_none_of_it_be_kept(
    keep: float | str,
) -> None:
    rules = policy(rollout=QUICK, migration=MIGRATION, retire={"keep_blue": keep})
    database = DatabaseRollback(down=True, migrated=True, snapshot="sc-lab-before-2")
    stack = released("v1", "v2")
    plan = stack.promoted(order("v1", 3, intent=Intent.ROLLBACK, all_at_once=True, database=database), rules)
    assert names(plan)[-5:] == ["quiet", "migrate-down", "detach", "retire", "retire-groups"]
    assert [step.id for step in plan.steps if step.kind is StepKind.MIGRATE_DOWN] == ["migrate-down.app.blue"]
    assert plan.snapshot == "sc-lab-before-2"
    assert "the down migration of v2 runs" in plan.notes[0]
    assert "pre-release snapshot of v2: sc-lab-before-2" in plan.notes[1]
    assert len(plan.notes) == 2
    assert stack.run(plan).migrated == ["down 2"]


@pytest.mark.parametrize(
    ("database", "rules", "tiers", "said"),
    [
        (DatabaseRollback(down=True, migrated=True), policy(), tuple(Tier), "deploy.toml names none"),
        (
            DatabaseRollback(down=True, migrated=True),
            policy(migration={"command": MIGRATION["command"]}),
            tuple(Tier),
            "names none",
        ),
        (DatabaseRollback(down=True), policy(migration=MIGRATION), tuple(Tier), "ran no migration"),
        (
            DatabaseRollback(down=True, migrated=True),
            policy(migration=MIGRATION),
            (Tier.AI,),
            "app tier, which migrates, is not rolled back",
        ),
    ],
)
def test_a_down_migration_that_cannot_run_is_refused_with_the_reason(
    database: DatabaseRollback, rules: Policy, tiers: Sequence[Tier], said: str
) -> None:
    stack = released("v1", "v2")
    with pytest.raises(Refused, match=said) as caught:
        stack.promoted(order("v1", 3, tiers=tiers, intent=Intent.ROLLBACK, database=database), rules)
    assert "without --down" in caught.value.next_step


def test_the_served_release_of_other_tiers_is_named_where_the_app_tier_is_not_rolled_back() -> None:
    stack = released("v1", "v2")
    database = DatabaseRollback(snapshot="sc-lab-before-2")
    plan = stack.promoted(order("v1", 3, tiers=[Tier.AI], intent=Intent.ROLLBACK, database=database), PLAIN)
    assert plan.notes == ("the database is not restored; pre-release snapshot of v2: sc-lab-before-2",)


def test_people_are_asked_before_a_promotion_only() -> None:
    rules = policy(checklist=["tests", "legal: the lawyers agree"])
    promotion = Stack().promoted(order("v1", 1), rules)
    assert promotion.notes[-1] == (
        "somebody must answer for tests (all tests passed), legal (the lawyers agree): `--attest ID=WHO`"
    )
    assert promotion.fingerprint != Stack().promoted(order("v1", 1), policy()).fingerprint
    rollback = released("v1", "v2").promoted(order("v1", 3, intent=Intent.ROLLBACK), rules)
    assert not any("answer for" in note for note in rollback.notes)


def test_green_starts_as_big_as_blue_has_grown_and_no_bigger_than_the_contract_allows() -> None:
    stack = released("v1")
    stack.sides[Tier.APP].fleets[1].size = 4
    plan = stack.promoted(order("v2", 2), PLAIN)
    sizes = {tier.tier: tier.green for tier in plan.tiers}
    assert [(s.minimum, s.desired, s.maximum) for s in sizes.values() if s] == [
        (2, 2, 4),
        (4, 4, 4),
        (2, 2, 4),
    ]
    stack.sides[Tier.APP].fleets[1].size = 5
    with pytest.raises(
        Refused, match="app: blue runs 5 instances, above the contract's maximum of 4"
    ) as caught:
        stack.promoted(order("v2", 2), PLAIN)
    assert "pulumi up" in caught.value.next_step


def test_a_fleet_is_named_after_stack_tier_and_deployment_and_refused_when_that_is_too_long() -> None:
    assert fleet_name("prod", Tier.APP, 42) == "sc-prod-app-42"
    assert len(fleet_name("a" * 19, Tier.APP, 42_000)) == 32
    with pytest.raises(Refused, match="has 33 characters; a target group name holds 32") as caught:
        fleet_name("a" * 20, Tier.APP, 42_000)
    assert "shorter name" in caught.value.next_step


def test_everything_a_fleet_is_built_from_stands_in_the_plan() -> None:
    stack = released("v1")
    plan = stack.promoted(order("v2", 2, model="m1"), PLAIN)
    green = plan.tier(Tier.AI).green
    assert green
    assert (green.name, green.version, green.launch_template_version) == ("sc-lab-ai-2", "v2", 3)
    assert green.image.uri == "r@sha256:v2"
    assert green.model == Model(version="m1", sha256="ab" * 32)
    blue = plan.tier(Tier.AI).blue
    assert blue
    assert (blue.deployment, blue.version, blue.group_name, blue.desired) == (1, "v1", "sc-lab-ai-1", 2)
    assert plan.tier(Tier.AI).rule_arn == "rule:ai"


rule_sets = st.builds(
    lambda ramp, keep, smoke, golden, migration, checklist: policy(
        rollout={"ramp": sorted(ramp), "bake": 200.0},
        retire={"keep_blue": keep},
        smoke=[test for test, wanted in zip(SMOKE, smoke, strict=True) if wanted],
        golden=GOLDEN if golden else None,
        migration=MIGRATION if migration else None,
        checklist=["tests", "team"][:checklist],
    ),
    st.sets(st.integers(1, 99), min_size=1, max_size=4),
    st.sampled_from([0.0, 60.0, "until-next"]),
    st.tuples(st.booleans(), st.booleans(), st.booleans()),
    st.booleans(),
    st.booleans(),
    st.integers(0, 2),
)
some_tiers = st.sets(st.sampled_from(list(Tier)), min_size=1)


@settings(deadline=None)
@given(rules=rule_sets, tiers=some_tiers, shuffle=st.integers(0, 1000), database=st.booleans())
def test_every_promotion_ends_with_all_traffic_on_green_and_nothing_armed(
    rules: Policy, tiers: set[Tier], shuffle: int, *, database: bool
) -> None:
    """Whatever the policy, the tiers and the order inside a stage; invariants are checked at each step."""
    stack = released("v1", stack=Stack(WITH_DATABASE if database else CONTRACT))
    stack.run(stack.promoted(order("v2", 2, tiers=tiers), rules), shuffle=shuffle)
    plan = stack.promoted(order("v3", 3, tiers=tiers, model="m"), rules)
    ids = [step.id for step in plan.steps]
    assert len(set(ids)) == len(ids)
    stack.run(plan, shuffle=shuffle)
    kept = rules.retire.keep_blue == "until-next"
    for tier, side in stack.sides.items():
        assert side.live() == (3 if tier in tiers else 1)
        assert not side.armed
        assert not side.previews
        assert set(side.fleets) == ({3} | ({2} if kept else set()) if tier in tiers else {1})
        assert not any(one.held for one in side.fleets.values() if one.number == side.live())


@settings(deadline=None, max_examples=20)
@given(rules=rule_sets, shuffle=st.integers(0, 1000))
def test_a_promotion_interrupted_anywhere_and_begun_again_ends_the_same(rules: Policy, shuffle: int) -> None:
    """As Patroni tests its quorum: from every prefix of steps, the rest is carried out anew."""
    before = released("v1", rules=rules)
    plan = before.promoted(order("v2", 2), rules)
    goal = copy.deepcopy(before).run(plan).observe()
    for index, stage in enumerate(plan.stages):
        for done in range(len(stage.steps)):
            stack = copy.deepcopy(before).run(plan, plan.stages[:index], shuffle=shuffle)
            for step in stage.steps[:done]:
                stack.apply(plan, step)
            stack.run(plan, plan.stages[index:], shuffle=shuffle + 1)
            assert stack.observe() == goal, f"interrupted in {stage.name} after {done} steps"
