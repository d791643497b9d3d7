"""How requests arrive: names, certificates, load balancer, and the CDN if the stack has one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from infra.components.addresses import AddressArgs, Addresses, Target
from infra.components.dns import Dns, DnsArgs
from infra.components.edge import Edge, EdgeArgs
from infra.components.load_balancer import LoadBalancer, LoadBalancerArgs
from infra.components.web_firewall import WebFirewall, WebFirewallArgs
from infra.documents import web_acl
from infra.documents.subnets import SubnetTier
from infra.environment import Environment
from infra.layers.foundation import Foundation
from infra.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontDoor:
    """The components of the layer."""

    dns: Dns
    balancer: LoadBalancer
    edge: Edge | None


def build_front_door(
    settings: Settings, environment: Environment, config: pulumi.Config, foundation: Foundation
) -> FrontDoor:
    """Build the layer."""
    log_days, behind_cdn = settings.telemetry.log_days, settings.edge is not None
    dns = Dns(
        "dns",
        environment,
        DnsArgs(logs_key=foundation.keys.us_east_1.arn, log_days=log_days, for_cdn=behind_cdn),
    )
    logs = foundation.storage.logs
    secrets = origin_values(config.require_secret("originSecret")) if behind_cdn else None
    balancer = LoadBalancer(
        "load-balancer",
        environment,
        LoadBalancerArgs(
            subnet_ids=foundation.network.subnets[SubnetTier.PUBLIC],
            security_group_id=foundation.firewall.groups["alb"].id,
            certificate_arn=dns.certificate_arn,
            log_bucket=logs.id,
            log_policy=logs.policy,
            web_acl_arn=_origin_firewall(settings, environment, foundation, secrets),
        ),
    )
    edge = _edge(settings, environment, foundation, dns, secrets)
    _addresses(settings, environment, FrontDoor(dns=dns, balancer=balancer, edge=edge))
    return FrontDoor(dns=dns, balancer=balancer, edge=edge)


def origin_values(secret: pulumi.Output[str]) -> pulumi.Output[list[str]]:
    """The values that the load balancer accepts; the first is the one that the CDN sends."""
    values: pulumi.Output[list[str]] = secret.apply(lambda text: text.split(","))
    return values


def _origin_firewall(
    settings: Settings,
    environment: Environment,
    foundation: Foundation,
    secrets: pulumi.Output[list[str]] | None,
) -> pulumi.Output[str]:
    """At the load balancer: behind a CDN only our own may ask, else each address has its limit."""
    rules: pulumi.Input[Sequence[Mapping[str, Any]]] = []
    if secrets is not None:
        rules = secrets.apply(lambda values: web_acl.rules(web_acl.from_our_cdn(values)))
    elif settings.load_balancer is not None:
        rules = web_acl.rules(web_acl.rate_limit(settings.load_balancer.rate_limit))
    args = WebFirewallArgs(scope="REGIONAL", rules=rules, log_bucket=foundation.storage.firewall_logs)
    arn: pulumi.Output[str] = WebFirewall("origin-firewall", environment, args).arn
    return arn


def _edge(
    settings: Settings,
    environment: Environment,
    foundation: Foundation,
    dns: Dns,
    secrets: pulumi.Output[list[str]] | None,
) -> Edge | None:
    if settings.edge is None or dns.cdn_certificate_arn is None or secrets is None:
        return None
    firewall = WebFirewall(
        "edge-firewall",
        environment,
        WebFirewallArgs(
            scope="CLOUDFRONT",
            rules=web_acl.rules(web_acl.rate_limit(settings.edge.rate_limit)),
            log_bucket=foundation.storage.firewall_logs,
        ),
    )
    return Edge(
        "edge",
        environment,
        EdgeArgs(
            settings=settings.edge,
            storage=foundation.storage,
            origin=f"origin.{settings.domain}",
            origin_secret=secrets[0],
            certificate_arn=dns.cdn_certificate_arn,
            web_acl_arn=firewall.arn,
        ),
    )


def _addresses(settings: Settings, environment: Environment, door: FrontDoor) -> None:
    balancer = Target(dns_name=door.balancer.resource.dns_name, zone_id=door.balancer.resource.zone_id)
    names = dict.fromkeys((settings.domain, f"www.{settings.domain}"), balancer)
    ipv6: frozenset[str] = frozenset()  # the load balancer has IPv4 only
    if door.edge:
        cdn = door.edge.distribution
        names = dict.fromkeys(names, Target(dns_name=cdn.domain_name, zone_id=cdn.hosted_zone_id))
        ipv6 = frozenset(names)
        names[f"origin.{settings.domain}"] = balancer
    Addresses("addresses", environment, AddressArgs(zone_id=door.dns.zone.zone_id, names=names, ipv6=ipv6))
