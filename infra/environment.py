"""What components and documents may know about their stack: names, account, regions, providers."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.settings import Settings

PROJECT = "sportcoach"


@dataclass(frozen=True, slots=True, kw_only=True)
class Providers:
    """The three regions a stack writes to; no resource uses a default provider."""

    main: aws.Provider
    backup: aws.Provider
    us_east_1: aws.Provider
    """CloudFront's certificate, web ACL and logs must be there."""

    @classmethod
    def of(cls, settings: Settings) -> Providers:
        """Providers that refuse any account but the stack's, and tag everything they create."""

        def provider(name: str, region: str) -> aws.Provider:
            return aws.Provider(
                name,
                region=region,
                allowed_account_ids=[settings.account_id],
                default_tags={"tags": {"project": PROJECT, "stack": settings.stack, "managed-by": "pulumi"}},
                opts=pulumi.ResourceOptions(protect=True if settings.protect else None),
            )

        return cls(
            main=provider("main", settings.region),
            backup=provider("backup-region", settings.backup_region),
            us_east_1=provider("us-east-1", "us-east-1"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What a component may know about its stack."""

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

    def secret_name(self, name: str) -> str:
        """The Secrets Manager name of one of the stack's secrets."""
        return f"{self.path[1:]}/{name}"

    def arn(self, service: str, resource: str, *, region: str | None = None) -> str:
        """An ARN in this account; in the main region unless another is given."""
        return f"arn:aws:{service}:{self.region if region is None else region}:{self.account_id}:{resource}"
