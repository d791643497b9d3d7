"""The permissions of the deploy and operator roles, once everything they name exists (S5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.component import Component
from infra.documents.deploy_policy import access_policies
from infra.documents.deploy_scope import DeployScope
from infra.documents.event_patterns import LAUNCH_BY_HAND
from infra.documents.policies import document
from infra.environment import Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployAccessArgs:
    """`roles` by purpose."""

    roles: Mapping[str, aws.iam.Role]
    scope: DeployScope
    alerts_topic_arn: pulumi.Input[str]


class DeployAccess(Component):
    """Managed policies for a release and for publishing images and models, on both roles."""

    def __init__(self, name: str, environment: Environment, args: DeployAccessArgs) -> None:
        super().__init__(name, environment)
        for purpose, statements in access_policies(environment, args.scope).items():
            policy = aws.iam.Policy(
                f"{name}-{purpose}",
                name=f"{environment.name}-{purpose}",
                policy=pulumi.Output.json_dumps(document(statements), separators=(",", ":")),
                opts=self.options(),
            )
            for role_name, role in args.roles.items():
                aws.iam.RolePolicyAttachment(
                    f"{name}-{purpose}-{role_name}",
                    role=role.name,
                    policy_arn=policy.arn,
                    opts=self.options(),
                )
        self.notify(
            f"{name}-launch",
            "A host was launched with the rights of a release, but not by a fleet",
            pattern=LAUNCH_BY_HAND,
            topic_arn=args.alerts_topic_arn,
        )
        self.register_outputs({})
