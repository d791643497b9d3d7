"""Releases: image repositories, the journal's table, and who may release (P2, P7, S1, S5)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from bluegreen.contract import STATE_TABLE_HASH_KEY, STATE_TABLE_RANGE_KEY
from infra.component import Component, Findings
from infra.components.encryption import Encryption
from infra.documents.deploy_policy import rules_of
from infra.documents.policies import allow, document
from infra.documents.trust import service_trust
from infra.environment import Environment
from infra.settings import DeliverySettings

GITHUB = "token.actions.githubusercontent.com"
LONGEST_RELEASE_SECONDS = 4 * 3600


ACCEPTED: Findings = {
    (
        "CKV_AWS_61",
        "delivery-operator",
    ): "Users of the account with recent MFA, limited further by their own IAM policies",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryArgs:
    """`listener_arn` is the listener whose rules the watchdog may restore."""

    settings: DeliverySettings
    keys: Encryption
    listener_arn: pulumi.Output[str]


class Delivery(Component):
    """Repositories, table, schedule group and the roles; `DeployAccess` attaches their permissions."""

    def __init__(self, name: str, environment: Environment, args: DeliveryArgs) -> None:
        super().__init__(name, environment)
        self._args = args
        if environment.account_wide:
            for repository in args.settings.repositories:
                self._repository(repository)
            self._account_wide()
        self.table_name = f"{environment.name}-deployments"
        self.table = self._table()
        self.schedule_group_name = f"{environment.name}-watchdog"
        aws.scheduler.ScheduleGroup(name, name=self.schedule_group_name, opts=self.options())
        self.watchdog = self._watchdog()
        self.deployer = self._person_or_pipeline("deploy", self._github_trust())
        self.operator = self._person_or_pipeline("operator", operator_trust(environment.account_id))
        self.register_outputs({"deploy_role": self.deployer.arn, "operator_role": self.operator.arn})

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
            statements=[allow(["elasticloadbalancing:ModifyRule"], [rules_of(self._args.listener_arn)])],
        )

    def _person_or_pipeline(self, name: str, trust: Mapping[str, Any]) -> aws.iam.Role:
        return aws.iam.Role(
            f"{self.name}-{name}",
            name=f"{self.environment.name}-{name}",
            assume_role_policy=pulumi.Output.json_dumps(trust),
            max_session_duration=LONGEST_RELEASE_SECONDS,
            opts=self.options(),
        )

    def _github_trust(self) -> dict[str, Any]:
        settings = self._args.settings
        account = self.environment.account_id
        return github_trust(
            f"arn:aws:iam::{account}:oidc-provider/{GITHUB}",
            settings.github_repository,
            settings.github_environment,
        )


def github_trust(provider_arn: str, repository: str, environment: str) -> dict[str, Any]:
    """Jobs of one repository that GitHub admitted to one environment, after its approvals."""
    return document(
        [
            {
                "Effect": "Allow",
                "Principal": {"Federated": provider_arn},
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {
                    "StringEquals": {
                        f"{GITHUB}:aud": "sts.amazonaws.com",
                        f"{GITHUB}:sub": f"repo:{repository}:environment:{environment}",
                    }
                },
            }
        ]
    )


def operator_trust(account_id: str) -> dict[str, Any]:
    """Users of the account, with MFA no older than an hour (S1)."""
    return document(
        [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{account_id}:root"},
                "Action": "sts:AssumeRole",
                "Condition": {
                    "Bool": {"aws:MultiFactorAuthPresent": "true"},
                    "NumericLessThan": {"aws:MultiFactorAuthAge": "3600"},
                },
            }
        ]
    )


def image_lifecycle() -> dict[str, Any]:
    """Keep every release; expire untagged images and old branch builds."""
    return {
        "rules": [
            {
                "rulePriority": 1,
                "description": "Untagged after two weeks",
                "selection": {
                    "tagStatus": "untagged",
                    "countType": "sinceImagePushed",
                    "countUnit": "days",
                    "countNumber": 14,
                },
                "action": {"type": "expire"},
            },
            {
                "rulePriority": 2,
                "description": "Builds of branches after a month",
                "selection": {
                    "tagStatus": "tagged",
                    "tagPrefixList": ["build-"],
                    "countType": "sinceImagePushed",
                    "countUnit": "days",
                    "countNumber": 30,
                },
                "action": {"type": "expire"},
            },
        ]
    }
