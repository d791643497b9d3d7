"""Managed Prometheus: the workspace that instances write to every 15 s, and its rules (M1, M7, M8, M9)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.component import Component
from infra.components.alerts import Alerts
from infra.documents.alert_rules import alert_manager, rule_groups
from infra.environment import Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusArgs:
    """`tiers` each get a rule; `has_ai` adds the rules for the AI tier."""

    alerts: Alerts
    logs_key: pulumi.Input[str]
    log_days: int
    tiers: Sequence[str]
    has_ai: bool


class Prometheus(Component):
    """Workspace, alert rules, and the alert manager that sends alerts to the topics."""

    def __init__(self, name: str, environment: Environment, args: PrometheusArgs) -> None:
        super().__init__(name, environment)
        group = self.log_group(
            "logs", f"/aws/prometheus/{environment.name}", days=args.log_days, key=args.logs_key
        )
        self.workspace = aws.amp.Workspace(
            name,
            alias=environment.name,
            kms_key_arn=args.logs_key,
            logging_configuration={"log_group_arn": pulumi.Output.concat(group.arn, ":*")},
            opts=self.options(),
        )
        aws.amp.RuleGroupNamespace(
            name,
            name="sportcoach",
            workspace_id=self.workspace.id,
            data=json.dumps(rule_groups(args.tiers, has_ai=args.has_ai), indent=1),  # JSON is YAML
            opts=self.options(),
        )
        aws.amp.AlertManagerDefinition(
            name,
            workspace_id=self.workspace.id,
            definition=pulumi.Output.all(args.alerts.critical.arn, args.alerts.warning.arn).apply(
                lambda topics: alert_manager(topics[0], topics[1], environment.region)
            ),
            opts=self.options(),
        )
        self.register_outputs({"workspace": self.workspace.id})
