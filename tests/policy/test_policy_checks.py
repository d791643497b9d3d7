"""`[[check]]` and `[alarms]`: what they must say, and every fault at once."""

from __future__ import annotations

import pytest

from bluegreen.errors import ConfigError
from bluegreen.policy import Policy, parse_policy


def parse(text: str) -> Policy:
    return parse_policy(text, stack="prod", source="deploy.toml")


def check(*lines: str, name: str = "x") -> str:
    return "\n".join(["[[check]]", f'name = "{name}"', 'on_breach = "hold"', 'no_data = "hold"', *lines, ""])


QUERY = "promql = 'sum(q{fleet=\"{fleet}\"})'"
_M = '{{ namespace = "N", name = "M" }}'
MATH = f'cloudwatch = {{{{ expression = "{{}}", metrics = {{{{ bad = {_M}, all = {_M} }}}} }}}}'
METRIC = 'cloudwatch = { namespace = "N", name = "M" }'


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        (("above = 1",), "exactly one source"),
        (("promql = 'up'", METRIC, "above = 1"), "exactly one source"),
        (("promql = 'up'",), "exactly one limit"),
        (("promql = 'up'", "above = 1", "below = 0"), "exactly one limit"),
        (("promql = 'up'", "above = nan"), "should be a finite number"),
        (("promql = 'up'", "times_blue = 2"), "times_blue needs {fleet}"),
        ((QUERY, 'tier = "ai"', "times_blue = 1"), "times_blue 1 must be above 1"),
        ((QUERY, "above = 1"), "it needs a tier"),
        (("promql = 'sum({flet})'", "above = 1"), "unknown placeholder flet; known are stack"),
        (('cloudwatch = { namespace = "N", name = "M", region = "eu-west-1" }', "above = 1"), "region"),
        (('cloudwatch = { namespace = "N", name = "M", statistic = "avg" }', "above = 1"), "statistic"),
        (('cloudwatch = { namespace = "N" }', "above = 1"), "a metric needs namespace and name"),
        (("cloudwatch = {}", "above = 1"), "must be one metric"),
        (
            ('cloudwatch = { namespace = "N", name = "M", expression = "m" }', "above = 1"),
            "must be one metric",
        ),
        (('cloudwatch = { expression = "1 + 1" }', "above = 1"), "an expression needs metrics"),
        ((MATH.format("100 * bad / every"), "above = 1"), "names every, which metrics does not have"),
        ((MATH.format("100 * bad"), "above = 1"), "does not use all"),
        (
            (MATH.format("bad + all + SEARCH('{{N}}', 'Sum')"), "above = 1"),
            "SEARCH cannot be used: a check has one value",
        ),
        (
            (MATH.format("bad / every"), "above = 1"),
            "which metrics does not have; the expression does not use all",
        ),
        ((MATH.format("bad / all"), "times_blue = 2"), "times_blue needs {fleet}"),
        (('cloudwatch = { namespace = "N", name = "M", period = "90s" }', "above = 1"), "whole minutes"),
    ],
)
def test_a_check_that_cannot_be_meant(lines: tuple[str, ...], fault: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(check(*lines))
    assert fault in str(caught.value)
    assert "deploy.toml [prod]: check.0" in str(caught.value)


def test_every_fault_at_once_with_its_place() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(
            check("promql = 'up'")
            + '[[check]]\nname = "y"\npromql = "up"\nabove = 1\n[alarms]\nhold = ["a*b"]'
        )
    text = str(caught.value)
    for place in ("check.0", "check.1.on_breach", "check.1.no_data", "alarms.hold.0"):
        assert f"[prod]: {place}" in text


@pytest.mark.parametrize("entry", ["", "*", "a*b", "us-east-1:", "prometheus:a b", "x{fleet}"])
def test_an_alarm_that_cannot_be_meant(entry: str) -> None:
    with pytest.raises(ConfigError, match=r"alarms\.hold\.0"):
        parse(f'[alarms]\nhold = ["{entry}"]')


def test_names_are_there_once() -> None:
    with pytest.raises(ConfigError, match="check 'x' is there twice"):
        parse(check("promql = 'up'", "above = 1") * 2)
    with pytest.raises(ConfigError, match="named twice: a"):
        parse('[alarms]\nhold = ["a"]\nrollback = ["a"]')
