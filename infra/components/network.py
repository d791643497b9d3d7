"""The network: three subnet tiers, routes to the internet, endpoints and flow logs (E11, S4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.component import Component, Findings
from infra.documents.policies import allow
from infra.documents.subnets import SubnetTier, carve
from infra.documents.trust import service_trust
from infra.environment import Environment
from infra.settings import NetworkSettings

UNPROTECTED: Findings = {
    ("CKV2_AWS_5", "network-endpoints"): "The group is there before the first endpoint is switched on",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkArgs:
    """`logs_key` encrypts the flow logs."""

    settings: NetworkSettings
    logs_key: pulumi.Input[str]


class Network(Component):
    """VPC, subnets, routes, endpoints and flow logs; `subnets` are ids by tier, in the order of zones,
    `exit_addresses` what the world sees private hosts as.
    """

    def __init__(self, name: str, environment: Environment, args: NetworkArgs) -> None:
        super().__init__(name, environment)
        self._settings = args.settings
        self.vpc = aws.ec2.Vpc(
            name,
            cidr_block=args.settings.cidr,
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags={"Name": environment.name},
            opts=self.options(),
        )
        # Whatever is created without a group must reach nothing.
        aws.ec2.DefaultSecurityGroup(name, vpc_id=self.vpc.id, opts=self.options())
        self.subnets = {tier: self._tier(tier) for tier in SubnetTier}
        self._route_tables = self._routes()
        self.endpoint_group = self._endpoints()
        self._flow_logs(args.logs_key)
        self.register_outputs({"vpc": self.vpc.id})

    def _tier(self, tier: SubnetTier) -> list[pulumi.Output[str]]:
        settings = self._settings
        return [
            aws.ec2.Subnet(
                f"{self.name}-{tier}-{zone[-1]}",
                vpc_id=self.vpc.id,
                availability_zone=zone,
                cidr_block=cidr,
                # Launch templates assign addresses, so that nothing gets one by accident.
                map_public_ip_on_launch=False,
                tags={"Name": f"{self.environment.name}-{tier}-{zone[-1]}"},
                opts=self.options(),
            ).id
            for zone, cidr in zip(
                settings.zones, carve(settings.cidr, len(settings.zones))[tier], strict=True
            )
        ]

    def _routes(self) -> list[pulumi.Output[str]]:
        gateway = aws.ec2.InternetGateway(self.name, vpc_id=self.vpc.id, opts=self.options())
        public = self._table("public", {"gateway_id": gateway.id}, self.subnets[SubnetTier.PUBLIC])
        self.exit_addresses: list[pulumi.Output[str]] = []
        exits = [self._nat(index, gateway) for index in range(self._settings.nat_gateways)]
        private = [
            # One gateway per zone if there are enough, so that losing a zone affects that zone only.
            self._table(f"private-{index}", {"nat_gateway_id": exits[index % len(exits)].id}, [subnet])
            for index, subnet in enumerate(self.subnets[SubnetTier.PRIVATE])
        ]
        # The data subnets have no route to the internet.
        return [public, *private, self._table("data", None, self.subnets[SubnetTier.DATA])]

    def _nat(self, index: int, gateway: aws.ec2.InternetGateway) -> aws.ec2.NatGateway:
        name = f"{self.name}-nat-{index}"
        address = aws.ec2.Eip(name, domain="vpc", opts=self.options(depends_on=[gateway]))
        self.exit_addresses.append(address.public_ip)
        return aws.ec2.NatGateway(
            name,
            allocation_id=address.id,
            subnet_id=self.subnets[SubnetTier.PUBLIC][index],
            opts=self.options(depends_on=[gateway]),
        )

    def _table(
        self,
        name: str,
        default: Mapping[str, pulumi.Input[str]] | None,
        subnets: list[pulumi.Output[str]],
    ) -> pulumi.Output[str]:
        name = f"{self.name}-{name}"
        table = aws.ec2.RouteTable(name, vpc_id=self.vpc.id, tags={"Name": name}, opts=self.options())
        if default:
            aws.ec2.Route(
                name,
                route_table_id=table.id,
                destination_cidr_block="0.0.0.0/0",
                opts=self.options(),
                **default,
            )
        for index, subnet in enumerate(subnets):
            aws.ec2.RouteTableAssociation(
                f"{name}-{index}", route_table_id=table.id, subnet_id=subnet, opts=self.options()
            )
        table_id: pulumi.Output[str] = table.id
        return table_id

    def _endpoints(self) -> aws.ec2.SecurityGroup:
        for service in ("s3", "dynamodb"):
            aws.ec2.VpcEndpoint(
                f"{self.name}-{service}",
                vpc_id=self.vpc.id,
                service_name=f"com.amazonaws.{self.environment.region}.{service}",
                vpc_endpoint_type="Gateway",
                route_table_ids=self._route_tables,
                opts=self.options(),
            )
        group = aws.ec2.SecurityGroup(
            f"{self.name}-endpoints",
            vpc_id=self.vpc.id,
            description="Interface endpoints of AWS services",
            opts=self.options(),
        )
        for service in self._settings.interface_endpoints:
            aws.ec2.VpcEndpoint(
                f"{self.name}-{service.replace('.', '-')}",
                vpc_id=self.vpc.id,
                service_name=f"com.amazonaws.{self.environment.region}.{service}",
                vpc_endpoint_type="Interface",
                private_dns_enabled=True,
                subnet_ids=self.subnets[SubnetTier.PRIVATE],
                security_group_ids=[group.id],
                opts=self.options(),
            )
        return group

    def _flow_logs(self, key: pulumi.Input[str]) -> None:
        group = self.log_group(
            "flow", f"{self.environment.path}/vpc-flow", days=self._settings.flow_log_days, key=key
        )
        role = self.role(
            "flow-logs",
            trust=service_trust("vpc-flow-logs.amazonaws.com", account_id=self.environment.account_id),
            statements=[
                allow(
                    ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
                    [group.arn, pulumi.Output.concat(group.arn, ":*")],
                )
            ],
        )
        aws.ec2.FlowLog(
            self.name,
            vpc_id=self.vpc.id,
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_destination=group.arn,
            iam_role_arn=role.arn,
            max_aggregation_interval=60,
            opts=self.options(),
        )
