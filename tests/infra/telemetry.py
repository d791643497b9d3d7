"""What a host of a stack publishes: read from the configurations that a boot wrote, and from the table of
what the application must export. Alarms, charts, rules and scaling policies are compared with it.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from tests.infra.machine import machine
from tools.recording import REPOSITORY, settings_of

DOCUMENT = REPOSITORY / "docs" / "infrastructure.md"
HISTOGRAM = {"_bucket": {"le"}, "_sum": set[str](), "_count": set[str]()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A CloudWatch metric: its name, and one set of dimensions under which it is published."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]

    def __str__(self) -> str:
        return f"{self.namespace} {self.name} {dict(sorted(self.dimensions.items()))}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A Prometheus series as it reaches the workspace; a label whose value varies has the value `*`."""

    metric: str
    labels: Mapping[str, str]


@cache
def exported() -> Mapping[str, Mapping[str, frozenset[str]]]:
    """Metrics and their own labels by the path that the application answers them on."""
    rows = re.findall(
        r"^\| `(/[\w-]*metrics)`[^|]*\| (.*) \|$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE
    )
    return {path: dict(_names(text)) for path, text in rows}


def _names(text: str) -> Iterator[tuple[str, frozenset[str]]]:
    for name, labels, kind in re.findall(r"`([a-z_]+)(?:\{([\w,]+)\})?`( \(histogram\))?", text):
        own = frozenset(labels.split(",")) if labels else frozenset[str]()
        if kind:
            yield from ((f"{name}{suffix}", own | more) for suffix, more in HISTOGRAM.items())
        else:
            yield name, own


@cache
def put_by_the_application() -> frozenset[tuple[str, str, str]]:
    """Namespace, name and dimension of what the application puts into CloudWatch itself."""
    rows = re.findall(
        r"^\| `(SportCoach/\w+)` \| `(\w+)` \| `(\w+)`", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE
    )
    return frozenset(rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The configurations that a boot left on an instance."""

    agent: Mapping[str, Any]
    prometheus: Mapping[str, Any]
    agent_scrape: Mapping[str, Any]
    put: tuple[str, ...]
    """The calls of PutMetricData that the boot made, as arguments of the AWS CLI."""

    def metrics(self) -> list[Metric]:
        """What the CloudWatch agent and the scripts of the host publish."""
        return [*self._of_the_host(), *self._scraped(), *self._put()]

    def _put(self) -> Iterator[Metric]:
        for call in self.put:
            words = shlex.split(call)
            given = dict(zip(words[2::2], words[3::2], strict=True))
            pairs = (pair.split("=") for pair in given["--dimensions"].split(","))
            yield Metric(
                namespace=given["--namespace"],
                name=given["--metric-name"],
                dimensions=dict(pairs),
            )

    def _of_the_host(self) -> Iterator[Metric]:
        section = self.agent["metrics"]
        for plugin, options in section["metrics_collected"].items():
            given = options["append_dimensions"]
            for measurement in options["measurement"]:
                for rolled_up in section["aggregation_dimensions"]:
                    yield Metric(
                        namespace=section["namespace"],
                        name=f"{plugin}_{measurement}",
                        dimensions={key: given[key] for key in rolled_up if key in given},
                    )

    def _scraped(self) -> Iterator[Metric]:
        """What the agent's selectors name, under dimensions that the scrape has as labels."""
        collected = self.agent["logs"].get("metrics_collected", {}).get("prometheus")
        for declared in collected["emf_processor"]["metric_declaration"] if collected else ():
            for job in self.agent_scrape["scrape_configs"]:
                if not re.search(declared["label_matcher"], job["job_name"]):
                    continue
                labels = job["static_configs"][0]["labels"]
                for name in exported()[job["metrics_path"]]:
                    if any(re.search(selector, name) for selector in declared["metric_selectors"]):
                        for keys in declared["dimensions"]:
                            yield Metric(
                                namespace=collected["emf_processor"]["metric_namespace"],
                                name=name,
                                dimensions={key: labels[key] for key in keys if key in labels},
                            )

    def series(self) -> Iterator[Series]:
        """What Prometheus writes to the workspace; the node exporter's own metrics are left out."""
        for job in self.prometheus["scrape_configs"]:
            labels = {**self.prometheus["global"]["external_labels"], "job": job["job_name"], "instance": "*"}
            yield Series(metric="up", labels=labels)
            keep = [
                rule["regex"] for rule in job.get("metric_relabel_configs", ()) if rule["action"] == "keep"
            ]
            for name, own in exported().get(job.get("metrics_path", ""), {}).items():
                if all(re.fullmatch(regex, name) for regex in keep):
                    yield Series(metric=name, labels={**labels, **dict.fromkeys(own, "*")})


@cache
def host(stack: str, tier: str) -> Host:
    """An instance of the tier after its boot."""
    roles = ",".join(settings_of(stack)["tiers"][tier]["roles"])
    with TemporaryDirectory() as place, machine(Path(place)) as made:
        done = made.boot(stack=stack, tier=tier, roles=roles)
        assert done.returncode == 0, done.stdout + done.stderr
        scrape = made.root / "etc/prometheus/cloudwatch-agent.yml"
        return Host(
            agent=json.loads((made.root / "etc/amazon-cloudwatch-agent.json").read_text(encoding="utf-8")),
            prometheus=yaml.safe_load(
                (made.root / "etc/prometheus/prometheus.yml").read_text(encoding="utf-8")
            ),
            agent_scrape=yaml.safe_load(scrape.read_text(encoding="utf-8")) if scrape.exists() else {},
            put=tuple(call for call in made.calls("aws") if call.startswith("cloudwatch put-metric-data")),
        )


def hosts(stack: str) -> list[Host]:
    """One instance of each tier of the stack."""
    return [host(stack, tier) for tier in settings_of(stack)["tiers"]]
