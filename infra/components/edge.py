"""The edge: CloudFront over S3 and the balancer, and its logs (E9, S2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.component import Component, Findings
from infra.components.storage import Storage
from infra.documents.web_acl import ORIGIN_HEADER
from infra.environment import Environment
from infra.settings import EdgeSettings

# Managed policies of CloudFront; their ids are the same in every account ("Use managed policies").
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
ALL_VIEWER = "216adef6-5c7f-47e4-b989-5492eafa07d3"
CORS_S3_ORIGIN = "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf"

VIEWER_TLS = "TLSv1.3_2025"
ASSETS_PATH = "/assets/*"
KEEP_ALIVE_SECONDS = 60


ACCEPTED: Findings = {
    (
        "CKV_AWS_259",
        "edge",
    ): "Preloading binds every subdomain for years: a decision for the domain's owner, not for a stack",
    ("CKV_AWS_305", "edge"): "/ is answered by the web tier, not by an object",
    ("CKV_AWS_310", "edge"): "There is no second origin: the strategy has one region with a backup region",
    ("CKV_AWS_374", "edge"): "Users travel; the strategy restricts no country",
    ("CKV_AWS_86", "edge"): "Logged by standard logging v2 (LogDelivery), which the check does not know",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeArgs:
    """`origin` is a name of the load balancer that its certificate covers, `vpc_origin_id` the way to it,
    `origin_secret` what proves to it that we ask; certificate and web ACL are in us-east-1.
    """

    settings: EdgeSettings
    storage: Storage
    origin: str
    vpc_origin_id: pulumi.Input[str]
    origin_secret: pulumi.Input[str]
    certificate_arn: pulumi.Input[str]
    web_acl_arn: pulumi.Input[str]


class Edge(Component):
    """The distribution; requests to the load balancer are passed on uncached with all headers."""

    def __init__(self, name: str, environment: Environment, args: EdgeArgs) -> None:
        super().__init__(name, environment)
        self._args = args
        self._access = aws.cloudfront.OriginAccessControl(
            name,
            name=f"{environment.name}-assets",
            origin_access_control_origin_type="s3",
            signing_behavior="always",
            signing_protocol="sigv4",
            opts=self.options(),
        )
        self._headers = self._security_headers()
        self.distribution = self._distribution()
        self._logs()
        self.register_outputs({"domain_name": self.distribution.domain_name})

    def _distribution(self) -> aws.cloudfront.Distribution:
        domain = self.environment.domain
        return aws.cloudfront.Distribution(
            self.name,
            comment=f"SportCoach {self.environment.stack}",
            enabled=True,
            is_ipv6_enabled=True,
            http_version="http2and3",
            price_class="PriceClass_200",  # Asia without South America and Oceania
            aliases=[domain, f"www.{domain}"],
            web_acl_id=self._args.web_acl_arn,
            origins=self._origins(),
            default_cache_behavior=self._to_balancer(),
            ordered_cache_behaviors=[self._to_assets()],
            restrictions={"geo_restriction": {"restriction_type": "none"}},
            viewer_certificate={
                "acm_certificate_arn": self._args.certificate_arn,
                "ssl_support_method": "sni-only",
                "minimum_protocol_version": VIEWER_TLS,
            },
            opts=self.options(),
        )

    def _origins(self) -> list[dict[str, Any]]:
        return [
            {
                "origin_id": "balancer",
                "domain_name": self._args.origin,
                "vpc_origin_config": {
                    "vpc_origin_id": self._args.vpc_origin_id,
                    "origin_read_timeout": 60,
                    # Shorter than the balancer's: the side that sends closes first, so no request meets a
                    # connection that is about to go.
                    "origin_keepalive_timeout": KEEP_ALIVE_SECONDS,
                },
                "custom_headers": [{"name": ORIGIN_HEADER, "value": self._args.origin_secret}],
            },
            {
                "origin_id": "assets",
                "domain_name": self._args.storage.assets.resource.bucket_regional_domain_name,
                "origin_access_control_id": self._access.id,
            },
        ]

    def _to_balancer(self) -> dict[str, Any]:
        """Uncached, all viewer headers: the preview header of a release must reach the balancer."""
        return {
            "target_origin_id": "balancer",
            "viewer_protocol_policy": "redirect-to-https",
            "allowed_methods": ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"],
            "cached_methods": ["GET", "HEAD"],
            "cache_policy_id": CACHING_DISABLED,
            "origin_request_policy_id": ALL_VIEWER,
            "response_headers_policy_id": self._headers.id,
            "compress": True,
        }

    def _to_assets(self) -> dict[str, Any]:
        return {
            "path_pattern": ASSETS_PATH,
            "target_origin_id": "assets",
            "viewer_protocol_policy": "redirect-to-https",
            "allowed_methods": ["GET", "HEAD", "OPTIONS"],
            "cached_methods": ["GET", "HEAD"],
            "cache_policy_id": CACHING_OPTIMIZED,
            "origin_request_policy_id": CORS_S3_ORIGIN,
            "response_headers_policy_id": self._headers.id,
            "compress": True,
        }

    def _security_headers(self) -> aws.cloudfront.ResponseHeadersPolicy:
        return aws.cloudfront.ResponseHeadersPolicy(
            self.name,
            name=self.environment.name,
            cors_config={
                "access_control_allow_credentials": False,
                "access_control_allow_headers": {"items": ["authorization", "content-type"]},
                "access_control_allow_methods": {
                    "items": ["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"]
                },
                "access_control_allow_origins": {"items": list(self._args.settings.cors_origins)},
                "access_control_max_age_sec": 3600,
                # The application may be stricter on its own answers.
                "origin_override": False,
            },
            security_headers_config={
                "content_type_options": {"override": True},
                "frame_options": {"frame_option": "DENY", "override": False},
                "referrer_policy": {"referrer_policy": "strict-origin-when-cross-origin", "override": False},
                "strict_transport_security": {
                    "access_control_max_age_sec": 31_536_000,
                    "include_subdomains": True,
                    "override": True,
                },
            },
            opts=self.options(),
        )

    def _logs(self) -> None:
        """Access logs by standard logging v2, which unlike v1 needs no bucket ACL."""
        options = self.options(provider=self.environment.providers.us_east_1)
        name = f"{self.environment.name}-cdn"
        source = aws.cloudwatch.LogDeliverySource(
            self.name, name=name, log_type="ACCESS_LOGS", resource_arn=self.distribution.arn, opts=options
        )
        destination = aws.cloudwatch.LogDeliveryDestination(
            self.name,
            name=name,
            output_format="json",
            delivery_destination_configuration={
                "destination_resource_arn": f"{self._args.storage.logs.arn}/cdn"
            },
            opts=options,
        )
        aws.cloudwatch.LogDelivery(
            self.name,
            delivery_source_name=source.name,
            delivery_destination_arn=destination.arn,
            opts=self.options(
                provider=self.environment.providers.us_east_1, depends_on=[self._args.storage.logs.policy]
            ),
        )
