"""Keys: one for data, one for logs and alerts, and one in each other region (S2)."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from infra.component import Component
from infra.documents.key_statements import data_statements, log_statements
from infra.documents.policies import Statement, key_policy
from infra.environment import Environment


class Encryption(Component):
    """The customer managed keys of a stack, rotated every year by AWS."""

    def __init__(self, name: str, environment: Environment) -> None:
        super().__init__(name, environment)
        providers = environment.providers
        account = environment.account_id
        self.data = self._key("data", providers.main, data_statements(account, environment.region))
        self.logs = self._key("logs", providers.main, log_statements(account, environment.region))
        self.backup = self._key("backup", providers.backup, [])
        self.us_east_1 = self._key("us-east-1", providers.us_east_1, log_statements(account, "us-east-1"))
        self.register_outputs({"data": self.data.arn, "logs": self.logs.arn, "backup": self.backup.arn})

    def _key(self, purpose: str, provider: aws.Provider, statements: list[Statement]) -> aws.kms.Key:
        key = aws.kms.Key(
            f"{self.name}-{purpose}",
            description=f"SportCoach {self.environment.stack}: {purpose}",
            enable_key_rotation=True,
            deletion_window_in_days=30,
            policy=pulumi.Output.json_dumps(key_policy(self.environment.account_id, statements)),
            opts=self.options(provider=provider),
        )
        aws.kms.Alias(
            f"{self.name}-{purpose}",
            name=f"alias/{self.environment.name}-{purpose}",
            target_key_id=key.key_id,
            opts=self.options(provider=provider),
        )
        return key
