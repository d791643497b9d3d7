"""What users' browsers measure: page load times, script errors, journeys (M6)."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.component import Component, Findings
from infra.documents.policies import allow
from infra.environment import Environment

ACCEPTED: Findings = {
    (
        "CKV_AWS_366",
        "real-users",
    ): "Browsers of visitors send measurements before any login; the role may do only that",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RealUsersArgs:
    """`share` of sessions that are sampled, 0 to 1."""

    share: float


class RealUsers(Component):
    """A CloudWatch RUM monitor; pages send events as guests of an identity pool, who may do nothing else."""

    def __init__(self, name: str, environment: Environment, args: RealUsersArgs) -> None:
        super().__init__(name, environment)
        self.pool = pool = aws.cognito.IdentityPool(
            name,
            identity_pool_name=environment.name,
            allow_unauthenticated_identities=True,
            allow_classic_flow=True,
            opts=self.options(),
        )
        self.guest = guest = self.role(
            "guest",
            trust=guest_trust(pool.id),
            statements=[
                allow(["rum:PutRumEvents"], [environment.arn("rum", f"appmonitor/{environment.name}")])
            ],
        )
        aws.cognito.IdentityPoolRoleAttachment(
            name, identity_pool_id=pool.id, roles={"unauthenticated": guest.arn}, opts=self.options()
        )
        self.monitor = aws.rum.AppMonitor(
            name,
            name=environment.name,
            domain_lists=[environment.domain, f"*.{environment.domain}"],
            cw_log_enabled=True,
            app_monitor_configuration={
                "allow_cookies": True,
                "enable_xray": False,
                "guest_role_arn": guest.arn,
                "identity_pool_id": pool.id,
                "session_sample_rate": args.share,
                "telemetries": ["errors", "http", "performance"],
            },
            opts=self.options(),
        )
        self.register_outputs({"monitor": self.monitor.app_monitor_id})

    def snippet(self) -> dict[str, pulumi.Input[str]]:
        """What the page's RUM snippet is configured with; no secret ("Configuring the web client")."""
        return {
            "application_id": self.monitor.app_monitor_id,
            "guest_role_arn": self.guest.arn,
            "identity_pool_id": self.pool.id,
            "region": self.environment.region,
        }


def guest_trust(pool_id: pulumi.Input[str]) -> dict[str, object]:
    """Guests of this pool only."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Federated": "cognito-identity.amazonaws.com"},
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {
                    "StringEquals": {"cognito-identity.amazonaws.com:aud": pool_id},
                    "ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": "unauthenticated"},
                },
            }
        ],
    }
