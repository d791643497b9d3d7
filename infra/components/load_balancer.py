"""ALB and listeners (E8, S2). sc-deploy owns the rules and target groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.component import Component, Findings
from infra.environment import Environment

# TLS 1.3, and 1.2 with forward secrecy for clients without 1.3 (CloudFront as a client of the origin).
TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
IDLE_SECONDS = 75
"""Longer than the CDN keeps an idle connection, shorter than the application has to."""
STRICT_TRANSPORT = "max-age=31536000; includeSubDomains"
MAINTENANCE_PAGE = (
    "<!doctype html><title>SportCoach</title><h1>Back in a moment</h1><p>SportCoach is being maintained.</p>"
)


UNPROTECTED: Findings = {
    ("CKV_AWS_150", "load-balancer"): "A stack without protection must be easy to delete",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadBalancerArgs:
    """`internal`: it has private addresses alone, for a VPC origin of the CDN and for the tiers.

    `log_bucket` must already let the load balancer write: `log_policy` is its policy.
    """

    internal: bool
    subnet_ids: Sequence[pulumi.Input[str]]
    security_group_id: pulumi.Input[str]
    certificate_arn: pulumi.Input[str]
    log_bucket: pulumi.Input[str]
    log_policy: pulumi.Resource
    web_acl_arn: pulumi.Input[str]


class LoadBalancer(Component):
    """Load balancer and listeners; until a release adds rules, every request gets the maintenance page."""

    def __init__(self, name: str, environment: Environment, args: LoadBalancerArgs) -> None:
        super().__init__(name, environment)
        logs = {"bucket": args.log_bucket, "prefix": "alb", "enabled": True}
        self.resource = aws.lb.LoadBalancer(
            name,
            load_balancer_type="application",
            internal=args.internal,
            subnets=list(args.subnet_ids),
            security_groups=[args.security_group_id],
            access_logs=logs,
            drop_invalid_header_fields=True,
            desync_mitigation_mode="strictest",
            enable_deletion_protection=environment.protect,
            enable_http2=True,
            idle_timeout=IDLE_SECONDS,
            opts=self.options(depends_on=[args.log_policy]),
        )
        self._redirect()
        self.listener = self._https(args.certificate_arn)
        aws.wafv2.WebAclAssociation(
            name, resource_arn=self.resource.arn, web_acl_arn=args.web_acl_arn, opts=self.options()
        )
        self.register_outputs({"dns_name": self.resource.dns_name, "listener": self.listener.arn})

    def _redirect(self) -> None:
        """Port 80 only redirects to HTTPS."""
        aws.lb.Listener(
            f"{self.name}-http",
            load_balancer_arn=self.resource.arn,
            port=80,
            protocol="HTTP",
            default_actions=[
                {
                    "type": "redirect",
                    "redirect": {"protocol": "HTTPS", "port": "443", "status_code": "HTTP_301"},
                }
            ],
            opts=self.options(),
        )

    def _https(self, certificate_arn: pulumi.Input[str]) -> aws.lb.Listener:
        return aws.lb.Listener(
            f"{self.name}-https",
            load_balancer_arn=self.resource.arn,
            port=443,
            protocol="HTTPS",
            ssl_policy=TLS_POLICY,
            certificate_arn=certificate_arn,
            default_actions=[
                {
                    "type": "fixed-response",
                    "fixed_response": {
                        "content_type": "text/html",
                        "message_body": MAINTENANCE_PAGE,
                        "status_code": "503",
                    },
                }
            ],
            routing_http_response_strict_transport_security_header_value=STRICT_TRANSPORT,
            routing_http_response_x_content_type_options_header_value="nosniff",
            opts=self.options(),
        )
