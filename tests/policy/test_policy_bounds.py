"""Every key of deploy.toml has bounds: too small, too large or of a wrong type is refused, with its place."""

from __future__ import annotations

import copy
import json
import typing
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from pydantic import BaseModel

from bluegreen.domain.document import from_document, to_document
from bluegreen.errors import ConfigError
from bluegreen.policy import Policy, parse_policy

RUN = "sportcoach-run {image} -- npm run migrate"
METRIC = {"namespace": "N", "name": "M", "dimensions": {"Stack": "{stack}"}, "statistic": "Sum"}
STEP = {
    "method": "POST", "path": "/login", "headers": {"Accept": "text/html"}, "body": "{}", "status": 200,
    "json": {"user.id": 1}, "text": "ok", "max_latency": "1s", "save": {"token": "t"},
}  # fmt: skip
GOOD: dict[str, Any] = {
    "rollout": {
        "ramp": ["5%"], "bake": "5m", "min_bake": "2m", "extension": "15m", "final_bake": "5m", "dwell": "1m",
        "shorten": False, "tick": "15s",
    },
    "judge": {
        "error_limit": "1%", "error_acceptable": "0.5%", "latency_limit": "30%", "latency_acceptable": "20%",
        "latency_floor": "50ms", "accuracy_drop_limit": "10%", "accuracy_drop_acceptable": "5%",
        "false_alarm": "1%", "burst": "15s", "cold_start": "150s", "least_healthy": "50%",
        "without_traffic": "ask", "without_accuracy": "warn", "period": "1m", "settle": "3m",
    },
    "health": {"deadline": "15m", "poll": "5s"},
    "metrics": {
        "errors": ["cloudwatch"], "latency": ["prometheus"], "accuracy": ["newrelic"],
        "prometheus": {
            "url": "https://amp.example/a", "auth": "auto", "period": "15s", "settle": "15s",
            "timeout": "10s",
            "selector": 'fleet="{fleet}"', "instance_label": "i", "requests": "r", "status_label": "s",
            "failed": "5..", "duration": "d", "duration_unit": "s", "labelled": "l", "wrong": "w",
        },
        "newrelic": {
            "region": "us", "url": "https://nr.example", "account": "1", "secret": "a/b", "period": "1m",
            "settle": "2m", "timeout": "15s", "event": "T", "where": "fleet = '{fleet}'", "failed": "x",
            "duration": "d", "label_event": "A", "wrong": "y",
        },
    },
    "check": [
        {"name": "one", "cloudwatch": METRIC | {"region": "", "period": "1m", "datapoints": 2}, "tier": "app",
         "above": 1.5, "on_breach": "hold", "no_data": "hold"},
        {"name": "two", "promql": "up{fleet='{fleet}'}", "tier": "app", "times_blue": 2, "on_breach": "warn",
         "no_data": "hold"},
        {"name": "three", "cloudwatch": {"expression": "2 * m", "metrics": {"m": METRIC}}, "below": 1,
         "on_breach": "hold", "no_data": "hold"},
    ],
    "alarms": {"hold": ["a"], "rollback": ["b"]},
    "probes": {"interval": "5s", "timeout": "5s", "attempts": 3, "synthetic": "1/s"},
    "smoke": [{"name": "home", "tier": "web", "key": True, "steps": [STEP]}],
    "golden": {"file": "golden.jsonl", "path": "/ai", "answer": "label", "minimum": 100},
    "migration": {
        "run": "ssm", "check": RUN, "command": RUN, "down": RUN, "timeout": "30m", "repeatable": False,
    },
    "rehearsal": {"host_variable": "DATABASE_HOST", "max_age": "14d", "timeout": "4h"},
    "backup": {"snapshot": True, "timeout": "1h"},
    "hold": {"deadline": "4h", "then": "stay"},
    "retire": {"keep_blue": "15m", "quiet": "1m", "deadline": "30m"},
    "lease": {"ttl": "90s", "patience": "5m"},
    "versions": {"form": "any"},
    "security": {
        "critical": "refuse", "unscanned": "warn",
        "accept": [{"id": "CVE-2026-1", "by": "al", "until": date(2030, 1, 1), "reason": "not reached"}],
    },
    "freeze": [{"start": "2030-01-01T00:00:00Z", "end": "2030-01-02T00:00:00Z", "reason": "sale"}],
    "checklist": ["tests", "legal: the lawyers have agreed"],
}  # fmt: skip

UNSEEN = ("a\x1b[31m", "a\r\nX-Admin: 1", "a\u202eb", "a\x00")
WORD = (5, True, *UNSEEN)
LINE = (*WORD, "x" * 10_001)
PERIOD = ("0s", "1000h", 60, True, "soon", "7s")
SPAN = ("1000h", 60, True, "soon", "-1s")
LONGER = ("0s", *SPAN)
SHARE = ("0%", "0.001%", "1000000%", 0.1, True, "a tenth")
FLAG = ("yes", 1, 0.0, "true")
WHOLE = (-1, 10**9, 3.0, "3", True)
CHOICE = ("", "other", 1, True)
PATH = ("", "x", "/a b", "/\r\nHost: x", "/\x1b", "/é", "/" + "x" * 3_000, 5)
TEXT_KEYS = (*LINE, "")
NUMBER = ("1", True, float("nan"), float("inf"), float("-inf"))
COMMAND = (*LINE, " ", f"{RUN} {{tenant}}", f"{RUN}\nid", f"{RUN}; id", "npm run migrate")
STATISTIC = (*WORD, "", "Median", "p999", "TM(10%:90%); x")

HOSTILE: dict[str, tuple[Any, ...]] = {
    "rollout.ramp": ([], ["0%"], ["100%"], ["50%", "5%"], ["5%", "5%"], [f"{n}%" for n in range(1, 30)],
        [5], "5%"),
    "rollout.bake": LONGER, "rollout.min_bake": (*SPAN, "6m"), "rollout.extension": SPAN,
    "rollout.final_bake": SPAN, "rollout.dwell": (*SPAN, "11m"), "rollout.shorten": FLAG,
    "rollout.tick": ("100ms", "6m", *LONGER),
    "judge.error_limit": (*SHARE, "51%", "0.5%"), "judge.error_acceptable": (*SHARE, "1%"),
    "judge.latency_limit": (*SHARE, "901%", "20%"), "judge.latency_acceptable": (*SHARE, "30%"),
    "judge.latency_floor": (*SPAN, "11s"), "judge.accuracy_drop_limit": (*SHARE, "91%", "5%"),
    "judge.accuracy_drop_acceptable": (*SHARE, "10%"), "judge.false_alarm": (*SHARE, "51%"),
    "judge.burst": (*LONGER, "5m", "11m"), "judge.cold_start": (*SPAN, "5m", "11m"),
    "judge.least_healthy": ("0%", "101%", 0.5, True), "judge.without_traffic": CHOICE,
    "judge.without_accuracy": CHOICE, "judge.period": (*PERIOD, "6m", "4m"), "judge.settle": (*SPAN, "59s",
        "31m"),
    "health.deadline": (*LONGER, "5h", "4s"), "health.poll": (*LONGER, "10ms", "6m"),
    "metrics.errors": ([], ["prometheus"], ["cloudwatch", "cloudwatch"], 5, ["other"]),
    "metrics.latency": ([], ["other"], ["prometheus", "prometheus"], True),
    "metrics.accuracy": (["cloudwatch"], ["other"], 1),
    "metrics.prometheus.url": (*LINE, "amp", "https://u:p@amp", "file:///etc/passwd", "http://a b"),
    "metrics.prometheus.auth": CHOICE, "metrics.prometheus.period": ("0s", "6m", 15, True, "soon"),
    "metrics.prometheus.settle": (*SPAN, "31m"), "metrics.prometheus.timeout": (*LONGER, "2m"),
    "metrics.prometheus.selector": (*LINE, "", 'tier="web"', 'fleet="{flete}"', "{fleet"),
    "metrics.prometheus.instance_label": (*WORD, "", "a b"), "metrics.prometheus.requests": (*WORD, "",
        "a{b}"),
    "metrics.prometheus.status_label": (*WORD, "", 'a"b'), "metrics.prometheus.failed": (*TEXT_KEYS, "5.(."),
    "metrics.prometheus.duration": (*WORD, "", "a b"), "metrics.prometheus.duration_unit": CHOICE,
    "metrics.prometheus.labelled": (*WORD, "", "a b"), "metrics.prometheus.wrong": (*WORD, "", "a b"),
    "metrics.newrelic.region": CHOICE, "metrics.newrelic.url": (*LINE, "nr", "https://u:p@nr"),
    "metrics.newrelic.account": (*WORD, "twelve", "1" * 13), "metrics.newrelic.secret": (*LINE, "a b"),
    "metrics.newrelic.period": (*PERIOD, "30s", "11m"), "metrics.newrelic.settle": (*SPAN, "31m"),
    "metrics.newrelic.timeout": (*LONGER, "2m"), "metrics.newrelic.event": (*WORD, "", "A", "a b"),
    "metrics.newrelic.where": (*LINE, "", "x = 1"), "metrics.newrelic.failed": TEXT_KEYS,
    "metrics.newrelic.duration": TEXT_KEYS, "metrics.newrelic.label_event": (*WORD, "", "T"),
    "metrics.newrelic.wrong": TEXT_KEYS,
    "check.0.name": (*TEXT_KEYS, "two"), "check.0.cloudwatch": (5, {}, "x"),
    "check.0.cloudwatch.namespace": TEXT_KEYS, "check.0.cloudwatch.name": TEXT_KEYS,
    "check.0.cloudwatch.dimensions": ({"a": ""}, {"": "a"}, {"a": "{who}"}, {"a": "\x1b"}, {"\r": "a"},
                                      {str(n): "a" for n in range(31)}, 5),
    "check.0.cloudwatch.statistic": STATISTIC,
    "check.2.cloudwatch.expression": (*LINE, "", "2 * n", "2"),
    "check.2.cloudwatch.metrics": ({}, {"1": METRIC}, {"m": METRIC, "n": METRIC}, 5),
    "check.2.cloudwatch.metrics.m.namespace": TEXT_KEYS, "check.2.cloudwatch.metrics.m.name": TEXT_KEYS,
    "check.2.cloudwatch.metrics.m.dimensions": ({"a": ""}, {"": "a"}, {"a": "{who}"}, 5),
    "check.2.cloudwatch.metrics.m.statistic": STATISTIC,
    "check.0.cloudwatch.region": CHOICE[1:], "check.0.cloudwatch.period": (*PERIOD, "2h"),
    "check.0.cloudwatch.datapoints": (0, 11, *WHOLE), "check.1.promql": (*LINE, "", "up{x='{who}'}"),
    "check.0.tier": CHOICE, "check.0.above": NUMBER, "check.2.below": NUMBER,
    "check.1.times_blue": (*NUMBER, 1, 0, -2, 10_000), "check.0.on_breach": CHOICE, "check.0.no_data": CHOICE,
    "alarms.hold": (["b"], ["*"], ["a*b"], [""], ["a\x1b"], ["{fleet}"], [5], "a",
        [str(n) for n in range(101)]),
    "alarms.rollback": (["a"], ["*"], ["a\r\n"], [""], [5], "a"),
    "probes.interval": (*LONGER, "100ms", "6m"), "probes.timeout": (*LONGER, "10ms", "3m"),
    "probes.attempts": (0, 21, *WHOLE), "probes.synthetic": (1, True, "-1/s", "101/s", "1/day"),
    "smoke.0.name": (*TEXT_KEYS, "x" * 61), "smoke.0.tier": CHOICE, "smoke.0.key": FLAG,
    "smoke.0.steps": ([], [STEP] * 21, {}, 5), "smoke.0.steps.0.method": (*CHOICE, "HEAD", "GET\r\n"),
    "smoke.0.steps.0.path": (*PATH, "/{token}"),
    "smoke.0.steps.0.headers": ({"A\r\nB": "x"}, {"": "x"}, {"a b": "x"}, {"A": "x\r\nB: y"}, {"A": "x\x00"},
                                {"A": "é"}, {"Host": "x"}, {"content-length": "1"}, {"X-SC-Preview": "t"},
                                {"A": "1", "a": "2"}, {"A": "{token}"}, {"A": 5},
                                {f"a{n}": "" for n in range(31)}, 5),
    "smoke.0.steps.0.body": ("{token}", "x" * 100_001, 5, True), "smoke.0.steps.0.status": (99, 600, *WHOLE),
    "smoke.0.steps.0.json": ({"": 1}, {"a\x1b": 1}, {"a": date(2030, 1, 1)}, {"a": float("nan")},
                             {"a": [float("inf")]}, {str(n): 1 for n in range(51)}, 5),
    "smoke.0.steps.0.text": (*LINE[:2], "a\x1b[31m", "x" * 10_001),
        "smoke.0.steps.0.max_latency": (*LONGER, "3m"),
    "smoke.0.steps.0.save": ({"": "a"}, {"a b": "a"}, {"a": ""}, {"a": "\x1b"}, {"a": 5}, 5,
                             {f"a{n}": "x" for n in range(21)}),
    "golden.file": (*TEXT_KEYS, "x" * 256), "golden.path": PATH, "golden.answer": (*TEXT_KEYS, "x" * 201),
    "golden.minimum": (0, 19, 10_001, *WHOLE), "migration.run": CHOICE, "migration.check": COMMAND[:-1],
    "migration.command": (*COMMAND, ""), "migration.down": COMMAND, "migration.timeout": LONGER,
    "migration.repeatable": FLAG,
    "rehearsal.host_variable": ("host", "A B", "A;rm", "1A", 1, "A" * 61),
    "rehearsal.timeout": (*LONGER, "59s"),
    "rehearsal.max_age": (*SPAN[1:], "59s", "366d"),
    "backup.snapshot": FLAG, "backup.timeout": LONGER, "retire.keep_blue": (*SPAN, "25h", "for ever"),
    "retire.quiet": (*SPAN, "2h", "31m"), "retire.deadline": (*LONGER, "59s"),
    "hold.deadline": (*LONGER, "59s", "25h"), "hold.then": ("wait", "", 1, ["stay"]),
    "lease.ttl": (*LONGER, "2s", "11m"), "lease.patience": (*LONGER, "2h"),
    "security.critical": CHOICE, "security.unscanned": CHOICE, "versions.form": CHOICE,
    "security.accept.0.id": (*WORD, "", "CV", "CVE; rm"), "security.accept.0.by": (*TEXT_KEYS, "x" * 81),
    "security.accept.0.until": (0, 86_400, True, "soon", "2030-02-30"),
    "security.accept.0.reason": (*TEXT_KEYS, "x" * 201),
    "freeze.0.start": ("2030-01-03T00:00:00Z", "2030-01-02T00:00:00Z", "2030-13-01T00:00:00Z",
                       "2030-01-01T00:00:00", "2020-01-01T00:00:00Z", "soon", 5, date(2030, 1, 1)),
    "freeze.0.end": ("2030-01-01T00:00:00Z", "2030-01-01T09:00:00+09:00", "2030-02-30T00:00:00Z",
                     "2130-01-01T00:00:00Z", "soon", 5),
    "freeze.0.reason": TEXT_KEYS,
    "checklist": ([""], [" "], ["tests\x1b"], ["a: b\nc"], [5], "tests", ["tests", "tests"],
                  ["a: x", "a: y"], ["test"], ["tests: passed"], ["backup"], ["a:"], ["A: x"],
                  [f"p{n}: x" for n in range(51)]),
}  # fmt: skip

CASES = [(key, value) for key, values in HOSTILE.items() for value in values]
NOT_WRITTEN = {"golden.rows": "read from golden.file, a file with a limit of its own"}


def toml(value: Any) -> str:
    """One value as TOML; what JSON spells alike, JSON writes."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return repr(value)
    # TOML's strings hold no surrogates and know \u00XX as JSON does.
    return json.dumps(value, ensure_ascii=not isinstance(value, str) or any(c < " " for c in value))


def text(document: dict[str, Any]) -> str:
    return "\n".join(f"{key} = {toml(value)}" for key, value in document.items())


def changed(key: str, value: Any) -> dict[str, Any]:
    document = copy.deepcopy(GOOD)
    place: Any = document
    *way, last = [int(part) if part.isdigit() else part for part in key.split(".")]
    for part in way:
        place = place[part]
    place[last] = value
    return document


def parse(document: dict[str, Any]) -> Policy:
    return parse_policy(text(document), stack="prod", source="deploy.toml")


def keys(model: type[BaseModel], place: str = "") -> Iterator[str]:
    """Every key of the model that holds a value, as it is written in the file; entries of lists as `#`."""
    for name, field in model.model_fields.items():
        here = f"{place}{field.alias or name}"
        inner = list(models(field.annotation))
        listed = "#." if "tuple" in str(field.annotation) or "Mapping" in str(field.annotation) else ""
        for one in inner:
            yield from keys(one, f"{here}.{listed}")
        if not inner:
            yield here


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from models(argument)


def written(key: str) -> str:
    return ".".join("#" if part.isdigit() or part == "m" else part for part in key.split("."))


def test_a_file_with_every_key_is_accepted_and_survives_the_journal() -> None:
    found = parse(GOOD)
    assert from_document(Policy, json.loads(json.dumps(to_document(found)))) == found


def test_every_key_of_the_model_has_hostile_values_or_a_reason() -> None:
    covered = (
        {written(key) for key in HOSTILE} | set(NOT_WRITTEN) | {"golden.rows.#.input", "golden.rows.#.label"}
    )
    assert set(keys(Policy)) - covered == set()
    assert min(len(values) for values in HOSTILE.values()) >= 3
    assert len(CASES) > 500


@pytest.mark.parametrize(("key", "value"), CASES, ids=lambda one: ascii(one)[:40])
def test_a_hostile_value_is_refused_with_its_place(key: str, value: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(changed(key, value))
    table = key.split(".", maxsplit=1)[0]
    assert any(table in str(fault) for fault in caught.value.faults)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("lease.ttl", "3s"), ("lease.ttl", "10m"), ("judge.settle", "60s"), ("rollout.bake", "24h"),
        ("retire.keep_blue", "until-next"), ("rollout.ramp", ["99%"]), ("rollout.tick", "200ms"),
        ("check.0.above", 0), ("check.0.above", -1.5), ("smoke.0.steps.0.text", "<b>a</b>\n\t<i>b</i>"),
        ("security.accept.0.until", "2030-01-01"), ("probes.attempts", 20), ("golden.minimum", 20),
        ("smoke.0.steps", [STEP, STEP | {"path": "/{token}",
        "headers": {"Authorization": "Bearer {token}"}}]),
        ("migration", {"run": "local", "command": "echo ${HOME} | awk '{ print }' > {version}"}),
        ("freeze", [{"start": "2020-01-01T00:00Z", "end": "2020-01-02T00:00Z", "reason": "a past one"}]),
    ],
)  # fmt: skip
def test_a_value_at_its_bound_is_accepted(key: str, value: Any) -> None:
    parse(changed(key, value))


def test_a_local_command_names_what_is_inserted() -> None:
    with pytest.raises(ConfigError, match="unknown placeholder tenant; known: image, version"):
        parse(changed("migration", {"run": "local", "command": "make migrate {tenant}"}))
