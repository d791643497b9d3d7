"""The plans that go back: from every point of a promotion, to a kept blue, and everything taken down."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bluegreen.contract import Tier
from bluegreen.domain.migration import DatabaseRollback
from bluegreen.domain.plan import Intent, Plan, StepKind
from bluegreen.domain.release import Color
from bluegreen.domain.rollback import plan_rollback_of_open, plan_rollback_to_kept, plan_teardown
from bluegreen.errors import Refused
from bluegreen.policy import Policy
from tests.domain.stacks import CONTRACT, MIGRATION, SMOKE, Stack, order, policy
from tests.domain.test_promotion import QUICK, kinds, names, released, rule_sets, some_tiers

KEPT = policy(rollout=QUICK, migration=MIGRATION, smoke=SMOKE, retire={"keep_blue": "until-next"})
PLAIN = policy(rollout=QUICK)
DOWN = DatabaseRollback(down=True, migrated=True, snapshot="sc-lab-before-2")


def rolled_back(
    stack: Stack, plan: Plan, rules: Policy, *, shifted: bool, database: DatabaseRollback | None = None
) -> Plan:
    return plan_rollback_of_open(
        plan,
        stack.contract,
        rules,
        stack.observe(),
        shifted=shifted,
        reason="errors",
        database=database or DatabaseRollback(),
    )


def returned(
    stack: Stack, rules: Policy, *, to: int = 1, database: DatabaseRollback | None = None
) -> Plan | None:
    return plan_rollback_to_kept(
        stack.contract,
        rules,
        stack.observe(),
        number=9,
        to=to,
        reason="r",
        database=database or DatabaseRollback(),
    )


def at(stage: str, rules: Policy = PLAIN) -> tuple[Stack, Plan]:
    """v2 on its way over v1, up to and including `stage`."""
    stack = released("v1", rules=rules)
    plan = stack.promoted(order("v2", 2, model="m2"), rules)
    return stack.run(plan, plan.stages[: names(plan).index(stage) + 1]), plan


def test_rolled_back_in_the_middle_of_a_shift() -> None:
    stack, plan = at("shift-50", policy(rollout=QUICK, smoke=SMOKE))
    back = rolled_back(stack, plan, policy(rollout=QUICK, smoke=SMOKE), shifted=True)
    assert names(back) == [
        "prove-blue", "shift-back", "verify", "accept", "quiet", "as-before", "detach", "remove",
        "remove-groups",
    ]  # fmt: skip
    assert (back.intent, back.number, back.reason, back.release) == (
        Intent.ROLLBACK,
        2,
        "errors",
        plan.release,
    )
    assert back.rolls_back
    assert kinds(back, "verify") == ["smoke", "version"]
    moved = [step for step in back.steps if step.kind is StepKind.WEIGHTS]
    assert [(step.fleet, step.percent, step.urgent) for step in moved] == [(Color.BLUE, 0, True)] * 3
    assert all(step.urgent for step in back.steps if step.kind is StepKind.PROVE_BLUE)
    stack.run(back)
    assert {side.live() for side in stack.sides.values()} == {1}
    assert {tuple(side.fleets) for side in stack.sides.values()} == {(1,)}


def test_rolled_back_before_any_weight_moves_nothing() -> None:
    stack, plan = at("healthy")
    back = rolled_back(stack, plan, PLAIN, shifted=False)
    assert names(back) == ["accept", "detach", "remove", "remove-groups"]
    stack.run(back)
    assert {side.live() for side in stack.sides.values()} == {1}


def test_rolled_back_before_anything_was_built_has_only_blue_to_put_right() -> None:
    stack, plan = at("preflight")
    back = rolled_back(stack, plan, PLAIN, shifted=False)
    assert names(back) == ["accept"]
    assert kinds(back, "accept") == ["free-size", "label", "stand-down"]


def test_a_first_deployment_is_rolled_back_to_the_maintenance_page() -> None:
    stack = Stack()
    plan = stack.promoted(order("v1", 1), PLAIN)
    stack.run(plan, plan.stages[: names(plan).index("verify")])
    back = rolled_back(stack, plan, PLAIN, shifted=True)
    assert names(back) == ["accept", "close", "quiet", "detach", "remove", "remove-groups"]
    stack.run(back)
    assert all(side.weights is None and not side.fleets for side in stack.sides.values())


def test_the_model_pointer_goes_back_with_blue() -> None:
    stack = Stack()
    stack.run(stack.promoted(order("v1", 1, model="m1"), PLAIN))
    plan = stack.promoted(order("v1", 2, tiers=[Tier.AI], model="m2"), PLAIN)
    stack.run(plan, plan.stages[: names(plan).index("accept") + 1])
    assert stack.pointer == "m2"
    stack.run(rolled_back(stack, plan, PLAIN, shifted=True))
    assert stack.pointer == "m1"


def test_a_blue_that_is_gone_is_named_as_it_was_planned() -> None:
    stack, plan = at("shift-50")
    seen = stack.observe()
    gone = replace(seen, tiers=tuple(replace(tier, rule=None, fleets=()) for tier in seen.tiers))
    back = plan_rollback_of_open(plan, CONTRACT, PLAIN, gone, shifted=True, reason="")
    assert [tier.blue for tier in back.tiers] == [tier.blue for tier in plan.tiers]
    assert {(tier.failed, tier.rule_arn) for tier in back.tiers} == {(None, "")}


def test_its_down_migration_runs_between_quiet_and_removal() -> None:
    stack, plan = at("shift-50", KEPT)
    back = rolled_back(stack, plan, KEPT, shifted=True, database=DOWN)
    assert names(back)[-6:] == ["quiet", "as-before", "migrate-down", "detach", "remove", "remove-groups"]
    assert [s.id for s in back.steps if s.kind is StepKind.MIGRATE_DOWN] == ["migrate-down.app.green"]
    assert back.snapshot == "sc-lab-before-2"
    assert [note.partition(" of ")[0] for note in back.notes] == [
        "the down migration",
        "the database is not restored; pre-release snapshot",
    ]
    assert stack.run(back).migrated[-1] == "down 2"
    early, plan = at("attach", policy(rollout=QUICK, migration={**MIGRATION, "run": "local"}))
    rules = policy(rollout=QUICK, migration={**MIGRATION, "run": "local"})
    assert "migrate-down" in names(rolled_back(early, plan, rules, shifted=False, database=DOWN))


@pytest.mark.parametrize(
    ("database", "rules", "stage", "said"),
    [
        (DOWN, PLAIN, "shift-50", "deploy.toml names none"),
        (DatabaseRollback(down=True), KEPT, "shift-50", "ran no migration"),
        (DOWN, KEPT, "attach", "no app host left"),
        (replace(DOWN, source="the file"), PLAIN, "shift-50", "the file names none"),
    ],
)
def test_a_down_migration_that_cannot_run_is_refused(
    database: DatabaseRollback, rules: Policy, stage: str, said: str
) -> None:
    stack, plan = at(stage)
    with pytest.raises(Refused, match=said):
        rolled_back(stack, plan, rules, shifted=True, database=database)


def test_a_down_migration_is_refused_where_the_app_tier_is_not_rolled_back() -> None:
    stack = released("v1", rules=KEPT)
    stack.run(stack.promoted(order("v2", 2, tiers=[Tier.AI]), KEPT))
    with pytest.raises(Refused, match="app tier, which migrates, is not rolled back"):
        returned(stack, KEPT, database=DOWN)


def test_back_to_a_kept_blue_at_once() -> None:
    stack = released("v1", "v2", rules=KEPT)
    back = returned(stack, KEPT, database=DOWN)
    assert back
    assert names(back)[:2] == ["prove-blue", "shift-back"]
    assert "migrate-down" in names(back)
    assert back.rolls_back
    assert (back.number, back.release, back.snapshot) == (9, None, "sc-lab-before-2")
    assert "the down migration of v2" in back.notes[0]
    stack.run(back)
    assert {side.live() for side in stack.sides.values()} == {1}
    assert {tuple(side.fleets) for side in stack.sides.values()} == {(1,)}
    assert stack.migrated[-1] == "down 2"


def test_back_to_a_kept_blue_of_the_tiers_that_changed_alone() -> None:
    stack = released("v1", rules=KEPT)
    stack.run(stack.promoted(order("v2", 2, tiers=[Tier.AI]), KEPT))
    back = returned(stack, KEPT, database=DatabaseRollback(snapshot="s"))
    assert back
    assert [tier.tier for tier in back.tiers] == [Tier.AI]
    assert back.notes == ("the database is not restored; pre-release snapshot of v2: s",)


def test_there_is_no_way_back_at_once_to_what_is_gone_or_serves_nothing() -> None:
    assert returned(released("v1", "v2"), PLAIN) is None
    assert returned(released("v1", rules=KEPT), KEPT, to=1) is None
    assert returned(Stack(), KEPT) is None
    for part in ("target_group", "group"):
        stack = released("v1", "v2", rules=KEPT)
        setattr(stack.sides[Tier.WEB].fleets[1], part, False)
        assert returned(stack, KEPT) is None, part
    empty = released("v1", "v2", rules=KEPT)
    empty.sides[Tier.AI].fleets[1].size = 0
    assert returned(empty, KEPT) is None, "no instance is in service"


def test_a_live_fleet_without_a_rule_cannot_be_and_an_empty_tier_is_left_alone() -> None:
    stack = released("v1", rules=KEPT)
    stack.run(stack.promoted(order("v2", 2, tiers=[Tier.WEB]), KEPT))
    stack.sides[Tier.AI].weights = None
    back = returned(stack, KEPT)
    assert back
    assert [(tier.tier, tier.rule_arn) for tier in back.tiers] == [(Tier.WEB, "rule:web")]


def torn_down(stack: Stack, *, everything: bool) -> Plan:
    return plan_teardown(CONTRACT, stack.observe(), number=9, everything=everything, reason="cleanup")


def test_teardown_removes_what_serves_nothing_once_it_is_quiet() -> None:
    stack = released("v1", "v2", rules=KEPT)
    plan = torn_down(stack, everything=False)
    assert names(plan) == ["clear-quiet", "clear", "clear-fleets", "clear-groups"]
    assert (plan.intent, plan.notes, plan.reason) == (Intent.TEARDOWN, (), "cleanup")
    stack.run(plan)
    assert {tuple(side.fleets) for side in stack.sides.values()} == {(2,)}
    assert torn_down(stack, everything=False).stages == ()


def test_teardown_of_everything_takes_the_rules_away_first() -> None:
    stack = released("v1", "v2", rules=KEPT)
    stack.sides[Tier.WEB].armed = True
    plan = torn_down(stack, everything=True)
    assert names(plan) == ["close", "stand-down", "clear", "clear-fleets", "clear-groups"]
    assert plan.notes == ("afterwards visitors see the maintenance page",)
    stack.run(plan)
    assert all(not side.fleets and side.weights is None and not side.armed for side in stack.sides.values())
    assert names(torn_down(stack, everything=True)) == [], "nothing is left to remove"


def until_blue_goes(plan: Plan) -> int:
    """How many steps of a promotion may be done before there is no way back to blue."""
    going = (StepKind.DETACH, StepKind.DELETE_FLEET)
    return next(
        (i for i, step in enumerate(plan.steps) if step.kind in going and step.fleet is Color.BLUE),
        len(plan.steps),
    )


def resumed(stack: Stack, plan: Plan, done: int, *, shuffle: int = 0) -> Stack:
    """Carry `plan` out with a break after `done` steps: the stage of the last one is begun anew."""
    for step in plan.steps[:done]:
        stack.apply(plan, step)
    stage = plan.stage_of(plan.steps[done - 1]) if done else None
    return stack.run(plan, plan.stages[plan.stages.index(stage) if stage else 0 :], shuffle=shuffle)


@settings(deadline=None)
@given(
    rules=rule_sets,
    tiers=some_tiers,
    point=st.integers(0, 200),
    again=st.integers(0, 200),
    shuffle=st.integers(0, 999),
    database=st.booleans(),
    first=st.booleans(),
)
def test_from_every_interrupted_prefix_the_way_back_ends_on_blue(
    rules: Policy, tiers: set[Tier], point: int, again: int, shuffle: int, *, database: bool, first: bool
) -> None:
    """The way back is itself interrupted and begun anew; whatever stood before serves again, alone."""
    stack = Stack() if first else released("v1", rules=rules)
    before = {tier: side.live() for tier, side in stack.sides.items()}
    plan = stack.promoted(order("v2", 2, tiers=tiers, model="m"), rules)
    done = plan.steps[: point % (until_blue_goes(plan) + 1)]
    for step in done:
        stack.apply(plan, step)
    shifted = any(step.kind is StepKind.WEIGHTS for step in done)
    migrated = any(step.kind is StepKind.MIGRATE for step in done)
    asked = DatabaseRollback(down=database, migrated=migrated)
    try:
        back = rolled_back(stack, plan, rules, shifted=shifted, database=asked)
    except Refused:
        assert database
        back = rolled_back(stack, plan, rules, shifted=shifted)
    ids = [step.id for step in back.steps]
    assert len(set(ids)) == len(ids)
    resumed(stack, back, again % (len(back.steps) + 1), shuffle=shuffle)
    assert {tier: side.live() for tier, side in stack.sides.items()} == before
    for tier, side in stack.sides.items():
        assert 2 not in side.fleets
        assert not side.armed, tier
        assert not side.previews
        assert not any(fleet.held for fleet in side.fleets.values()), tier
        assert (side.weights is None) == (before[tier] is None)
    assert ("down 2" in stack.migrated) == any(step.kind is StepKind.MIGRATE_DOWN for step in back.steps)


def test_every_prefix_of_the_way_back_can_be_begun_anew() -> None:
    stack, plan = at("shift-50", KEPT)
    back = rolled_back(stack, plan, KEPT, shifted=True, database=DOWN)
    goal = copy.deepcopy(stack).run(back).observe()
    for done in range(len(back.steps) + 1):
        again = resumed(copy.deepcopy(stack), back, done)
        assert again.observe() == goal, f"after {done} steps"


@settings(deadline=None)
@given(
    history=st.lists(
        st.tuples(
            st.sampled_from(["promote", "fail", "die", "back", "teardown"]), some_tiers, st.integers(0, 200)
        ),
        max_size=6,
    ),
    rules=rule_sets,
)
def test_after_any_history_exactly_one_fleet_serves_each_tier_and_nothing_is_armed(
    history: list[tuple[str, set[Tier], int]], rules: Policy
) -> None:
    """Releases, failures, dead deployers that are aborted, ways back and teardowns, one after the other."""
    stack = released("v1", rules=rules)
    for number, (what, tiers, point) in enumerate(history, start=2):
        if what == "teardown":
            stack.run(torn_down(stack, everything=False))
        elif what == "back":
            back = returned(stack, rules, to=max(_kept(stack), default=0))
            stack.run(back) if back else None
        else:
            plan = stack.promoted(order(f"v{number}", number, tiers=tiers), rules)
            count = len(plan.steps) if what == "promote" else point % (until_blue_goes(plan) + 1)
            for step in plan.steps[:count]:
                stack.apply(plan, step)
            if what != "promote":
                shifted = any(step.kind is StepKind.WEIGHTS for step in plan.steps[:count])
                stack.run(rolled_back(stack, plan, rules, shifted=shifted))
        for tier, side in stack.sides.items():
            assert side.live(), (tier, what, side.weights)
            assert not side.armed
            assert not side.previews


def _kept(stack: Stack) -> set[int]:
    return {n for side in stack.sides.values() for n in side.fleets if n != side.live()}
