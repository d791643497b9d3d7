"""DNS records: the site at the CDN or the load balancer, and the origin's own name (E10)."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.component import Component
from infra.environment import Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What an alias record points to."""

    dns_name: pulumi.Input[str]
    zone_id: pulumi.Input[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressArgs:
    """`names` maps each name of the site to its target; `ipv6` are the names whose target supports it."""

    zone_id: pulumi.Input[str]
    names: dict[str, Target]
    ipv6: frozenset[str]


class Addresses(Component):
    """Alias records."""

    def __init__(self, name: str, environment: Environment, args: AddressArgs) -> None:
        super().__init__(name, environment)
        for host, target in args.names.items():
            label = host.removesuffix(environment.domain).rstrip(".") or "site"
            for kind in ("A", "AAAA") if host in args.ipv6 else ("A",):
                aws.route53.Record(
                    f"{name}-{label}-{kind.lower()}",
                    zone_id=args.zone_id,
                    name=host,
                    type=kind,
                    aliases=[
                        {
                            "name": target.dns_name,
                            "zone_id": target.zone_id,
                            "evaluate_target_health": False,
                        }
                    ],
                    opts=self.options(),
                )
        self.register_outputs({})
