"""The permissions of the deploy and operator roles, once everything they name exists (S5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.component import Component
from infra.documents.deploy_policy import access_policies, plan_policy
from infra.documents.deploy_scope import DeployScope
from infra.documents.event_patterns import LAUNCH_BY_HAND
from infra.documents.policies import Statement, document
from infra.documents.restore_policy import restore_policy
from infra.environment import Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployAccessArgs:
    """`roles` that release, by purpose; `planner` reads, and publishes images and models.

    `restorer` releases and restores the database.
    """

    roles: Mapping[str, aws.iam.Role]
    planner: aws.iam.Role
    restorer: aws.iam.Role
    scope: DeployScope
    alerts_topic_arn: pulumi.Input[str]


class DeployAccess(Component):
    """Managed policies for a release, for its plan, and for publishing images and models."""

    def __init__(self, name: str, environment: Environment, args: DeployAccessArgs) -> None:
        super().__init__(name, environment)
        planner, restorer = {"plan": args.planner}, {"restore": args.restorer}
        for purpose, statements in access_policies(environment, args.scope).items():
            beside = planner if purpose == "publish" else restorer
            self._policy(purpose, statements, {**args.roles, **beside})
        self._policy("plan", plan_policy(environment, args.scope), planner)
        self._policy("restore", restore_policy(environment, args.scope), restorer)
        self.notify(
            f"{name}-launch",
            "A host was launched with the rights of a release, but not by a fleet",
            pattern=LAUNCH_BY_HAND,
            topic_arn=args.alerts_topic_arn,
        )
        self.register_outputs({})

    def _policy(
        self, purpose: str, statements: Sequence[Statement], roles: Mapping[str, aws.iam.Role]
    ) -> None:
        policy = aws.iam.Policy(
            f"{self.name}-{purpose}",
            name=f"{self.environment.name}-{purpose}",
            policy=pulumi.Output.json_dumps(document(statements), separators=(",", ":")),
            opts=self.options(),
        )
        for role_name, role in roles.items():
            aws.iam.RolePolicyAttachment(
                f"{self.name}-{purpose}-{role_name}",
                role=role.name,
                policy_arn=policy.arn,
                opts=self.options(),
            )
