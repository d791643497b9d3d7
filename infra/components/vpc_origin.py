"""CloudFront's way to the private addresses of the load balancer (E9, S4)."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from infra.component import Component
from infra.environment import Environment


class VpcOrigin(Component):
    """An origin that is an internal load balancer; `id` is what a distribution names.

    CloudFront's developer guide, "Restrict access with VPC origins": the VPC has an internet gateway, which
    no such request uses, and every subnet of the balancer a free address for CloudFront's own interface.
    """

    def __init__(self, name: str, environment: Environment, balancer_arn: pulumi.Input[str]) -> None:
        super().__init__(name, environment)
        origin = aws.cloudfront.VpcOrigin(
            name,
            vpc_origin_endpoint_config={
                "name": environment.name,
                "arn": balancer_arn,
                "http_port": 80,
                "https_port": 443,
                "origin_protocol_policy": "https-only",
                "origin_ssl_protocols": {"items": ["TLSv1.2"], "quantity": 1},
            },
            opts=self.options(),
        )
        self.id: pulumi.Output[str] = origin.id
        self.register_outputs({"id": origin.id})
