"""What every component shares: its environment, options for its children, roles and log groups."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.documents.event_patterns import Pattern
from infra.documents.policies import Statement, document
from infra.environment import PROJECT, Environment

Findings = Mapping[tuple[str, str], str]
"""Checkov findings that a component accepts, in its `ACCEPTED`: (check, glob over logical names) -> reason.

`tools/findings.py` compares them with what the scanner reports.
"""


UNPROTECTED: Findings = {
    (
        "CKV_AWS_338",
        "*",
    ): "Logs of dev and test are kept for weeks, as their settings say: nobody audits them",
}
"""Further findings, accepted only where the settings say `protect: false`; components may have their own."""


class Component(pulumi.ComponentResource):
    """A component of the `sportcoach` package.

    Its type token is `sportcoach:<module>:<Class>` and must never change without an alias: the engine
    would replace every child.
    """

    def __init__(self, name: str, environment: Environment) -> None:
        module = type(self).__module__.rpartition(".")[2].replace("_", "-")
        super().__init__(
            f"{PROJECT}:{module}:{type(self).__name__}",
            name,
            {},
            # Children inherit the protection: a site is more than its data (routes, gateways, roles, alarms).
            pulumi.ResourceOptions(
                providers=[environment.providers.main], protect=True if environment.protect else None
            ),
        )
        self.name = name
        self.environment = environment

    def options(
        self,
        *,
        provider: aws.Provider | None = None,
        depends_on: Sequence[pulumi.Resource] = (),
        **more: Any,
    ) -> pulumi.ResourceOptions:
        """Options of a child."""
        return pulumi.ResourceOptions(
            parent=self,
            provider=provider or self.environment.providers.main,
            depends_on=list(depends_on),
            **more,
        )

    def log_group(
        self, name: str, path: str, *, days: int, key: pulumi.Input[str], provider: aws.Provider | None = None
    ) -> aws.cloudwatch.LogGroup:
        """A log group, encrypted and kept for `days`."""
        return aws.cloudwatch.LogGroup(
            f"{self.name}-{name}",
            name=path,
            retention_in_days=days,
            kms_key_id=key,
            opts=self.options(provider=provider),
        )

    def secret(
        self, name: str, description: str, *, key: pulumi.Input[str], content: pulumi.Input[str]
    ) -> aws.secretsmanager.Secret:
        """One of the stack's secrets with its value."""
        secret = aws.secretsmanager.Secret(
            self.name,
            name=self.environment.secret_name(name),
            kms_key_id=key,
            description=description,
            opts=self.options(),
        )
        aws.secretsmanager.SecretVersion(
            self.name, secret_id=secret.id, secret_string=content, opts=self.options()
        )
        return secret

    def notify(self, name: str, description: str, *, pattern: Pattern, topic_arn: pulumi.Input[str]) -> None:
        """Send every event that matches `pattern` to a topic."""
        rule = aws.cloudwatch.EventRule(
            name, description=description, event_pattern=json.dumps(pattern), opts=self.options()
        )
        aws.cloudwatch.EventTarget(name, rule=rule.name, arn=topic_arn, opts=self.options())

    def role(
        self,
        name: str,
        *,
        trust: Mapping[str, Any],
        statements: Sequence[Statement] = (),
        managed: Sequence[str] = (),
        **more: Any,
    ) -> aws.iam.Role:
        """A role that `trust` may assume, with `statements` and the AWS managed policies `managed`."""
        role = aws.iam.Role(
            f"{self.name}-{name}",
            assume_role_policy=pulumi.Output.json_dumps(trust),
            opts=self.options(),
            **more,
        )
        if statements:
            aws.iam.RolePolicy(
                f"{self.name}-{name}",
                role=role.id,
                policy=pulumi.Output.json_dumps(document(statements)),
                opts=self.options(),
            )
        for policy in managed:
            aws.iam.RolePolicyAttachment(
                f"{self.name}-{name}-{policy.rpartition('/')[2]}",
                role=role.name,
                policy_arn=f"arn:aws:iam::aws:policy/{policy}",
                opts=self.options(),
            )
        return role
