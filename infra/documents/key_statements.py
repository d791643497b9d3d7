"""What the policies of a stack's keys grant to AWS services (S2)."""

from __future__ import annotations

from infra.documents.policies import Statement


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
