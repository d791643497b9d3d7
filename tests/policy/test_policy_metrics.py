"""[metrics]: which source feeds which metric."""

from __future__ import annotations

import pytest

from bluegreen.errors import ConfigError
from bluegreen.policy import MetricsPolicy, Source, parse_policy


def metrics(text: str) -> MetricsPolicy:
    return parse_policy(text, stack="prod", source="deploy.toml").metrics


def faults(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        metrics(text)
    return str(caught.value)


def test_cloudwatch_feeds_everything_by_default() -> None:
    found = metrics("")
    assert dict(found.feeds) == {Source.CLOUDWATCH: {"errors", "latency"}}


def test_one_source_or_several() -> None:
    found = metrics(
        '[metrics]\nerrors = ["cloudwatch", "prometheus"]\nlatency = "prometheus"\naccuracy = "newrelic"'
    )
    assert found.errors == (Source.CLOUDWATCH, Source.PROMETHEUS)
    assert dict(found.feeds) == {
        Source.CLOUDWATCH: {"errors"},
        Source.PROMETHEUS: {"errors", "latency"},
        Source.NEW_RELIC: {"accuracy"},
    }


def test_a_stack_may_differ() -> None:
    text = '[metrics]\nlatency = "cloudwatch"\n[stacks.prod.metrics]\nlatency = "prometheus"\n'
    assert metrics(text).latency == (Source.PROMETHEUS,)


def test_all_faults_of_the_table_at_once() -> None:
    said = faults(
        '[metrics]\nerrors = "prometheus"\nlatency = []\naccuracy = ["cloudwatch", "newrelic", "newrelic"]'
    )
    assert "errors must name cloudwatch" in said
    assert "latency names no source" in said
    assert "accuracy cannot come from cloudwatch" in said
    assert "accuracy names a source twice" in said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("selector = 'tier=\"{tier}\"'", "cannot distinguish green from blue"),
        ("selector = 'fleet=\"{flete}\"'", "unknown placeholder flete; known are stack, tier, fleet"),
        ("selector = '{fleet'", "write {{ and }} for braces"),
        ("failed = '5.(.'", "is not a valid regular expression"),
        ("requests = 'http requests'", "metrics.prometheus.requests"),
        ("url = 'amp.example'", "metrics.prometheus.url"),
        ("period = 15", "a duration needs a unit"),
        ("period = '6m'", "must be 1s to 5m"),
        ("timeout = '0s'", "must be above 0s and at most 1m"),
        ("auth = 'basic'", "metrics.prometheus.auth"),
        ("labels = 'x'", "metrics.prometheus.labels"),
    ],
)
def test_prometheus_tables_that_cannot_be_used(line: str, said: str) -> None:
    assert said in faults(f"[metrics.prometheus]\n{line}\n")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("where = \"appName = 'x'\"", "cannot distinguish green from blue"),
        ("account = 'twelve'", "metrics.newrelic.account"),
        ("period = '30s'", "must be whole minutes"),
        ("region = 'ap'", "metrics.newrelic.region"),
    ],
)
def test_new_relic_tables_that_cannot_be_used(line: str, said: str) -> None:
    assert said in faults(f"[metrics.newrelic]\n{line}\n")
