"""How requests arrive: names, certificates, load balancer, and the CDN if the stack has one."""

from __future__ import annotations

from dataclasses import dataclass

from infra.components.addresses import AddressArgs, Addresses, Target
from infra.components.dns import Dns, DnsArgs
from infra.components.edge import Edge, EdgeArgs
from infra.components.load_balancer import LoadBalancer, LoadBalancerArgs
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


def build_front_door(settings: Settings, environment: Environment, foundation: Foundation) -> FrontDoor:
    """Build the layer."""
    log_days, behind_cdn = settings.telemetry.log_days, settings.edge is not None
    dns = Dns(
        "dns",
        environment,
        DnsArgs(logs_key=foundation.keys.us_east_1.arn, log_days=log_days, for_cdn=behind_cdn),
    )
    logs = foundation.storage.logs
    balancer = LoadBalancer(
        "load-balancer",
        environment,
        LoadBalancerArgs(
            settings=settings.load_balancer,
            subnet_ids=foundation.network.subnets[SubnetTier.PUBLIC],
            security_group_id=foundation.firewall.groups["alb"].id,
            certificate_arn=dns.certificate_arn,
            log_bucket=logs.id,
            log_policy=logs.policy,
            logs_key=foundation.keys.logs.arn,
            log_days=log_days,
            behind_cdn=behind_cdn,
        ),
    )
    edge = _edge(settings, environment, foundation, dns)
    _addresses(settings, environment, FrontDoor(dns=dns, balancer=balancer, edge=edge))
    return FrontDoor(dns=dns, balancer=balancer, edge=edge)


def _edge(settings: Settings, environment: Environment, foundation: Foundation, dns: Dns) -> Edge | None:
    if settings.edge is None or dns.cdn_certificate_arn is None:
        return None
    return Edge(
        "edge",
        environment,
        EdgeArgs(
            settings=settings.edge,
            storage=foundation.storage,
            origin=f"origin.{settings.domain}",
            certificate_arn=dns.cdn_certificate_arn,
            logs_key=foundation.keys.us_east_1.arn,
            log_days=settings.telemetry.log_days,
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
