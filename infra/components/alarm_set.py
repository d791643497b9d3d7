"""CloudWatch alarms, log filters and database events, all sent to the topics (M8, M9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi_aws as aws

from bluegreen.contract import alarm_prefix, host_namespace
from infra.component import Component
from infra.components.alerts import Alerts
from infra.components.database import Database
from infra.documents.alarms import Alarm
from infra.environment import Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmSetArgs:
    """`alarms` as data, see infra/documents/alarms.py."""

    alerts: Alerts
    alarms: Sequence[Alarm]
    database: Database


class AlarmSet(Component):
    """Every alarm of a stack."""

    def __init__(self, name: str, environment: Environment, args: AlarmSetArgs) -> None:
        super().__init__(name, environment)
        self._alerts = args.alerts
        for alarm in args.alarms:
            self._alarm(alarm)
        aws.cloudwatch.LogMetricFilter(
            f"{name}-database-fatal",
            log_group_name=args.database.log_groups[0].name,
            pattern='"FATAL:"',
            metric_transformation={
                "namespace": host_namespace(environment.stack),
                "name": "DatabaseFatal",
                "value": "1",
            },
            opts=self.options(),
        )
        aws.rds.EventSubscription(
            f"{name}-database",
            sns_topic=args.alerts.critical.arn,
            source_type="db-instance",
            source_ids=[args.database.primary.identifier],
            event_categories=["availability", "failover", "failure", "low storage", "recovery"],
            opts=self.options(),
        )
        self.register_outputs({})

    def _alarm_name(self, alarm: Alarm) -> str:
        """sc-deploy recognises the alarms that hold a release by their prefix, see `alarm_prefix`."""
        return f"{alarm_prefix(self.environment.stack, holds=alarm.holds_releases)}{alarm.name}"

    def _alarm(self, alarm: Alarm) -> None:
        topic = getattr(self._alerts, alarm.severity).arn
        measured = (
            {"metric_queries": list(alarm.queries)}
            if alarm.queries
            else {
                "namespace": alarm.namespace,
                "metric_name": alarm.metric,
                "dimensions": dict(alarm.dimensions) if alarm.dimensions else None,
                "period": 60,
                # A percentile is an extended statistic to CloudWatch.
                "extended_statistic" if alarm.statistic.startswith("p") else "statistic": alarm.statistic,
            }
        )
        aws.cloudwatch.MetricAlarm(
            f"{self.name}-{alarm.name}",
            name=self._alarm_name(alarm),
            alarm_description=alarm.text,
            comparison_operator=alarm.comparison,
            threshold=alarm.threshold,
            evaluation_periods=alarm.minutes,
            datapoints_to_alarm=alarm.minutes,
            treat_missing_data=alarm.missing,
            alarm_actions=[topic],
            ok_actions=[topic],
            insufficient_data_actions=[topic] if alarm.silence_pages else [],
            opts=self.options(),
            **measured,
        )
