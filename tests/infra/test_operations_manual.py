"""Whoever is paged reads what to do: each alarm names a section of the manual, and each section an alarm."""

from __future__ import annotations

import json
import re
from pathlib import Path

from bluegreen.policy import parse_policy
from tools.recording import STACKS, Recording, recorded

MANUAL = Path(__file__).resolve().parents[2] / "docs" / "operations-manual.md"
CHINESE = MANUAL.parent / "zh" / "operations-manual.md"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
_LINK = re.compile(r"Runbook: docs/operations-manual\.md#([\w-]+)$")


def anchors(path: Path) -> list[str]:
    """As GitHub makes them: small letters, spaces as hyphens, other signs left out."""
    headings = re.findall(r"^##+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]


def pages(stack: Recording) -> set[str]:
    found = set()
    for one in stack.of(ALARM):
        link = _LINK.search(one.inputs["alarmDescription"])
        assert link, f"{one.name} names no section: {one.inputs['alarmDescription']}"
        found.add(link[1])
    return found


def test_every_alarm_names_a_section_that_is_there(stack: Recording) -> None:
    assert pages(stack) <= set(anchors(MANUAL))


def test_every_section_on_an_alarm_is_named_by_one() -> None:
    text = MANUAL.read_text(encoding="utf-8")
    alarms = text[text.index("\n## Alarms") : text.index("\n### Alerts of Prometheus")]
    sections = set(re.findall(r"^### (\S+)$", alarms, re.MULTILINE))
    named = set().union(*(pages(recorded(stack)) for stack in STACKS))
    assert sections == named


def test_every_alert_of_prometheus_is_in_the_manual() -> None:
    text = MANUAL.read_text(encoding="utf-8")
    rules = [
        rule
        for stack in STACKS
        for one in recorded(stack).of("aws:amp/ruleGroupNamespace:RuleGroupNamespace")
        for group in json.loads(one.inputs["data"])["groups"]
        for rule in group["rules"]
    ]
    assert rules
    for rule in rules:
        assert f"`{rule['alert']}`" in text
        assert _LINK.search(rule["annotations"]["runbook"])


def test_links_within_the_manual_lead_somewhere() -> None:
    text = MANUAL.read_text(encoding="utf-8")
    assert set(re.findall(r"\]\(#([\w-]+)\)", text)) <= set(anchors(MANUAL))


def test_the_freeze_of_the_manual_is_one() -> None:
    text = MANUAL.read_text(encoding="utf-8")
    (shown,) = re.findall(r"```toml\n(\[\[stacks\.prod\.freeze.+?)```", text, re.DOTALL)
    (freeze,) = parse_policy(shown, stack="prod", source="deploy.toml").freeze
    assert freeze.reason == "year end"


def commands(path: Path) -> set[str]:
    """Of sc-deploy and of AWS, in blocks and in the text."""
    text = path.read_text(encoding="utf-8")
    found = re.findall(r"`(sc-deploy [a-z]+ [^`]+)`", text) + re.findall(r"^ *\\$ (.+)$", text, re.MULTILINE)
    return {" ".join(one.split()) for one in found}


def test_the_chinese_manual_has_the_same_alarms_commands_and_numbers() -> None:
    chinese = CHINESE.read_text(encoding="utf-8")
    assert commands(CHINESE) == commands(MANUAL)
    names = [one for one in anchors(MANUAL) if re.search(rf"^### {one}$", MANUAL.read_text(), re.MULTILINE)]
    assert len(names) > 15
    assert [one for one in anchors(CHINESE) if one in names] == names
    assert chinese.count("\n#") == MANUAL.read_text(encoding="utf-8").count("\n#")
    assert set(re.findall(r"\]\(#([^)]+)\)", chinese)) <= set(anchors(CHINESE))
    for number in ("500/s", "200 ms", "300 ms", "0.1 %", "80 %", "85 %", "600", "60 s", "0.7"):
        assert number in chinese
