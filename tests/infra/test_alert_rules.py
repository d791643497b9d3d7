"""Alert rules ask for series that hosts write, by labels that those series have.

`absent()` of a series that nobody writes fires for ever, and a comparison with one never does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from bluegreen.policy import Prometheus as ReleasePrometheus
from tests.infra.telemetry import Series, exported, hosts
from tools.recording import Recording

SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{([^}]*)\})?(?:\[\w+\])?")
NOT_METRICS = {
    "absent", "and", "avg", "avg_over_time", "by", "histogram_quantile", "max", "min", "offset", "on", "or",
    "rate", "sum", "unless", "without",
}  # fmt: skip
GROUPING = re.compile(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)")


def rules(stack: Recording) -> Iterator[dict[str, object]]:
    (namespace,) = stack.of("aws:amp/ruleGroupNamespace:RuleGroupNamespace")
    for group in json.loads(namespace.inputs["data"])["groups"]:
        yield from group["rules"]


def selectors(expression: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Metric and equality matchers of every selector in an expression."""
    bare = re.sub(r"offset \w+", "", GROUPING.sub("", expression))
    for name, matchers in SELECTOR.findall(bare):
        if name not in NOT_METRICS:
            pairs = re.findall(r'(\w+)\s*=\s*"([^"]*)"', matchers)
            assert len(pairs) == len([part for part in matchers.split(",") if part.strip()]), matchers
            yield name, dict(pairs)


def written(stack: Recording) -> list[Series]:
    return [series for host in hosts(stack.stack) for series in host.series()]


def chosen(series: list[Series], metric: str, matchers: dict[str, str]) -> list[Series]:
    return [
        one
        for one in series
        if one.metric == metric
        and all(one.labels.get(key) in {value, "*"} for key, value in matchers.items())
    ]


def test_the_expressions_are_read() -> None:
    expression = (
        'histogram_quantile(0.95, sum by (le) (rate(a_bucket{job="x", tier="y"}[1d] offset 1h))) > 1.5 * b'
    )
    assert list(selectors(expression)) == [("a_bucket", {"job": "x", "tier": "y"}), ("b", {})]


def test_every_rule_asks_for_series_that_hosts_write(stack: Recording) -> None:
    series = written(stack)
    wrong = [
        (rule["alert"], metric, matchers)
        for rule in rules(stack)
        for metric, matchers in selectors(str(rule["expr"]))
        if not chosen(series, metric, matchers)
    ]
    assert wrong == []


def test_every_label_that_a_rule_groups_or_tells_by_is_on_its_series(stack: Recording) -> None:
    series = written(stack)
    for rule in rules(stack):
        text = str(rule["expr"])
        named = {label.strip() for group in GROUPING.findall(text) for label in group.split(",")}
        named |= set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
        for metric, matchers in selectors(text):
            for one in chosen(series, metric, matchers):
                assert named <= set(one.labels), (rule["alert"], metric, named - set(one.labels))


def test_each_tier_has_a_rule_that_its_own_series_alone_end(stack: Recording) -> None:
    """Of a tier that is gone nothing is left, whatever the others write."""
    series = written(stack)
    tiers = {one.labels["tier"] for one in series}
    assert tiers == {tier["name"] for tier in stack.outputs["contract"]["tiers"]}
    for tier in tiers:
        (rule,) = (rule for rule in rules(stack) if rule["alert"] == f"ServiceDown{tier.capitalize()}")
        ((metric, matchers),) = selectors(str(rule["expr"]))
        found = chosen(series, metric, matchers)
        assert {one.labels["tier"] for one in found} == {tier}
        assert {one.labels["job"] for one in found} == {"application"}


def test_alerts_are_grouped_by_labels_that_there_are(stack: Recording) -> None:
    (definition,) = stack.of("aws:amp/alertManagerDefinition:AlertManagerDefinition")
    config = json.loads(json.loads(definition.inputs["definition"])["alertmanager_config"])
    labels = {label for one in written(stack) for label in one.labels} | {"alertname"}
    labels |= {label for rule in rules(stack) for label in rule["labels"]}  # type: ignore[attr-defined]  # JSON
    assert set(config["route"]["group_by"]) <= labels
    severities = {rule["labels"]["severity"] for rule in rules(stack)}  # type: ignore[index]  # JSON
    matched = {value for route in config["route"]["routes"] for value in route["match"].values()}
    assert matched | {config["route"]["receiver"]} >= severities


@pytest.mark.parametrize("field", ["requests", "duration", "labelled", "wrong"])
def test_what_releases_are_judged_by_is_among_what_the_application_exports(field: str) -> None:
    name = str(getattr(ReleasePrometheus(), field))
    names = {metric for metrics in exported().values() for metric in metrics}
    assert {name, f"{name}_bucket"} & names
    own = {label for metrics in exported().values() for label in metrics.get("http_requests_total", ())}
    assert ReleasePrometheus().status_label in own


def test_doctor_asks_for_every_series_that_rules_and_the_judge_read(stack: Recording) -> None:
    asked = [next(selectors(one)) for one in stack.outputs["contract"]["series"]]
    series = written(stack)
    assert [one for one in asked if not chosen(series, *one)] == [], "nobody writes it"
    known = {(metric, matchers.get("job")) for metric, matchers in asked}
    read = {
        (metric, matchers.get("job"))
        for rule in rules(stack)
        for metric, matchers in selectors(str(rule["expr"]))
    }
    assert read - known == set()
    judge = ReleasePrometheus()
    names = {judge.requests, f"{judge.duration}_bucket"}
    if any("ai" in tier["name"] for tier in stack.outputs["contract"]["tiers"]):
        names |= {judge.labelled, judge.wrong}
    assert names <= {metric for metric, _ in asked}
