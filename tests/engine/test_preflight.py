"""What keeps a release from starting."""

from __future__ import annotations

import pytest

from bluegreen.contract import Contract
from bluegreen.engine.checks.doctor import examine
from bluegreen.engine.checks.preflight import patience_faults
from bluegreen.errors import Refused
from bluegreen.policy import Policy
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
