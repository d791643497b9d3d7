"""Alarms: M out of N datapoints, missing data, evaluated when somebody looks."""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable
from dataclasses import dataclass

from bluegreen.lab.cloud.clock import as_datetime
from bluegreen.lab.cloud.errors import CloudError
from bluegreen.lab.cloud.metrics.queries import Queries
from bluegreen.lab.cloud.world import Document, World, api, page, tags_from, tags_to

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
_NAMED_ONCE = ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Dimensions", "Period")


@dataclass(slots=True, kw_only=True)
class _Alarm:
    settings: Document
    tags: dict[str, str]
    state: str = "INSUFFICIENT_DATA"
    reason: str = "Unchecked: Initial alarm creation"
    changed: float = 0.0
    looked: float = 0.0


class Alarms:
    """PutMetricAlarm, DescribeAlarms, SetAlarmState, DeleteAlarms, ListTagsForResource."""

    def __init__(self, world: World, queries: Queries) -> None:
        self._world = world
        self._queries = queries
        self._alarms: dict[str, _Alarm] = {}

    @api
    def put_metric_alarm(self, params: Document) -> Document:
        settings = copy.deepcopy(params)
        if settings["ComparisonOperator"] not in _COMPARISONS or "Threshold" not in settings:
            raise CloudError("ValidationError", "A ComparisonOperator of a static Threshold is needed")
        if bool(settings.get("Metrics")) is bool(settings.get("MetricName")):
            raise CloudError("InvalidParameterCombination", "Give either MetricName or Metrics")
        if any(not one.get("MetricStat") for one in settings.get("Metrics") or ()):
            raise CloudError("ValidationError", "Metric math is not modelled")
        points: int = settings.get("DatapointsToAlarm") or settings["EvaluationPeriods"]
        settings["DatapointsToAlarm"] = points
        if not 1 <= points <= settings["EvaluationPeriods"]:
            raise CloudError("ValidationError", "DatapointsToAlarm must be within EvaluationPeriods")
        tags = tags_from(settings.pop("Tags", None))
        known = self._alarms.get(params["AlarmName"])
        if known is None:
            self._alarms[params["AlarmName"]] = _Alarm(settings=settings, tags=tags, changed=self._world.at)
        else:
            known.settings = settings
        return {}

    @api
    def describe_alarms(self, params: Document) -> Document:
        names, prefix = params.get("AlarmNames"), params.get("AlarmNamePrefix") or ""
        found = [
            (name, alarm)
            for name, alarm in sorted(self._alarms.items())
            if (not names or name in names) and name.startswith(prefix)
        ]
        for _, alarm in found:
            self._look(alarm)
        wanted = params.get("StateValue")
        found = [(name, alarm) for name, alarm in found if wanted in (None, alarm.state)]
        shown, token = page(found, size=params.get("MaxRecords") or 50, token=params.get("NextToken"))
        answer: Document = {"MetricAlarms": [self._document(*one) for one in shown], "CompositeAlarms": []}
        return answer | ({"NextToken": token} if token else {})

    @api
    def set_alarm_state(self, params: Document) -> Document:
        alarm = self._named(params["AlarmName"])
        self._change(alarm, params["StateValue"], params["StateReason"])
        alarm.looked = self._world.at
        return {}

    @api
    def delete_alarms(self, params: Document) -> Document:
        for name in params["AlarmNames"]:
            self._alarms.pop(name, None)
        return {}

    @api
    def list_tags_for_resource(self, params: Document) -> Document:
        return {"Tags": tags_to(self._named(_name_in(params["ResourceARN"])).tags)}

    def _named(self, name: str) -> _Alarm:
        if name not in self._alarms:
            raise CloudError("ResourceNotFound", f"The alarm '{name}' does not exist", 404)
        return self._alarms[name]

    def _look(self, alarm: _Alarm) -> None:
        """Evaluate at most once a period, as CloudWatch does; a set state lasts that long."""
        settings = alarm.settings
        queries = settings.get("Metrics") or [_as_query(settings)]
        period = max(one["MetricStat"]["Period"] for one in queries)
        if self._world.at - alarm.looked < period:
            return
        alarm.looked = self._world.at
        late = self._world.settings.metrics_delay_seconds
        end = (self._world.at - late) // period * period
        values, _ = self._queries.evaluate(queries, end - period * settings["EvaluationPeriods"], end)
        shown = [one["Id"] for one in queries if one.get("ReturnData", True)]
        self._judge(alarm, list(values[shown[0]].values()))

    def _judge(self, alarm: _Alarm, values: list[float]) -> None:
        settings = alarm.settings
        compare, limit = _COMPARISONS[settings["ComparisonOperator"]], settings["Threshold"]
        breaching = sum(compare(value, limit) for value in values)
        missing = settings["EvaluationPeriods"] - len(values)
        treatment = settings.get("TreatMissingData", "missing")
        if treatment == "breaching":
            breaching += missing
        if not values and treatment == "ignore":
            return
        if not values and treatment == "missing":
            self._change(alarm, "INSUFFICIENT_DATA", f"Insufficient Data: {missing} datapoints were unknown.")
            return
        state = "ALARM" if breaching >= settings["DatapointsToAlarm"] else "OK"
        self._change(alarm, state, f"Threshold Crossed: {breaching} datapoints breached {limit}.")

    def _change(self, alarm: _Alarm, state: str, reason: str) -> None:
        if state != alarm.state:
            alarm.changed = self._world.at
        alarm.state, alarm.reason = state, reason

    def _document(self, name: str, alarm: _Alarm) -> Document:
        return {
            "ActionsEnabled": True,
            "OKActions": [],
            "AlarmActions": [],
            "InsufficientDataActions": [],
            "Dimensions": [],
            **copy.deepcopy(alarm.settings),
            "AlarmArn": self._world.arn("cloudwatch", f"alarm:{name}"),
            "StateValue": alarm.state,
            "StateReason": alarm.reason,
            "StateUpdatedTimestamp": as_datetime(alarm.changed),
        }


def _as_query(settings: Document) -> Document:
    metric = {key: settings[key] for key in _NAMED_ONCE if key in settings}
    stat = settings.get("Statistic") or settings["ExtendedStatistic"]
    return {"Id": "m1", "MetricStat": {"Metric": metric, "Period": settings["Period"], "Stat": stat}}


def _name_in(arn: str) -> str:
    return arn.partition(":alarm:")[2]
