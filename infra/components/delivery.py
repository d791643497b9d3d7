"""Releases: the journal's table, the watchdog, and who may release (P7, S1, S5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from bluegreen.contract import STATE_TABLE_HASH_KEY, STATE_TABLE_RANGE_KEY
from infra.component import Component, Findings
from infra.components.encryption import Encryption
from infra.documents.deploy_policy import rules_of
from infra.documents.people import GITHUB, github_trust, operator_trust
from infra.documents.policies import allow
from infra.documents.trust import service_trust
from infra.environment import Environment
from infra.settings import DeliverySettings

LONGEST_RELEASE_SECONDS = 4 * 3600
DEAD_LETTER_SECONDS = 14 * 24 * 3600
"""The longest that SQS keeps a message."""


ACCEPTED: Findings = {
    (
        "CKV_AWS_61",
        "delivery-operator",
    ): "Users of the account with recent MFA, limited further by their own IAM policies",
    (
        "CKV_AWS_61",
        "delivery-restore",
    ): "As the operator's: people alone, with recent MFA",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryArgs:
    """`listener_arn` is the listener whose rules the watchdog may restore."""

    settings: DeliverySettings
    keys: Encryption
    listener_arn: pulumi.Output[str]


class Delivery(Component):
    """Table, schedule group and the roles; `DeployAccess` attaches their permissions."""

    def __init__(self, name: str, environment: Environment, args: DeliveryArgs) -> None:
        super().__init__(name, environment)
        self._args = args
        self.table_name = f"{environment.name}-deployments"
        self.table = self._table()
        self.schedule_group_name = f"{environment.name}-watchdog"
        self.dead_letter_name = f"{self.schedule_group_name}-failed"
        aws.scheduler.ScheduleGroup(name, name=self.schedule_group_name, opts=self.options())
        self.dead_letters = self._dead_letters()
        self.watchdog = self._watchdog()
        github = args.settings.github_environment
        self.deployer = self._person_or_pipeline("deploy", self._github_trust(github))
        # Reviewers are asked before a job starts: what they decide on must be known by then.
        self.planner = self._person_or_pipeline("plan", self._github_trust(f"{github}-plan"))
        self.operator = self._person_or_pipeline(
            "operator", operator_trust(environment.account_id, args.settings.permission_set)
        )
        self.restorer = self._person_or_pipeline(
            "restore", operator_trust(environment.account_id, args.settings.permission_set)
        )
        roles = {
            "deploy": self.deployer,
            "plan": self.planner,
            "operator": self.operator,
            "restore": self.restorer,
        }
        self.register_outputs({f"{name}_role": role.arn for name, role in roles.items()})

    def _table(self) -> aws.dynamodb.Table:
        return aws.dynamodb.Table(
            self.name,
            name=self.table_name,
            billing_mode="PAY_PER_REQUEST",
            hash_key=STATE_TABLE_HASH_KEY,
            range_key=STATE_TABLE_RANGE_KEY,
            attributes=[
                {"name": STATE_TABLE_HASH_KEY, "type": "S"},
                {"name": STATE_TABLE_RANGE_KEY, "type": "S"},
            ],
            point_in_time_recovery={"enabled": True},
            server_side_encryption={"enabled": True, "kms_key_arn": self._args.keys.data.arn},
            deletion_protection_enabled=self.environment.protect,
            opts=self.options(),
        )

    def _dead_letters(self) -> aws.sqs.Queue:
        """Weights that the watchdog could not restore; its alarm pages, see `watchdog_alarms`."""
        return aws.sqs.Queue(
            f"{self.name}-watchdog-failed",
            name=self.dead_letter_name,
            message_retention_seconds=DEAD_LETTER_SECONDS,
            sqs_managed_sse_enabled=True,
            opts=self.options(),
        )

    def _watchdog(self) -> aws.iam.Role:
        """EventBridge Scheduler restores the weights when a deployer dies; it may do nothing else."""
        environment = self.environment
        return self.role(
            "watchdog",
            trust=service_trust(
                "scheduler.amazonaws.com",
                account_id=environment.account_id,
                source_arn=environment.arn("scheduler", f"schedule-group/{self.schedule_group_name}"),
            ),
            statements=[
                allow(["elasticloadbalancing:ModifyRule"], [rules_of(self._args.listener_arn)]),
                allow(["sqs:SendMessage"], [self.dead_letters.arn], sid="WhatFailed"),
            ],
        )

    def _person_or_pipeline(self, name: str, trust: Mapping[str, Any]) -> aws.iam.Role:
        return aws.iam.Role(
            f"{self.name}-{name}",
            name=f"{self.environment.name}-{name}",
            assume_role_policy=pulumi.Output.json_dumps(trust),
            max_session_duration=LONGEST_RELEASE_SECONDS,
            opts=self.options(),
        )

    def _github_trust(self, github_environment: str) -> dict[str, Any]:
        settings = self._args.settings
        account = self.environment.account_id
        return github_trust(
            f"arn:aws:iam::{account}:oidc-provider/{GITHUB}",
            settings.github_repository,
            github_environment,
        )
