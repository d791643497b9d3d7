"""How durations, shares and rates are written, and that nothing else is taken for them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bluegreen.errors import ConfigError
from bluegreen.policy import Policy, parse_policy


def policy(text: str, stack: str = "prod") -> Policy:
    return parse_policy(text, stack=stack, source="deploy.toml")


@pytest.mark.parametrize(
    ("written", "meant"), [("30%", 0.3), ("0.5%", 0.005), ("100%", 1.0), ("12.25%", 0.1225)]
)
def test_a_share_has_a_percent_sign(written: str, meant: float) -> None:
    found = policy(f'[judge]\nlatency_limit = "{written}"\nlatency_acceptable = "0.1%"')
    assert found.judge.latency_limit == pytest.approx(meant)


@pytest.mark.parametrize(
    "written", ["30", "0.3", "1.0", "30.0", "true", '"30"', '"0.3"', '"30 %"', '"-5%"', "[1]"]
)
def test_30_and_0_3_are_refused_with_what_is_allowed(written: str) -> None:
    with pytest.raises(ConfigError) as caught:
        policy(f"[judge]\nlatency_limit = {written}")
    (fault,) = caught.value.faults
    assert "judge.latency_limit" in str(fault)
    assert '"30%", "0.5%"' in str(fault)


@pytest.mark.parametrize("written", ["300", "300.0", '"300"', '"5 m"', '"m5"', "false"])
def test_a_duration_has_a_unit(written: str) -> None:
    with pytest.raises(ConfigError) as caught:
        policy(f"[rollout]\nbake = {written}")
    assert 'rollout.bake: a duration needs a unit: "500ms", "90s", "5m", "1h30m"' in str(caught.value)


@pytest.mark.parametrize("written", ["[5, 50]", '["5%", 50]', '["5", "50"]', '["0.5%", "50%"]'])
def test_a_weight_is_a_whole_percentage(written: str) -> None:
    with pytest.raises(ConfigError, match=r"a weight is a whole percentage"):
        policy(f"[rollout]\nramp = {written}")


@pytest.mark.parametrize(("written", "meant"), [('"2/s"', 2.0), ('"30/m"', 0.5), ('"36/h"', 0.01)])
def test_a_rate_names_its_time(written: str, meant: float) -> None:
    assert policy(f"[probes]\nsynthetic = {written}").probes.synthetic == pytest.approx(meant)


@pytest.mark.parametrize("written", ["2", "2.0", '"2"', '"2/day"', '"-2/s"'])
def test_other_rates_are_refused(written: str) -> None:
    with pytest.raises(ConfigError, match="a rate names its time"):
        policy(f"[probes]\nsynthetic = {written}")


def test_a_policy_survives_the_journal_in_which_it_is_plain_numbers() -> None:
    text = '[rollout]\nramp = ["5%", "50%"]\nbake = "5m"\n[probes]\nsynthetic = "2/s"'
    before = policy(text)
    stored = json.loads(json.dumps(before.model_dump(mode="json", by_alias=True)))
    assert Policy.model_validate(stored) == before
    whole: dict[str, Any] = json.loads(
        json.dumps(stored), parse_float=lambda x: int(float(x)) if float(x) == int(float(x)) else float(x)
    )
    assert Policy.model_validate(whole) == before


def test_every_fault_of_every_stack_is_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        policy(
            '[judge]\nerror_limit = 0.01\n[rollout]\nbake = 300\n[metrics]\nlatency = "datadog"\n'
            "[stacks.prod.judge]\nfalse_alarm = 1\n[stacks.dev.probes]\nsynthetic = 7"
        )
    said = str(caught.value)
    for place in (
        "judge.error_limit",
        "rollout.bake",
        "metrics.latency",
        "judge.false_alarm",
        "probes.synthetic",
    ):
        assert place in said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('error_limit = "60%"', "less than or equal to 0.5"),
        ('error_acceptable = "2%"', "error_acceptable 2.000% is not below error_limit 1.000%"),
        ('latency_limit = "1000%"', "less than or equal to 9"),
        ('false_alarm = "0%"', "greater than or equal to 0.0001"),
        ('burst = "0s"', "greater than 0"),
        ('period = "10m"', "less than or equal to 300"),
    ],
)
def test_what_the_judge_could_not_use_is_refused_before_anything_is_changed(line: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        policy(f"[judge]\n{line}")
    assert said in str(caught.value)


FREEZE = '[[freeze]]\nstart = "2030-01-01T00:00:00{}"\nend = "2030-01-02T00:00:00{}"\nreason = "sale"'


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ('[rollout]\nramp = ["5%", "50%"]', '[rollout]\nramp = ["50%", "5%"]'),
        ('[rollout]\nramp = ["5%", "50%"]', '[rollout]\nramp = ["50%", "50%"]'),
        ('[rollout]\nramp = ["99%"]', '[rollout]\nramp = ["100%"]'),
        ('[rollout]\nramp = ["1%"]', '[rollout]\nramp = ["0%"]'),
        ('[rollout]\nbake = "5m"\nmin_bake = "5m"', '[rollout]\nbake = "5m"\nmin_bake = "6m"'),
        ('[rollout]\ntick = "200ms"', '[rollout]\ntick = "100ms"'),
        ('[judge]\nburst = "4m"', '[judge]\nburst = "5m"'),
        ('[judge]\ncold_start = "4m"', '[judge]\ncold_start = "5m"'),
        (FREEZE.format("Z", "+09:00"), FREEZE.format("Z", "")),
        (FREEZE.format("Z", "+09:00"), FREEZE.format("", "Z")),
        ('[retire]\nkeep_blue = "until-next"', '[retire]\nkeep_blue = "for ever"'),
    ],
)
def test_a_step_that_would_show_nothing_or_go_backwards_is_refused(good: str, bad: str) -> None:
    policy(good)
    with pytest.raises(ConfigError):
        policy(bad)


def test_a_lease_outlasts_the_pause_between_two_renewals() -> None:
    with pytest.raises(ConfigError) as caught:
        policy('[lease]\nttl = "0s"')
    (fault,) = caught.value.faults
    assert "lease.ttl" in str(fault)
    assert policy('[lease]\nttl = "3s"').lease.ttl == 3
