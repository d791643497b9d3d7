"""`[[check]]` and `[alarms]` of deploy.toml: what else is watched while a release takes over the traffic."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from bluegreen.contract import Tier
from bluegreen.policy.metrics import PLACEHOLDERS, TELLING_APART, period_fault
from bluegreen.policy.units import Duration, Line, Lines, Name, Number, Section, Whole, unprintable

US_EAST_1 = "us-east-1"
"""Where AWS keeps the metrics of what is global: CloudFront, Route 53, its web ACLs."""
PROMETHEUS_ALERT = "prometheus:"
_GLOBAL_ALARM = f"{US_EAST_1}:"
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
"""No query of Prometheus has a word alone in braces, so its own braces need no escape."""
_SEVERAL = re.compile(r"\b(?:SEARCH|METRICS|INSIGHT_RULE_METRIC|SLICE|SORT|DB_PERF_INSIGHTS|LAMBDA)\b")
"""Functions of metric math that give several series, or that GetMetricData does not carry out."""
METRIC_NAME = re.compile(r"(?<![\w.])[a-z]\w*")
"""A metric in an expression: functions are in capitals."""
_OF_A_TIER = frozenset(PLACEHOLDERS) - {"stack"}


class OnBreach(StrEnum):
    """What a check beyond its limit does to a release."""

    ROLLBACK = "rollback"
    HOLD = "hold"
    WARN = "warn"


class NoData(StrEnum):
    """What a check without a value means."""

    HOLD = "hold"
    IGNORE = "ignore"
    BREACH = "breach"


def placeholders(text: str) -> set[str]:
    """The names in braces of a query."""
    return set(_PLACEHOLDER.findall(text))


def filled(text: str, names: Mapping[str, str]) -> str:
    """The query with its placeholders filled in."""
    return _PLACEHOLDER.sub(lambda match: names[match[1]], text)


def _known(text: str) -> str:
    unknown = sorted(placeholders(text) - set(PLACEHOLDERS))
    if unknown:
        raise ValueError(f"unknown placeholder {', '.join(unknown)}; known are {', '.join(PLACEHOLDERS)}")
    return text


Template = Annotated[Name, AfterValidator(_known)]
Query = Annotated[Lines, AfterValidator(_known)]
Given = Annotated[Name, Field(max_length=255)]
Statistic = Annotated[
    str,
    Field(pattern=r"^(Average|Sum|Minimum|Maximum|SampleCount|p[0-9]{1,2}(\.[0-9]+)?|T[CM]\([0-9%.:]+\))$"),
]


class CloudWatchMetric(Section):
    """One metric of CloudWatch."""

    namespace: Given
    name: Given
    dimensions: Annotated[Mapping[Given, Template], Field(max_length=30)] = {}
    statistic: Statistic = "Average"


MetricId = Annotated[str, Field(pattern=r"^[a-z][a-zA-Z0-9_]{0,30}$")]


class CloudWatchQuery(Section):
    """One metric of CloudWatch, or metric math over some of them."""

    namespace: Annotated[Line, Field(max_length=255)] = ""
    name: Annotated[Line, Field(max_length=255)] = ""
    dimensions: Annotated[Mapping[Given, Template], Field(max_length=30)] = {}
    statistic: Statistic = "Average"
    expression: Annotated[Lines, Field(max_length=1024)] = ""
    """Metric math with one result ("Using metric math", CloudWatch user guide), e.g. `100 * bad / all`."""
    metrics: Annotated[Mapping[MetricId, CloudWatchMetric], Field(max_length=10)] = {}
    """What the expression calls each metric."""
    region: Annotated[str, Field(pattern=rf"^(|{US_EAST_1})$")] = ""
    """Empty: that of the stack."""
    period: Annotated[Duration, Field(ge=1, le=3600)] = 60.0
    datapoints: Annotated[Whole, Field(ge=1, le=10)] = 2
    """So many of the newest must be beyond the limit: one alone may be a burst."""

    @property
    def parts(self) -> Mapping[str, CloudWatchMetric]:
        """Every metric that is asked for; of one alone by an empty name."""
        if self.expression:
            return self.metrics
        whole = CloudWatchMetric(
            namespace=self.namespace, name=self.name, dimensions=self.dimensions, statistic=self.statistic
        )
        return {"": whole}

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        problems = list(self._problems())
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _problems(self) -> Iterable[str]:
        if fault := period_fault(self.period):
            yield fault
        alone = bool(self.namespace or self.name or self.dimensions)
        if alone is bool(self.expression or self.metrics):
            yield "must be one metric (namespace and name), or an expression with its metrics"
        elif alone and not (self.namespace and self.name):
            yield "a metric needs namespace and name"
        elif not alone:
            yield from self._math_problems()

    def _math_problems(self) -> Iterable[str]:
        if not self.expression or not self.metrics:
            yield "an expression needs metrics, and metrics an expression"
            return
        used = set(METRIC_NAME.findall(self.expression))
        if unknown := sorted(used - set(self.metrics)):
            yield f"the expression names {', '.join(unknown)}, which metrics does not have"
        if unused := sorted(set(self.metrics) - used):
            yield f"the expression does not use {', '.join(unused)}"
        if many := sorted(set(_SEVERAL.findall(self.expression))):
            yield f"{', '.join(many)} cannot be used: a check has one value"


class OwnCheck(Section):
    """A figure that must stay within a limit at every look of a ramp step."""

    name: Annotated[str, Field(pattern=r"^\w[\w .,%/-]{0,39}$")]
    cloudwatch: CloudWatchQuery | None = None
    """One metric, or metric math."""
    promql: Query = ""
    """An expression with one value; `[metrics.prometheus]` says where it is asked."""
    tier: Tier | None = None
    """Of a query that names a fleet: whose."""
    above: Number | None = None
    below: Number | None = None
    times_blue: Annotated[Number, Field(le=1_000)] | None = None
    """Beyond the limit where green's value is more than so many times blue's."""
    on_breach: OnBreach
    no_data: NoData

    @property
    def _named(self) -> set[str]:
        parts = self.cloudwatch.parts.values() if self.cloudwatch else ()
        texts = [self.promql, *(text for one in parts for text in one.dimensions.values())]
        return set.union(*map(placeholders, texts))

    @property
    def datapoints(self) -> int:
        """So many values in a row must be beyond the limit; PromQL has its own means for that."""
        return self.cloudwatch.datapoints if self.cloudwatch else 1

    @property
    def limit(self) -> str:
        """In words."""
        if self.times_blue is not None:
            return f"{self.times_blue:g} times blue"
        return f"above {self.above:g}" if self.above is not None else f"below {self.below:g}"

    def beyond(self, green: float, blue: float | None) -> bool:
        """Whether one value breaches the limit; None for blue, or 0, is nothing to compare with."""
        if self.times_blue is not None:
            return bool(blue) and green > self.times_blue * (blue or 0)
        return green > self.above if self.above is not None else green < (self.below or 0)

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        problems = list(self._problems())
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _problems(self) -> Iterable[str]:
        if bool(self.promql) is (self.cloudwatch is not None):
            yield "must have exactly one source: cloudwatch or promql"
        limits = [one for one in (self.above, self.below, self.times_blue) if one is not None]
        if len(limits) != 1:
            yield "must have exactly one limit: above, below or times_blue"
        if self.times_blue is not None and not self._named & TELLING_APART:
            yield "times_blue needs {fleet} in the query: it is asked of green and of blue"
        if self.times_blue is not None and self.times_blue <= 1:
            yield f"times_blue {self.times_blue:g} must be above 1: a release equal to blue would breach it"
        if self._named & _OF_A_TIER and self.tier is None:
            yield "its query is about a fleet, so it needs a tier"


def _alarm(text: str) -> str:
    name = text.removeprefix(_GLOBAL_ALARM).removeprefix(PROMETHEUS_ALERT)
    if not name or name == "*" or "*" in name[:-1] or len(name) > 255:
        raise ValueError("must be the name of an alarm, or the beginning of names followed by one *")
    if found := unprintable(text):
        raise ValueError(f"must be one line of printable characters; it contains {found}")
    if wrong := placeholders(name) - {"stack"}:
        raise ValueError(f"unknown placeholder {', '.join(sorted(wrong))}; known is stack")
    if text.startswith(PROMETHEUS_ALERT) and not re.fullmatch(r"\w+\*?", name):
        raise ValueError("must be the name of an alert of letters, digits and _")
    return text


AlarmName = Annotated[str, AfterValidator(_alarm)]


class Alarms(Section):
    """Alarms that are watched in every ramp step: by name, or by the beginning of names with a `*`.

    `us-east-1:` before it leads to that region, `prometheus:` to the alerts of Prometheus.
    """

    hold: Annotated[tuple[AlarmName, ...], Field(max_length=100)] = ()
    """While one of these fires the release waits."""
    rollback: Annotated[tuple[AlarmName, ...], Field(max_length=100)] = ()
    """If one of these fires the release is rolled back."""

    @property
    def all(self) -> tuple[str, ...]:
        """Every entry."""
        return self.rollback + self.hold

    @model_validator(mode="after")
    def _once(self) -> Self:
        if twice := sorted({one for one in self.all if self.all.count(one) > 1}):
            raise ValueError(f"named twice: {', '.join(twice)}")
        return self


def region_of(entry: str) -> tuple[str, str]:
    """(region, name or beginning of names) of an alarm of CloudWatch; an empty region is the stack's."""
    if entry.startswith(_GLOBAL_ALARM):
        return US_EAST_1, entry.removeprefix(_GLOBAL_ALARM)
    return "", entry
