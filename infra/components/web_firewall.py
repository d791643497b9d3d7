"""A web ACL and its log, at the edge or at the load balancer (S3, S4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.component import Component
from infra.components.bucket import Bucket
from infra.documents.web_acl import LOGGED, REDACTED, visibility
from infra.environment import Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class WebFirewallArgs:
    """`scope` is CLOUDFRONT or REGIONAL; `log_bucket` is one that WAF may write to."""

    scope: str
    rules: pulumi.Input[Sequence[Mapping[str, Any]]]
    log_bucket: Bucket


class OwnAddresses(Component):
    """What our own hosts are seen as at the load balancer; `arn` names the set for the rules of its ACL."""

    def __init__(
        self, name: str, environment: Environment, addresses: pulumi.Input[Sequence[pulumi.Input[str]]]
    ) -> None:
        super().__init__(name, environment)
        known = aws.wafv2.IpSet(
            name, scope="REGIONAL", ip_address_version="IPV4", addresses=addresses, opts=self.options()
        )
        self.arn: pulumi.Output[str] = known.arn
        self.register_outputs({"arn": known.arn})


class WebFirewall(Component):
    """The ACL; what it blocks and counts is logged."""

    def __init__(self, name: str, environment: Environment, args: WebFirewallArgs) -> None:
        super().__init__(name, environment)
        # CloudFront's ACLs are all in us-east-1.
        providers = environment.providers
        options = self.options(
            provider=providers.us_east_1 if args.scope == "CLOUDFRONT" else providers.main,
            depends_on=[args.log_bucket.policy],
        )
        acl = aws.wafv2.WebAcl(
            name,
            scope=args.scope,
            default_action={"allow": {}},
            rules=args.rules,
            visibility_config=visibility(name),
            opts=options,
        )
        aws.wafv2.WebAclLoggingConfiguration(
            name,
            resource_arn=acl.arn,
            log_destination_configs=[args.log_bucket.arn],
            logging_filter=LOGGED,
            redacted_fields=REDACTED,
            opts=options,
        )
        self.arn: pulumi.Output[str] = acl.arn
        self.register_outputs({"arn": acl.arn})
