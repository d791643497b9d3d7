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
from infra.components.vpc_origin import VpcOrigin
from infra.components.web_firewall import OwnAddresses, WebFirewall, WebFirewallArgs
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What the CDN has behind it."""

    dns: Dns
    balancer: LoadBalancer
    secrets: pulumi.Output[list[str]] | None


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
            internal=behind_cdn,
            subnet_ids=foundation.network.subnets[SubnetTier.PRIVATE if behind_cdn else SubnetTier.PUBLIC],
            security_group_id=foundation.firewall.groups["alb"].id,
            certificate_arn=dns.certificate_arn,
            log_bucket=logs.id,
            log_policy=logs.policy,
            web_acl_arn=_origin_firewall(settings, environment, foundation, secrets),
        ),
    )
    edge = _edge(settings, environment, foundation, Origin(dns=dns, balancer=balancer, secrets=secrets))
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
    """At the load balancer: behind a CDN only our own may ask, else each address has its limit.

    Neither is for the tiers: what they ask of each other comes from few addresses, and through no CDN.
    """
    rules: pulumi.Input[Sequence[Mapping[str, Any]]] = []
    if secrets is not None:
        own = OwnAddresses("own-addresses", environment, [settings.network.cidr]).arn
        rules = pulumi.Output.all(secrets, own).apply(
            lambda known: web_acl.rules(web_acl.from_our_cdn(known[0], own=known[1]))
        )
    elif settings.load_balancer is not None:
        limit = settings.load_balancer.rate_limit
        exits = [pulumi.Output.concat(one, "/32") for one in foundation.network.exit_addresses]
        own = OwnAddresses("own-addresses", environment, exits).arn
        rules = own.apply(lambda arn: web_acl.rules(web_acl.rate_limit(limit, own=arn)))
    args = WebFirewallArgs(scope="REGIONAL", rules=rules, log_bucket=foundation.storage.firewall_logs)
    arn: pulumi.Output[str] = WebFirewall("origin-firewall", environment, args).arn
    return arn


def _edge(
    settings: Settings, environment: Environment, foundation: Foundation, origin: Origin
) -> Edge | None:
    if settings.edge is None or origin.dns.cdn_certificate_arn is None or origin.secrets is None:
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
            origin=settings.internal_name,
            vpc_origin_id=VpcOrigin("vpc-origin", environment, origin.balancer.resource.arn).id,
            origin_secret=origin.secrets[0],
            certificate_arn=origin.dns.cdn_certificate_arn,
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
        names[settings.internal_name] = balancer
    Addresses("addresses", environment, AddressArgs(zone_id=door.dns.zone.zone_id, names=names, ipv6=ipv6))
