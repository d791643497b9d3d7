"""What every component shares: the stack it belongs to, its providers, its children's options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.policies import Statement, document
from infra.settings import Settings

__all__ = ["Component", "Environment", "Providers"]

PROJECT = "sportcoach"


@dataclass(frozen=True, slots=True, kw_only=True)
class Providers:
    """The three regions a stack writes to; no resource uses a default provider."""

    main: aws.Provider
    backup: aws.Provider
    us_east_1: aws.Provider
    """CloudFront reads its certificate, web ACL and logs from there."""

    @classmethod
    def of(cls, settings: Settings) -> Providers:
        """Providers that refuse any account but the stack's, and tag whatever they make."""

        def provider(name: str, region: str) -> aws.Provider:
            return aws.Provider(
                name,
                region=region,
                allowed_account_ids=[settings.account_id],
                default_tags={"tags": {"project": PROJECT, "stack": settings.stack, "managed-by": "pulumi"}},
            )

        return cls(
            main=provider("main", settings.region),
            backup=provider("backup-region", settings.backup_region),
            us_east_1=provider("us-east-1", "us-east-1"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What a component may know of its surroundings."""

    stack: str
    account_id: str
    region: str
    backup_region: str
    domain: str
    protect: bool
    account_wide: bool
    providers: Providers

    @classmethod
    def of(cls, settings: Settings) -> Environment:
        return cls(
            stack=settings.stack,
            account_id=settings.account_id,
            region=settings.region,
            backup_region=settings.backup_region,
            domain=settings.domain,
            protect=settings.protect,
            account_wide=settings.account_wide,
            providers=Providers.of(settings),
        )

    @property
    def name(self) -> str:
        """The prefix of names that people and policies rely on."""
        return f"{PROJECT}-{self.stack}"

    @property
    def path(self) -> str:
        """The prefix of SSM parameters and Secrets Manager names."""
        return f"/{PROJECT}/{self.stack}"

    def arn(self, service: str, resource: str, *, region: str | None = None) -> str:
        """An ARN in this account, in the main region where none is named."""
        return f"arn:aws:{service}:{self.region if region is None else region}:{self.account_id}:{resource}"


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
            pulumi.ResourceOptions(providers=[environment.providers.main]),
        )
        self.name = name
        self.environment = environment

    def options(
        self,
        *,
        provider: aws.Provider | None = None,
        protect: bool = False,
        depends_on: Sequence[pulumi.Resource] = (),
        **more: Any,
    ) -> pulumi.ResourceOptions:
        """Options of a child; `protect` takes effect in stacks that ask for protection."""
        return pulumi.ResourceOptions(
            parent=self,
            provider=provider or self.environment.providers.main,
            protect=True if protect and self.environment.protect else None,
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

    def role(
        self,
        name: str,
        *,
        trust: Mapping[str, Any],
        statements: Sequence[Statement] = (),
        managed: Sequence[str] = (),
        **more: Any,
    ) -> aws.iam.Role:
        """A role that `trust` may assume, allowed what `statements` and the AWS policies `managed` say."""
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
