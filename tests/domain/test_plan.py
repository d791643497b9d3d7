"""A plan is data: its fingerprint names what was shown, its steps have names, it survives JSON."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bluegreen.contract import Tier
from bluegreen.domain.document import from_document
from bluegreen.domain.migration import DatabaseRollback, snapshot_name
from bluegreen.domain.plan import FleetRef, Intent, Plan, Stage, Step, StepKind, TierPlan
from bluegreen.domain.release import Color, Model
from bluegreen.domain.security import Ban
from bluegreen.engine.steps.handlers import HANDLERS
from bluegreen.policy import Policy
from tests.domain.stacks import MIGRATION, Stack, order, policy
from tests.domain.test_promotion import released, rule_sets, some_tiers

RULES = policy(migration=MIGRATION)


def made(reason: str = "r") -> Plan:
    """A plan in which every kind of part occurs: blue, green, leftovers, image, model."""
    stack = released("v1", "v2", rules=policy(retire={"keep_blue": "until-next"}))
    return stack.promoted(order("v3", 3, model="m", reason=reason), RULES)


def test_the_same_inputs_give_the_same_fingerprint() -> None:
    assert made().fingerprint == made().fingerprint
    assert len(made().fingerprint) == 12
    assert int(made().fingerprint, 16) >= 0


ABSENT = {
    "tier": Tier.APP,
    "fleet": Color.BLUE,
    "deployment": 7,
    "percent": 7,
    "launch_template_version": 7,
    "model": Model(version="m", sha256="cd" * 32),
    "failed": FleetRef(
        deployment=1,
        version="v",
        target_group_arn="",
        target_group_name="",
        group_name="",
        desired=1,
        minimum=1,
    ),
}
"""A value for each field that may be None."""
FIRST = {"bans": Ban(version="v", digests=(), finding="CVE-1")}
"""A value for each list whose items are no text."""


def changed(name: str, value: Any) -> Any:
    """Another value for the field `name`."""
    other: Any
    match value:
        case None:
            other = ABSENT[name]
        case bool():
            other = not value
        case int() | float():
            other = value + 1
        case Intent() | Color() | Tier() | StepKind():
            other = next(one for one in type(value) if one is not value)
        case str():
            other = f"{value}x"
        case tuple():
            other = (*value, value[-1] if value else FIRST.get(name, "x"))
        case _:
            other = value
    return other


def variants(value: Any) -> list[Any]:
    """`value` with each field, and each field of what it holds, changed once."""
    found = []
    for field in fields(value):
        inner = getattr(value, field.name)
        if not is_dataclass(inner):
            found.append(replace(value, **{field.name: changed(field.name, inner)}))
        else:
            found += [replace(value, **{field.name: one}) for one in variants(inner)]
        if isinstance(inner, tuple) and inner and is_dataclass(inner[0]):
            found += [replace(value, **{field.name: (one, *inner[1:])}) for one in variants(inner[0])]
    return found


def test_any_change_anywhere_in_a_plan_is_another_fingerprint() -> None:
    plan = made()
    others = variants(plan)
    assert len(others) > 60
    prints = []
    for other in others:
        document = json.dumps(other.to_document(), sort_keys=True)
        prints.append((other.fingerprint, document))
    assert plan.fingerprint not in {one for one, _ in prints}
    assert len({one for one, _ in prints}) == len({document for _, document in prints})


def test_a_plan_comes_back_from_its_document_through_json() -> None:
    plan = made()
    again = from_document(Plan, json.loads(json.dumps(plan.to_document())))
    assert again == plan
    assert again.fingerprint == plan.fingerprint


@settings(deadline=None)
@given(rules=rule_sets, tiers=some_tiers, reason=st.text(max_size=20))
def test_every_plan_comes_back_from_its_document(rules: Policy, tiers: set[Tier], reason: str) -> None:
    plan = released("v1").promoted(order("v2", 2, tiers=tiers, reason=reason), rules)
    again = from_document(Plan, json.loads(json.dumps(plan.to_document())))
    assert (again, again.fingerprint) == (plan, plan.fingerprint)


def test_a_document_of_an_older_sc_deploy_is_read() -> None:
    """A deployment that was begun before these fields existed can be resumed."""
    document = made().to_document()
    del document["snapshot"]
    for tier in document["tiers"]:
        del tier["blue"]["routed"]
    assert from_document(Plan, document).snapshot == ""


@pytest.mark.parametrize(
    ("path", "value"), [(("intent",), "party"), (("stages", 0, "steps", 0, "kind"), "x")]
)
def test_a_document_that_is_no_plan_is_refused(path: tuple[Any, ...], value: str) -> None:
    document = made().to_document()
    inner: Any = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with pytest.raises(ValueError, match=value):
        from_document(Plan, document)


def test_tiers_stages_and_steps_are_in_the_order_of_the_contract_and_of_time() -> None:
    plan = made()
    assert [tier.tier for tier in plan.tiers] == [Tier.WEB, Tier.APP, Tier.AI]
    assert plan.steps == tuple(step for stage in plan.stages for step in stage.steps)
    for stage in plan.stages:
        for kind in {step.kind for step in stage.steps}:
            tiers = [list(Tier).index(s.tier) for s in stage.steps if s.kind is kind and s.tier]
            assert tiers == sorted(tiers), stage.name


def test_every_kind_of_step_has_a_handler() -> None:
    assert set(HANDLERS) == set(StepKind)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (Step(kind=StepKind.CHECK), "check"),
        (Step(kind=StepKind.JUDGE, percent=5), "judge.5"),
        (Step(kind=StepKind.WEIGHTS, tier=Tier.APP, fleet=Color.BLUE, percent=0), "weights.app.blue.0"),
        (Step(kind=StepKind.DETACH, tier=Tier.AI, deployment=7), "detach.ai.7"),
        (Step(kind=StepKind.SMOKE, tier=Tier.AI, fleet=Color.GREEN, preview=True), "smoke.ai.green.preview"),
        (Step(kind=StepKind.VERSION, tier=Tier.AI, fleet=Color.GREEN), "version.ai.green.front"),
        (Step(kind=StepKind.LABEL, tier=Tier.AI, fleet=Color.BLUE, urgent=True), "label.ai.blue"),
    ],
)
def test_a_step_is_named_by_what_it_is_about(step: Step, expected: str) -> None:
    assert step.id == expected


def test_a_plan_finds_its_tiers_and_the_stage_of_a_step() -> None:
    plan = made()
    assert plan.tier(Tier.APP).tier is Tier.APP
    stage = plan.stage_of(Step(kind=StepKind.JUDGE, percent=50))
    assert stage
    assert (stage.name, stage.percent) == ("judge-50", 50)
    assert plan.stage_of(Step(kind=StepKind.JUDGE, percent=51)) is None
    alone = replace(plan, tiers=())
    with pytest.raises(KeyError):
        alone.tier(Tier.APP)


def test_only_a_rollback_that_builds_nothing_rolls_back() -> None:
    stage = Stage(name="s", title="S", steps=(Step(kind=StepKind.CHECK),), expected_seconds=3.0)
    plan = Plan(
        intent=Intent.ROLLBACK,
        stack="lab",
        number=1,
        release=None,
        reason="",
        tiers=(),
        stages=(stage, stage),
    )
    assert plan.rolls_back
    assert plan.expected_seconds == 6.0
    assert not replace(plan, intent=Intent.PROMOTION).rolls_back
    assert not replace(plan, tiers=(TierPlan(tier=Tier.AI, green=made().tier(Tier.AI).green),)).rolls_back


def test_parts_that_a_fleet_lacks_have_empty_names() -> None:
    stack = Stack()
    plan = stack.promoted(order("v1", 1), policy())
    stack.run(plan, plan.stages[:2])
    stack.sides[Tier.APP].fleets[1].target_group = False
    leftovers = stack.promoted(order("v2", 2), policy()).tier(Tier.APP).leftovers
    assert leftovers == (
        FleetRef(
            deployment=1,
            version="v1",
            target_group_arn="",
            target_group_name="",
            group_name="",
            desired=0,
            minimum=0,
            image=plan.tier(Tier.APP).green.image,  # type: ignore[union-attr]  # there is one
        ),
    )


def test_what_a_release_did_to_the_database() -> None:
    assert snapshot_name("prod", 42) == "sc-prod-before-42"
    assert released("v1").promoted(order("v2", 2), RULES).has(StepKind.MIGRATE)
    assert not released("v1").promoted(order("v2", 2), policy()).has(StepKind.MIGRATE)
    assert DatabaseRollback() == DatabaseRollback(
        down=False, migrated=False, snapshot="", source="deploy.toml"
    )
