"""vCPUs, as EC2's tables of instance types have them."""

from __future__ import annotations

import pytest

from bluegreen.contract import Contract
from infra.documents.instance_types import vcpus
from tools.recording import recorded


@pytest.mark.parametrize(
    ("instance_type", "count"),
    [("t3.medium", 2), ("t3.large", 2), ("t3.xlarge", 4), ("c5.2xlarge", 8), ("m6i.16xlarge", 64)],
)
def test_vcpus(instance_type: str, count: int) -> None:
    assert vcpus(instance_type) == count


def test_prod_needs_as_many_as_the_manual_says() -> None:
    tiers = Contract.model_validate(recorded("prod").outputs["contract"]).tiers
    assert 2 * sum(tier.vcpus * tier.fleet.desired for tier in tiers) == 56
    assert 2 * sum(tier.vcpus * tier.fleet.maximum for tier in tiers) == 184
