"""`ports.OwnChecks`: the values of own checks, and which of the watched alarms fire."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import floor, isfinite
from typing import NamedTuple

from bluegreen.adapters.aws.alarm_states import described
from bluegreen.adapters.aws.session import Json, Session
from bluegreen.adapters.metrics.cloudwatch_queries import MetricMath, Series, read_series
from bluegreen.adapters.metrics.prometheus_api import PrometheusApi
from bluegreen.adapters.metrics.selectors import names_of
from bluegreen.adapters.threads import parallel
from bluegreen.domain.readings import Point, Readings
from bluegreen.domain.release import Color
from bluegreen.errors import CloudUnavailable, LoggedOut, Refused
from bluegreen.policy import PROMETHEUS_ALERT, CloudWatchQuery, OwnCheck, Policy
from bluegreen.policy.checks import CloudWatchMetric, filled, region_of
from bluegreen.ports import Arms, Clock, Collected

_LATE = 3
"""Periods by which a datapoint may be later than `judge.settle` before there is no data."""


class _Asked(NamedTuple):
    """One check, and the names that its query inserts for each fleet it is asked of."""

    check: OwnCheck
    green: Mapping[str, str]
    blue: Mapping[str, str] | None

    def arms(self) -> dict[Color, Mapping[str, str]]:
        return {Color.GREEN: self.green} | ({} if self.blue is None else {Color.BLUE: self.blue})


class WatchedChecks:
    """Checks and alarms of one stack; `prometheus` is None where nothing is asked of it."""

    def __init__(
        self, session: Session, prometheus: PrometheusApi | None, stack: str, policy: Policy, *, clock: Clock
    ) -> None:
        self._session, self._prometheus, self._clock = session, prometheus, clock
        self._stack, self._policy = stack, policy

    def read(self, arms: Sequence[Arms]) -> Collected:
        """All at the same time: the metrics of a region in one call, each query and alarm by itself."""
        asked = [one for check in self._policy.check if (one := self._asked(check, arms)) is not None]
        of_cloudwatch = [one for one in asked if one.check.cloudwatch]
        calls: dict[str, Callable[[], Readings]] = {
            f"cloudwatch {region or 'metrics'}": partial(self._metrics, region, some)
            for region in ("", "us-east-1")
            if (some := [one for one in of_cloudwatch if _query(one).region == region])
        }
        calls |= {f"check {one.check.name}": partial(self._value, one) for one in asked if one.check.promql}
        calls |= {f"alarm {entry}": partial(self._alarm, entry) for entry in self._policy.alarms.all}
        found = parallel([partial(_tried, name, call) for name, call in calls.items()])
        read = [one for one in found if isinstance(one, Readings)]
        return Collected(
            readings=Readings(
                points={name: points for one in read for name, points in one.points.items()},
                firing={name: firing for one in read for name, firing in one.firing.items()},
            ),
            troubles=tuple(one for one in found if isinstance(one, str)),
        )

    def _asked(self, check: OwnCheck, arms: Sequence[Arms]) -> _Asked | None:
        """None of a tier that is not released, and where there is no blue to compare with."""
        if check.tier is None:
            return _Asked(check, {"stack": self._stack}, None)
        one = next((one for one in arms if one.tier is check.tier), None)
        if one is None or (check.times_blue is not None and one.blue is None):
            return None
        blue = names_of(one.blue) if one.blue and check.times_blue is not None else None
        return _Asked(check, names_of(one.green), blue)

    def _metrics(self, region: str, asked: Sequence[_Asked]) -> Readings:
        now = self._clock.now() - self._policy.judge.settle
        stats = {
            (one.check.name, arm): _asked_for(_query(one), names)
            for one in asked
            for arm, names in one.arms().items()
        }
        longest = max((_query(one).datapoints + _LATE) * _query(one).period for one in asked)
        found = read_series(self._session.service("cloudwatch", region=region), stats, now - longest, now)
        return Readings(
            points={
                one.check.name: _points(
                    _query(one),
                    found[one.check.name, Color.GREEN],
                    found.get((one.check.name, Color.BLUE)),
                    now,
                )
                for one in asked
            }
        )

    def _value(self, asked: _Asked) -> Readings:
        values = [
            self._api.number(filled(asked.check.promql, names), at=self._clock.now())
            for names in asked.arms().values()
        ]
        green, blue = values[0], values[1] if len(values) > 1 else None
        return Readings(points={asked.check.name: () if green is None else ((green, blue),)})

    def _alarm(self, entry: str) -> Readings:
        region, name = region_of(filled(entry, {"stack": self._stack}))
        if name.startswith(PROMETHEUS_ALERT):
            return Readings(firing={entry: self._alerts(name.removeprefix(PROMETHEUS_ALERT))})
        which = {"AlarmNamePrefix": name[:-1]} if name.endswith("*") else {"AlarmNames": [name]}
        found = described(self._session.service("cloudwatch", region=region), **which)
        if not found:
            raise Refused(f"there is no such alarm in {region or self._session.region}")
        firing = (one["AlarmName"] for one in found if one["StateValue"] == "ALARM")
        return Readings(firing={entry: tuple(sorted(firing))})

    def _alerts(self, name: str) -> tuple[str, ...]:
        """An alert that does not fire has no series, so nobody can tell whether there is such a rule."""
        matcher = f'=~"{name[:-1]}.*"' if name.endswith("*") else f'="{name}"'
        query = f'ALERTS{{alertstate="firing",alertname{matcher}}}'
        return self._api.label_values(query, "alertname", at=self._clock.now())

    @property
    def _api(self) -> PrometheusApi:
        if self._prometheus is None:
            raise ValueError("Prometheus is asked without an address")
        return self._prometheus


def _query(asked: _Asked) -> CloudWatchQuery:
    if asked.check.cloudwatch is None:
        raise ValueError(f"check {asked.check.name} is not of CloudWatch")
    return asked.check.cloudwatch


def _asked_for(query: CloudWatchQuery, names: Mapping[str, str]) -> MetricMath:
    return MetricMath(
        expression=query.expression,
        stats={key: _stat(one, query.period, names) for key, one in query.parts.items()},
        period=floor(query.period),
    )


def _stat(one: CloudWatchMetric, period: float, names: Mapping[str, str]) -> Json:
    dimensions = [{"Name": key, "Value": filled(value, names)} for key, value in one.dimensions.items()]
    metric = {"Namespace": one.namespace, "MetricName": one.name, "Dimensions": dimensions}
    return {"Metric": metric, "Period": floor(period), "Stat": one.statistic}


def _points(query: CloudWatchQuery, green: Series, blue: Series | None, now: float) -> tuple[Point, ...]:
    """The newest settled values in order of time: only whole periods, no old ones, and only numbers."""
    oldest = now - (query.datapoints + _LATE) * query.period
    green, blue = _numbers(green), None if blue is None else _numbers(blue)
    starts = sorted(start for start in green if oldest <= start <= now - query.period)
    return tuple(
        (green[start], None if blue is None else blue.get(start)) for start in starts[-query.datapoints :]
    )


def _numbers(series: Series) -> Series:
    """Metric math may divide by zero: what no limit can be held against is no data."""
    return {start: value for start, value in series.items() if isfinite(value)}


def _tried(name: str, call: Callable[[], Readings]) -> Readings | str:
    """What was read, or the trouble."""
    try:
        return call()
    except LoggedOut:
        raise
    except (CloudUnavailable, Refused) as error:
        return f"{name}: {error.what}"
