"""The dashboard a person opens first."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.component import Component
from infra.documents.dashboard_body import body
from infra.environment import Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardArgs:
    """`balancer` is the suffix of the balancer's ARN, as CloudWatch names it."""

    balancer: pulumi.Output[str]
    tiers: Sequence[str]
    database: str
    cache_nodes: Sequence[str]


class Dashboard(Component):
    """One CloudWatch dashboard; `url` opens it."""

    def __init__(self, name: str, environment: Environment, args: DashboardArgs) -> None:
        super().__init__(name, environment)
        aws.cloudwatch.Dashboard(
            name,
            dashboard_name=environment.name,
            dashboard_body=args.balancer.apply(
                lambda balancer: json.dumps(
                    body(
                        stack=environment.stack,
                        region=environment.region,
                        balancer=balancer,
                        tiers=args.tiers,
                        database=args.database,
                        cache_nodes=args.cache_nodes,
                    )
                )
            ),
            opts=self.options(),
        )
        self.url = (
            f"https://{environment.region}.console.aws.amazon.com/cloudwatch/home"
            f"?region={environment.region}#dashboards/dashboard/{environment.name}"
        )
        self.register_outputs({"url": self.url})
