"""`[metrics]` of deploy.toml: which source feeds which metric, and how each source is asked."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from bluegreen.policy.units import MINUTE, Duration, Line, Name, Section

PLACEHOLDERS = ("stack", "tier", "fleet", "version", "deployment")
"""What a selector may insert. `fleet` is the name of the Auto Scaling Group and of the target group."""
TELLING_APART = frozenset({"fleet", "version", "deployment"})


class Source(StrEnum):
    """Who counts."""

    CLOUDWATCH = "cloudwatch"
    PROMETHEUS = "prometheus"
    NEW_RELIC = "newrelic"


def _several(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Sources = Annotated[tuple[Source, ...], BeforeValidator(_several)]


def _selector(text: str) -> str:
    try:
        fields = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    except ValueError as error:
        raise ValueError(f"{error}; write {{{{ and }}}} for braces") from error
    unknown = sorted(fields - set(PLACEHOLDERS))
    if unknown:
        raise ValueError(f"unknown placeholder {', '.join(unknown)}; known are {', '.join(PLACEHOLDERS)}")
    if not fields & TELLING_APART:
        raise ValueError(
            f"cannot distinguish green from blue: use one of {', '.join(sorted(TELLING_APART))} as {{fleet}}"
        )
    return text


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is not a valid regular expression: {error}") from error
    return text


def period_fault(seconds: float) -> str:
    """What CloudWatch would say about a period; empty where it knows it."""
    if seconds in (1, 5, 10, 20, 30) or not seconds % 60:
        return ""
    return f"period {seconds:g}s: must be 1, 5, 10, 20 or 30 seconds or whole minutes"


Selector = Annotated[Line, AfterValidator(_selector)]
MetricName = Annotated[str, Field(pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:]*$")]
LabelName = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")]
Address = Annotated[str, Field(pattern=r"^(https?://[!-\"$->A-~]+)?$", max_length=500)]
"""Without a user's name and password, which would be kept in the journal."""
Settled = Annotated[Duration, Field(le=30 * MINUTE)]


class Prometheus(Section):
    """A Prometheus HTTP API (also Amazon Managed Prometheus): counters and a histogram, read raw."""

    url: Address = ""
    """The API's base, before `api/v1/query`; empty: the contract's `prometheus_query_url`."""
    auth: Literal["auto", "sigv4", "none"] = "auto"
    """SigV4 for the service `aps`; "auto" signs for hosts of amazonaws.com alone."""
    period: Duration = 15.0
    """Length of a period: the scrape interval, or a multiple of it."""
    settle: Settled = 15.0
    """A period is used this long after its end: remote write and the slowest scrape have arrived."""
    timeout: Duration = 10.0
    """Of one question."""
    selector: Selector = 'fleet="{fleet}"'
    """Label matchers of one fleet's series."""
    instance_label: LabelName = "instance_id"
    """Tells an instance's series from another's; a new series of a known instance counts from zero."""
    requests: MetricName = "http_requests_total"
    """The counter of requests."""
    status_label: LabelName = "status"
    """Its label with the HTTP status."""
    failed: Annotated[Name, AfterValidator(_pattern)] = "5.."
    """Regular expression of the statuses that count as failed."""
    duration: MetricName = "http_request_duration_seconds"
    """The histogram, without `_bucket`."""
    duration_unit: Literal["s", "ms"] = "s"
    """Of the histogram's bounds."""
    labelled: MetricName = "ai_labelled_answers_total"
    """AI answers whose truth has become known."""
    wrong: MetricName = "ai_wrong_answers_total"
    """Of these, the wrong ones."""

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if not 1 <= self.period <= 300:
            raise ValueError(f"period {self.period:g}s: must be 1s to 5m")
        if not 0 < self.timeout <= 60:
            raise ValueError(f"timeout {self.timeout:g}s: must be above 0s and at most 1m")
        return self


class NewRelic(Section):
    """NRQL through NerdGraph; the user key lies in Secrets Manager and is never shown."""

    region: Literal["us", "eu"] = "us"
    """Where the account is."""
    url: Address = ""
    """NerdGraph's address; empty: that of the region."""
    account: Annotated[str, Field(pattern=r"^[0-9]{0,12}$")] = ""
    """Empty: the contract's `new_relic_account`."""
    secret: Annotated[str, Field(pattern=r"^[A-Za-z0-9/_+=.@-]*$", max_length=512)] = ""
    """Secrets Manager name of the user key; empty: the contract's `new_relic_secret`."""
    period: Duration = 60.0
    """Length of a period."""
    settle: Settled = 120.0
    """New Relic's ingestion is seldom later than two minutes."""
    timeout: Duration = 15.0
    """Of one question."""
    event: LabelName = "Transaction"
    """The event type of requests."""
    where: Selector = "fleet = '{fleet}'"
    """NRQL condition of one fleet's events."""
    failed: Name = "error IS TRUE OR numeric(http.statusCode) >= 500"
    """NRQL condition of a failed request."""
    duration: Name = "duration"
    """NRQL attribute of the response time, in seconds."""
    label_event: LabelName = "AiAnswer"
    """Event of an AI answer whose truth has become known."""
    wrong: Name = "correct IS FALSE"
    """NRQL condition of a wrong answer."""

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if not 60 <= self.period <= 600 or self.period % 60:
            raise ValueError(f"period {self.period:g}s: must be whole minutes, at most 10")
        if not 0 < self.timeout <= 60:
            raise ValueError(f"timeout {self.timeout:g}s: must be above 0s and at most 1m")
        if self.event == self.label_event:
            raise ValueError(f"event and label_event are both {self.event}; they count different things")
        return self


class MetricsPolicy(Section):
    """Each metric names its sources. Each of them may fail a release, all must speak for a pass."""

    errors: Sources = (Source.CLOUDWATCH,)
    """Failed requests; cloudwatch must be among them."""
    latency: Sources = (Source.CLOUDWATCH,)
    """How long requests take."""
    accuracy: Sources = ()
    """Labelled AI answers; CloudWatch knows none. Without a source the golden set alone judges them."""
    prometheus: Prometheus = Prometheus()
    newrelic: NewRelic = NewRelic()

    @property
    def feeds(self) -> Mapping[Source, frozenset[str]]:
        """Source -> the metrics that it feeds: `errors`, `latency`, `accuracy`."""
        named = {"errors": self.errors, "latency": self.latency, "accuracy": self.accuracy}
        return {
            source: fed
            for source in Source
            if (fed := frozenset(name for name, sources in named.items() if source in sources))
        }

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        problems = list(self._problems())
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _problems(self) -> Iterable[str]:
        if Source.CLOUDWATCH not in self.errors:
            yield (
                "errors must name cloudwatch (others may be added): only the load balancer counts requests "
                "that no target answered"
            )
        if not self.latency:
            yield "latency names no source: must be one or more of cloudwatch, prometheus, newrelic"
        if Source.CLOUDWATCH in self.accuracy:
            yield "accuracy cannot come from cloudwatch, which knows no labels: prometheus or newrelic"
        for name in ("errors", "latency", "accuracy"):
            sources = getattr(self, name)
            if len(set(sources)) != len(sources):
                yield f"{name} names a source twice"
