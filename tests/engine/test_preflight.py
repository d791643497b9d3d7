"""What keeps a release from starting."""

from __future__ import annotations

from pathlib import Path

import pytest

from bluegreen.contract import Contract
from bluegreen.engine.checks.doctor import examine
from bluegreen.engine.checks.preflight import accuracy_words, examined, patience_faults
from bluegreen.engine.watch.forecast import release_forecast
from bluegreen.errors import Refused
from bluegreen.policy import MetricsPolicy, Policy, parse_policy
from tests.world import POLICY, World
from tools.recording import STACKS, recorded


def test_a_policy_less_patient_than_a_boot_is_a_fault_of_release_and_doctor() -> None:
    world = World(policy=POLICY.replace('deadline = "60s"', 'deadline = "4s"'))  # the boot budget is 5 s
    (fault,) = patience_faults(world.contract, world.policy)
    assert (fault.where, fault.allowed) == ("health.deadline", "5s or more in deploy.toml")
    assert "4 s, but instances of the app tier may boot for 5 s" in fault.problem
    checks = {check.name: check for check in examine(world.contract, world.policy, world.ports())}
    assert checks["boot budget"].ok is False
    assert "health.deadline" in checks["boot budget"].words
    deployer = world.deployer()
    with pytest.raises(Refused) as caught:
        deployer.run(deployer.plan_promotion("v1.0.0"))
    assert [fault.where for fault in caught.value.faults] == ["health.deadline"]


@pytest.mark.parametrize("stack", STACKS)
def test_the_default_policy_waits_for_every_shipped_tier(stack: str) -> None:
    contract = Contract.model_validate(recorded(stack).outputs["contract"])
    assert list(patience_faults(contract, Policy())) == []


@pytest.mark.parametrize(("rule", "ok"), [("refuse", False), ("warn", True)])
def test_an_ai_tier_whose_answers_nothing_judges(rule: str, *, ok: bool) -> None:
    """Refused where the policy says so; doctor says it either way, and a golden set answers it."""
    policy = Policy.model_validate({"judge": {"without_accuracy": rule}})
    contract = Contract.model_validate(recorded("prod").outputs["contract"])
    words = accuracy_words([tier.name for tier in contract.tiers], policy)
    assert "nothing judges the answers of the ai tier (R4)" in words
    world = World()
    (check,) = [one for one in examine(contract, policy, world.ports()) if one.name == "ai accuracy"]
    assert check.ok is ok
    assert words in check.words
    labelled = policy.model_copy(update={"metrics": MetricsPolicy(accuracy=("prometheus",))})
    assert not accuracy_words([tier.name for tier in contract.tiers], labelled)


def test_the_shipped_policy_refuses_it_where_users_are() -> None:
    text = (Path(__file__).parents[2] / "deploy.toml").read_text(encoding="utf-8")
    for stack, rule in (("prod", "refuse"), ("test", "refuse"), ("dev", "warn")):
        policy = parse_policy(text, stack=stack, source="deploy.toml")
        assert policy.judge.without_accuracy == rule
        assert accuracy_words(["ai"], policy)


def test_a_release_of_it_is_refused() -> None:
    strict = POLICY.replace("[judge]", '[judge]\nwithout_accuracy = "refuse"')
    world = World(policy=strict, tiers=("app", "ai"))
    plan = world.deployer().plan_promotion("v1.0.0")
    found = examined(plan, world.contract, world.policy, world.ports()).faults
    assert [fault.where for fault in found] == ["judge.without_accuracy"]
    assert not examined(plan, world.contract, Policy(), world.ports()).faults
    said = [
        release_forecast(plan, world.contract, policy, world.ports()).warnings
        for policy in (world.policy, Policy())
    ]
    assert ["`promote` refuses it" in words for (words,) in said] == [True, False]
