"""The site as users see it: probed from several continents, with a page when it is down (M8)."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi_aws as aws

from bluegreen.contract import alarm_prefix
from infra.component import Component
from infra.documents.alarms import runbook
from infra.environment import Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideArgs:
    """`path` is served by the tier behind `/*`; `topic` is in us-east-1, as Route 53's metrics are."""

    path: str
    topic: aws.sns.Topic


class Outside(Component):
    """A Route 53 health check and its alarm: they notice what nothing inside can, such as broken DNS."""

    def __init__(self, name: str, environment: Environment, args: OutsideArgs) -> None:
        super().__init__(name, environment)
        check = aws.route53.HealthCheck(
            name,
            type="HTTPS",
            fqdn=environment.domain,
            port=443,
            resource_path=args.path,
            enable_sni=True,
            request_interval=30,
            failure_threshold=3,
            tags={"Name": environment.name},
            opts=self.options(),
        )
        aws.cloudwatch.MetricAlarm(
            name,
            name=f"{alarm_prefix(environment.stack, holds=True)}outside",
            alarm_description=f"https://{environment.domain} cannot be reached from outside (M8)."
            f" {runbook('outside')}",
            namespace="AWS/Route53",
            metric_name="HealthCheckStatus",
            dimensions={"HealthCheckId": check.id},
            statistic="Minimum",
            comparison_operator="LessThanThreshold",
            threshold=1,
            period=60,
            evaluation_periods=2,
            datapoints_to_alarm=2,
            treat_missing_data="breaching",
            alarm_actions=[args.topic.arn],
            ok_actions=[args.topic.arn],
            opts=self.options(provider=environment.providers.us_east_1),
        )
        self.register_outputs({"check": check.id})
