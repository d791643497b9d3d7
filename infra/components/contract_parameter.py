"""The contract parameter: what sc-deploy knows about this stack (see bluegreen/contract.py)."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from bluegreen.contract import NO_MODEL, Contract, Tier, parameter_name
from infra.component import Component, Findings
from infra.documents.contract_document import pointer_name
from infra.environment import Environment

ACCEPTED: Findings = {
    (
        "CKV2_AWS_34",
        "contract*",
    ): "Names and ARNs that operators must be able to read in an emergency; none is secret",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractParameterArgs:
    """`model_tiers` are the tiers that have a model pointer."""

    contract: pulumi.Output[Contract]
    model_tiers: tuple[Tier, ...]


class ContractParameter(Component):
    """Contract and model pointers."""

    def __init__(self, name: str, environment: Environment, args: ContractParameterArgs) -> None:
        super().__init__(name, environment)
        self.document = args.contract.apply(lambda contract: contract.to_json())
        self.parameter = aws.ssm.Parameter(
            name,
            name=parameter_name(environment.stack),
            type="String",
            # 8 KB; three tiers with their subnets and secrets come close to the 4 KB of a standard one.
            tier="Advanced",
            description="What sc-deploy knows about this stack",
            insecure_value=self.document,
            opts=self.options(),
        )
        for tier in args.model_tiers:
            aws.ssm.Parameter(
                f"{name}-model-{tier}",
                name=pointer_name(environment.stack, tier),
                type="String",
                insecure_value=NO_MODEL,
                # sc-deploy writes the value with every model it releases.
                opts=self.options(ignore_changes=["insecureValue", "value"]),
            )
        self.register_outputs({"parameter": self.parameter.name})
