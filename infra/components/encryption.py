"""Keys: one for data, one for logs and alerts, and one in each other region (S2)."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from infra.component import Component
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
            opts=self.options(provider=provider, protect=True),
        )
        aws.kms.Alias(
            f"{self.name}-{purpose}",
            name=f"alias/{self.environment.name}-{purpose}",
            target_key_id=key.key_id,
            opts=self.options(provider=provider),
        )
        return key


def data_statements(account_id: str, region: str) -> list[Statement]:
    """What AWS services need in addition to the account's IAM policies."""
    return [
        {
            # Auto Scaling's service-linked role has no kms rights of its own, and naming it here would
            # fail in an account where it does not exist yet. AWS's own `aws/ebs` key does the same.
            "Sid": "EncryptedVolumesOfFleets",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": [
                "kms:CreateGrant",
                "kms:Decrypt",
                "kms:DescribeKey",
                "kms:GenerateDataKey*",
                "kms:ReEncrypt*",
            ],
            "Resource": "*",
            "Condition": {
                "StringEquals": {
                    "kms:CallerAccount": account_id,
                    "kms:ViaService": f"ec2.{region}.amazonaws.com",
                }
            },
        },
        {
            # Macie searches for personal data (S6). Its service-linked role may not exist yet, as above.
            "Sid": "MacieReadsTrainingData",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": ["kms:Decrypt"],
            "Resource": "*",
            "Condition": {
                "StringEquals": {"kms:CallerAccount": account_id},
                "ArnEquals": {
                    "aws:PrincipalArn": f"arn:aws:iam::{account_id}:role/aws-service-role/"
                    "macie.amazonaws.com/AWSServiceRoleForAmazonMacie"
                },
            },
        },
        {
            "Sid": "CdnReadsAssets",
            "Effect": "Allow",
            "Principal": {"Service": "cloudfront.amazonaws.com"},
            "Action": ["kms:Decrypt"],
            "Resource": "*",
            "Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:cloudfront::{account_id}:distribution/*"}},
        },
    ]


def log_statements(account_id: str, region: str) -> list[Statement]:
    """Log groups of this account and region, the services that publish alerts, and the trail."""
    return [
        {
            "Sid": "LogGroups",
            "Effect": "Allow",
            "Principal": {"Service": f"logs.{region}.amazonaws.com"},
            "Action": [
                "kms:Decrypt",
                "kms:DescribeKey",
                "kms:Encrypt",
                "kms:GenerateDataKey*",
                "kms:ReEncrypt*",
            ],
            "Resource": "*",
            "Condition": {
                "ArnLike": {"kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:{region}:{account_id}:*"}
            },
        },
        {
            "Sid": "Alerts",
            "Effect": "Allow",
            "Principal": {
                "Service": [
                    "aps.amazonaws.com",
                    "cloudwatch.amazonaws.com",
                    "events.rds.amazonaws.com",
                ]
            },
            "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:SourceAccount": account_id}},
        },
        {
            # EventBridge sends no source account for an encrypted topic either (SNS guide, "Key management").
            "Sid": "SecurityFindings",
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
            "Resource": "*",
        },
        {
            "Sid": "AuditTrail",
            "Effect": "Allow",
            "Principal": {"Service": "cloudtrail.amazonaws.com"},
            "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey*"],
            "Resource": "*",
            "Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:cloudtrail:*:{account_id}:trail/*"}},
        },
    ]
