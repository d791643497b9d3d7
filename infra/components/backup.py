"""Copies that survive a mistake or the loss of a region, and weekly restore tests (A5, E1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.component import Component
from infra.components.encryption import Encryption
from infra.documents.event_patterns import BACKUP
from infra.documents.trust import service_trust
from infra.environment import Environment
from infra.settings import BackupSettings

SERVICE_POLICIES = (
    "service-role/AWSBackupServiceRolePolicyForBackup",
    "service-role/AWSBackupServiceRolePolicyForRestores",
    "AWSBackupServiceRolePolicyForS3Backup",
    "AWSBackupServiceRolePolicyForS3Restore",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What is restored every week as a test: resources of one kind, and what AWS Backup cannot infer."""

    kind: str
    """AWS Backup's word: `RDS`, `DynamoDB`, `S3`."""
    resources: Sequence[pulumi.Input[str]]
    overrides: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """Restore metadata; without it a database goes to the default VPC, which the stack does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupArgs:
    """`resources` are ARNs to back up; `verified` are those that are restored every week as a test."""

    settings: BackupSettings
    keys: Encryption
    resources: Sequence[pulumi.Input[str]]
    verified: Sequence[Verified]
    alerts_topic_arn: pulumi.Input[str]


class Backup(Component):
    """A vault here, one in the backup region, the backup plan, and restore tests."""

    def __init__(self, name: str, environment: Environment, args: BackupArgs) -> None:
        super().__init__(name, environment)
        self._args = args
        self.vault = aws.backup.Vault(
            name, name=environment.name, kms_key_arn=args.keys.data.arn, opts=self.options()
        )
        copies: aws.backup.Vault | None = None
        if args.settings.copy_days:
            copies = aws.backup.Vault(
                f"{name}-copies",
                name=f"{environment.name}-copies",
                kms_key_arn=args.keys.backup.arn,
                opts=self.options(provider=environment.providers.backup),
            )
        plan = aws.backup.Plan(name, name=environment.name, rules=self._rules(copies), opts=self.options())
        self._role = self.role(
            "service",
            trust=service_trust("backup.amazonaws.com", account_id=environment.account_id),
            managed=SERVICE_POLICIES,
        )
        aws.backup.Selection(
            name,
            name=environment.name,
            plan_id=plan.id,
            iam_role_arn=self._role.arn,
            resources=list(args.resources),
            opts=self.options(),
        )
        self.notify(
            f"{name}-failed",
            "A backup, a copy or a restore test did not succeed",
            pattern=BACKUP,
            topic_arn=args.alerts_topic_arn,
        )
        self._restore_tests()
        self.register_outputs({"vault": self.vault.name})

    def _rules(self, copies: aws.backup.Vault | None) -> list[dict[str, Any]]:
        settings = self._args.settings
        daily: dict[str, Any] = {
            "rule_name": "daily",
            "target_vault_name": self.vault.name,
            "schedule": "cron(0 15 * * ? *)",  # midnight in Tokyo
            "start_window": 60,
            "completion_window": 360,
            "lifecycle": {"delete_after": settings.daily_days},
        }
        if copies is not None:
            daily["copy_actions"] = [
                {
                    "destination_vault_arn": copies.arn,
                    "lifecycle": {"delete_after": settings.copy_days},
                }
            ]
        if not settings.monthly_days:
            return [daily]
        monthly = {
            **daily,
            "rule_name": "monthly",
            "schedule": "cron(0 20 1 * ? *)",
            "lifecycle": {"delete_after": settings.monthly_days},
        }
        return [daily, monthly]

    def _restore_tests(self) -> None:
        """Every week AWS Backup restores the newest copy of each, and deletes it again."""
        name = f"{self.environment.name}_restore".replace("-", "_")
        plan = aws.backup.RestoreTestingPlan(
            self.name,
            name=name,
            schedule_expression="cron(0 3 ? * MON *)",
            recovery_point_selection={
                "algorithm": "LATEST_WITHIN_WINDOW",
                "include_vaults": [self.vault.arn],
                "recovery_point_types": ["SNAPSHOT", "CONTINUOUS"],
                "selection_window_days": 7,
            },
            opts=self.options(),
        )
        for one in self._args.verified:
            aws.backup.RestoreTestingSelection(
                f"{self.name}-{one.kind.lower()}",
                name=f"{name}_{one.kind.lower()}",
                restore_testing_plan_name=plan.name,
                iam_role_arn=self._role.arn,
                protected_resource_type=one.kind,
                protected_resource_arns=list(one.resources),
                restore_metadata_overrides=dict(one.overrides) or None,
                validation_window_hours=4,
                opts=self.options(),
            )
