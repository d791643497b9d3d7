"""Alarms of CloudWatch as they are now, composite ones too: DescribeAlarms leaves these out by itself."""

from __future__ import annotations

from functools import partial
from typing import Any

from bluegreen.adapters.aws.session import Json, Service
from bluegreen.adapters.threads import parallel

_KINDS = {"MetricAlarm": "MetricAlarms", "CompositeAlarm": "CompositeAlarms"}


def described(cloudwatch: Service, **which: Any) -> list[Json]:
    """The alarms that `which` (parameters of DescribeAlarms) names."""
    ask = partial(cloudwatch.pages, "describe_alarms", **which)
    answers = parallel([partial(ask, key, AlarmTypes=[kind]) for kind, key in _KINDS.items()])
    return [one for answer in answers for one in answer]
