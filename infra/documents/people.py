"""Who may release: the pipeline's jobs and the operators, as trust policies (S1, S5)."""

from __future__ import annotations

from typing import Any

from infra.documents.policies import document

GITHUB = "token.actions.githubusercontent.com"


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


def operator_trust(account_id: str, permission_set: str | None) -> dict[str, Any]:
    """Users of the account with MFA no older than an hour, or those of one permission set (S1).

    The roles of IAM Identity Center carry no MFA keys: with a condition on them nobody could assume the role.
    There the second factor is asked for at sign-in ("Enforcing MFA", IAM Identity Center user guide).
    """
    condition: dict[str, dict[str, str]] = {
        "Bool": {"aws:MultiFactorAuthPresent": "true"},
        "NumericLessThan": {"aws:MultiFactorAuthAge": "3600"},
    }
    if permission_set:
        # A region may stand in the path; the suffix is Identity Center's own.
        roles = f"role/aws-reserved/sso.amazonaws.com/*AWSReservedSSO_{permission_set}_*"
        condition = {"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{account_id}:{roles}"}}
    return document(
        [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{account_id}:root"},
                "Action": "sts:AssumeRole",
                "Condition": condition,
            }
        ]
    )
