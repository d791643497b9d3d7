"""What the account has once for all releases: image repositories and the trust in GitHub (P2, S1)."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi_aws as aws

from infra.component import Component
from infra.components.encryption import Encryption
from infra.documents.image_lifecycle import image_lifecycle
from infra.documents.people import GITHUB
from infra.documents.policies import allow, document
from infra.environment import Environment
from infra.settings import DeliverySettings


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryArgs:
    """`keys` encrypt the images."""

    settings: DeliverySettings
    keys: Encryption


class Registry(Component):
    """Repositories with their copies in the backup region; only in the stack that owns the account."""

    def __init__(self, name: str, environment: Environment, args: RegistryArgs) -> None:
        super().__init__(name, environment)
        self._args = args
        for repository in args.settings.repositories:
            self._repository(repository)
        self._account_wide()
        self.register_outputs({})

    def _repository(self, repository: str) -> None:
        name = f"{self.name}-{repository.replace('/', '-')}"
        resource = aws.ecr.Repository(
            name,
            name=repository,
            # A version is one image for ever: a rollback runs exactly what was verified (R7).
            image_tag_mutability="IMMUTABLE",
            image_scanning_configuration={"scan_on_push": True},
            encryption_configurations=[{"encryption_type": "KMS", "kms_key": self._args.keys.data.arn}],
            opts=self.options(),
        )
        aws.ecr.LifecyclePolicy(
            name, repository=resource.name, policy=json.dumps(image_lifecycle()), opts=self.options()
        )

    def _account_wide(self) -> None:
        aws.ecr.ReplicationConfiguration(
            self.name,
            replication_configuration={
                "rules": [
                    {
                        "destinations": self._destinations(),
                        "repository_filters": [
                            {"filter": repository, "filter_type": "PREFIX_MATCH"}
                            for repository in self._args.settings.repositories
                        ],
                    }
                ]
            },
            opts=self.options(),
        )
        if source := self._args.settings.replicate_from:
            self._accept_copies(source)
        # AWS trusts GitHub's certificate authorities; no thumbprint is needed.
        aws.iam.OpenIdConnectProvider(
            self.name, url=f"https://{GITHUB}", client_id_lists=["sts.amazonaws.com"], opts=self.options()
        )

    def _destinations(self) -> list[dict[str, str]]:
        environment = self.environment
        places = [(environment.backup_region, environment.account_id)]
        if target := self._args.settings.replicate_to:
            # A copy is not copied on: the other account's backup region is served from here.
            places += [(region, target) for region in (environment.region, environment.backup_region)]
        return [{"region": region, "registry_id": account} for region, account in places]

    def _accept_copies(self, source: str) -> None:
        """Images of another account's registry, by the same digests.

        In this region they find the repositories, with tag rule, scan, key and lifecycle; in the backup
        region the first copy makes them.
        """
        environment = self.environment
        places = (
            (self.name, environment.region, environment.providers.main),
            (f"{self.name}-copies", environment.backup_region, environment.providers.backup),
        )
        for name, region, provider in places:
            statement = allow(
                ["ecr:CreateRepository", "ecr:ReplicateImage"],
                [
                    environment.arn("ecr", f"repository/{repository}", region=region)
                    for repository in self._args.settings.repositories
                ],
                sid="CopiesOfTested",
                principal={"AWS": f"arn:aws:iam::{source}:root"},
            )
            aws.ecr.RegistryPolicy(
                name, policy=json.dumps(document([statement])), opts=self.options(provider=provider)
            )
