"""Security groups: load balancer to tiers, tiers to their stores, nothing else (S4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from bluegreen.contract import Tier
from infra.component import Component, Findings
from infra.components.network import Network
from infra.environment import Environment

POSTGRES, REDIS, HTTPS, HTTP = 5432, 6379, 443, 80


UNPROTECTED: Findings = {
    ("CKV_AWS_260", "firewall-alb-80"): "Without a CDN the balancer itself redirects to HTTPS",
    (
        "CKV2_AWS_5",
        "firewall-*",
    ): "One group for each store, whether or not the stack has it; nobody is let in",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """TCP traffic allowed from one group to another."""

    source: str
    target: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FirewallArgs:
    """`ports` are the tiers' ports; `stores` the tiers that may reach database and cache."""

    network: Network
    ports: Mapping[Tier, int]
    stores: frozenset[Tier]
    behind_cdn: bool


class Firewall(Component):
    """One group per tier and store; `groups` by name, e.g. `alb`, `app`, `database`."""

    def __init__(self, name: str, environment: Environment, args: FirewallArgs) -> None:
        super().__init__(name, environment)
        names = ["alb", *args.ports, "database", "cache", "search"]
        self.groups = {group: self._group(group, args.network) for group in names}
        groups = {**self.groups, "endpoints": args.network.endpoint_group}
        for flow in flows(args.ports, args.stores, internal=args.behind_cdn):
            self._flow(flow, groups)
        self._entrance(behind_cdn=args.behind_cdn)
        for tier in args.ports:
            self._way_out(tier)
        self.register_outputs({group: resource.id for group, resource in self.groups.items()})

    def _group(self, group: str, network: Network) -> aws.ec2.SecurityGroup:
        return aws.ec2.SecurityGroup(
            f"{self.name}-{group}",
            vpc_id=network.vpc.id,
            description=f"SportCoach {self.environment.stack}: {group}",
            tags={"Name": f"{self.environment.name}-{group}"},
            opts=self.options(),
        )

    def _flow(self, flow: Flow, groups: Mapping[str, aws.ec2.SecurityGroup]) -> None:
        name = f"{self.name}-{flow.source}-to-{flow.target}-{flow.port}"
        source, target = groups[flow.source].id, groups[flow.target].id
        rule = {"ip_protocol": "tcp", "from_port": flow.port, "to_port": flow.port}
        aws.vpc.SecurityGroupEgressRule(
            name,
            security_group_id=source,
            referenced_security_group_id=target,
            description=f"To {flow.target}",
            opts=self.options(),
            **rule,
        )
        aws.vpc.SecurityGroupIngressRule(
            name,
            security_group_id=target,
            referenced_security_group_id=source,
            description=f"From {flow.source}",
            opts=self.options(),
            **rule,
        )

    def _entrance(self, *, behind_cdn: bool) -> None:
        """443 from CloudFront only, or 80 and 443 from anywhere.

        CloudFront's prefix list counts as 55 of a group's 60 rules, so it fits only once, beside three tiers:
        behind a CDN, which redirects to HTTPS itself, port 80 stays closed. What comes through a VPC origin
        matches the list. The group of CloudFront's interfaces would be narrower, but comes only with them.
        """
        if behind_cdn:
            cdn = aws.ec2.get_managed_prefix_list_output(
                name="com.amazonaws.global.cloudfront.origin-facing",
                opts=pulumi.InvokeOutputOptions(parent=self, provider=self.environment.providers.main),
            )
            self._enter(HTTPS, "From CloudFront", prefix_list_id=cdn.id)
            return
        for port in (HTTP, HTTPS):
            self._enter(port, "From anywhere", cidr_ipv4="0.0.0.0/0")

    def _enter(self, port: int, description: str, **source: pulumi.Input[str]) -> None:
        aws.vpc.SecurityGroupIngressRule(
            f"{self.name}-alb-{port}",
            security_group_id=self.groups["alb"].id,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            description=description,
            opts=self.options(),
            **source,
        )

    def _way_out(self, tier: Tier) -> None:
        # AWS APIs without an endpoint and third parties use HTTPS; Ubuntu's mirrors only answer on 80
        # (packages are signed).
        for port in (HTTP, HTTPS):
            aws.vpc.SecurityGroupEgressRule(
                f"{self.name}-{tier}-out-{port}",
                security_group_id=self.groups[tier].id,
                cidr_ipv4="0.0.0.0/0",
                ip_protocol="tcp",
                from_port=port,
                to_port=port,
                description="Package mirrors" if port == HTTP else "AWS and third-party APIs",
                opts=self.options(),
            )


def flows(ports: Mapping[Tier, int], stores: frozenset[Tier], *, internal: bool) -> list[Flow]:
    """Every allowed pair. Tiers call each other through the load balancer, since their fleets come and go.

    Where it is `internal` they do so inside the VPC, else through its public addresses, as anybody does.
    """
    return [
        *(Flow(source=tier, target="alb", port=HTTPS) for tier in ports if internal),
        *(Flow(source="alb", target=tier, port=port) for tier, port in ports.items()),
        *(Flow(source=tier, target="endpoints", port=HTTPS) for tier in ports),
        *(Flow(source=tier, target="database", port=POSTGRES) for tier in ports if tier in stores),
        *(Flow(source=tier, target="cache", port=REDIS) for tier in ports if tier in stores),
    ]
