"""What the account has once for all releases: image repositories and the trust in GitHub (P2, S1)."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi_aws as aws

from infra.component import Component
from infra.components.encryption import Encryption
from infra.documents.image_lifecycle import image_lifecycle
from infra.documents.people import GITHUB
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
        environment = self.environment
        aws.ecr.ReplicationConfiguration(
            self.name,
            replication_configuration={
                "rules": [
                    {
                        "destinations": [
                            {"region": environment.backup_region, "registry_id": environment.account_id}
                        ],
                        "repository_filters": [
                            {"filter": repository, "filter_type": "PREFIX_MATCH"}
                            for repository in self._args.settings.repositories
                        ],
                    }
                ]
            },
            opts=self.options(),
        )
        # AWS trusts GitHub's certificate authorities; no thumbprint is needed.
        aws.iam.OpenIdConnectProvider(
            self.name, url=f"https://{GITHUB}", client_id_lists=["sts.amazonaws.com"], opts=self.options()
        )
