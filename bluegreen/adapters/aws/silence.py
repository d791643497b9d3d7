"""Which metrics have no datapoint: asked of CloudWatch in as few calls as it takes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from bluegreen.adapters.aws.session import Json, Session
from bluegreen.contract import Published

LATELY_SECONDS = 900
"""The agent sends every minute, AWS's services every minute or five, and CloudWatch is late by minutes."""
_PERIOD = 300
_MOST_QUERIES = 500
"""Of one GetMetricData."""


def silent_metrics(session: Session, published: Sequence[Published], now: float) -> tuple[str, ...]:
    """Of every name that is `published` those without a datapoint in the last LATELY_SECONDS."""
    wanted = [(one, name) for one in published for name in one.names]
    silent: list[str] = []
    for start in range(0, len(wanted), _MOST_QUERIES):
        part = wanted[start : start + _MOST_QUERIES]
        results = session.service("cloudwatch").pages(
            "get_metric_data",
            "MetricDataResults",
            MetricDataQueries=[_query(number, one, name) for number, (one, name) in enumerate(part)],
            StartTime=datetime.fromtimestamp(now - LATELY_SECONDS, tz=UTC),
            EndTime=datetime.fromtimestamp(now, tz=UTC),
        )
        heard = {result["Id"] for result in results if result["Values"]}
        silent += [_words(one, name) for number, (one, name) in enumerate(part) if f"m{number}" not in heard]
    return tuple(silent)


def _query(number: int, one: Published, name: str) -> Json:
    dimensions = [{"Name": key, "Value": value} for key, value in sorted(one.dimensions.items())]
    metric = {"Namespace": one.namespace, "MetricName": name, "Dimensions": dimensions}
    stat = {"Metric": metric, "Period": _PERIOD, "Stat": "SampleCount"}
    return {"Id": f"m{number}", "MetricStat": stat}


def _words(one: Published, name: str) -> str:
    where = ", ".join(f"{key} {value}" for key, value in sorted(one.dimensions.items()))
    return f"{one.namespace} {name} ({where})"
