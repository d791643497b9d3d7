"""Own checks and watched alarms in a release: they roll back, hold or are shown, and clear again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bluegreen.domain.journal import Ending, Entry, Measured, VerdictGiven
from bluegreen.domain.reports import Check, Result
from bluegreen.domain.verdict import Verdict
from bluegreen.engine.checks.doctor import examine
from bluegreen.errors import Refused
from bluegreen.lab.faults import Effect, Fault
from bluegreen.policy import parse_policy
from tests.world.releasing import QUICK, loaded
from tools.world import World

RAMP = QUICK.replace('["50%"]', '["25%", "50%"]').replace('extension = "60s"', 'extension = "20s"')
CHECK = """
[[check]]
name = "speech"
cloudwatch = {{ namespace = "Own", name = "Speech", dimensions = {{ Stack = "{{stack}}" }}, period = "1s" }}
below = 0.7
on_breach = "{on_breach}"
no_data = "{no_data}"
"""


def world(watched: str, *, alarms: tuple[str, ...] = (), speech: float | None = None) -> World:
    """v1.0.0 serves with load; the alarms are there and calm, and speech has that value."""
    made = loaded(World(policy=RAMP), "v1.0.0")
    made.policy = parse_policy(RAMP + watched, stack="sim", source="deploy.toml")
    for name in alarms:
        fire(made, name, "OK")
    if speech is not None:
        says(made, speech)
        made.clock.sleep(6)
    return made


def fire(made: World, name: str, state: str = "ALARM") -> None:
    cloudwatch = made.raw("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=name, Namespace="N", MetricName="M", Period=60, EvaluationPeriods=1, Threshold=1,
        ComparisonOperator="GreaterThanThreshold", Statistic="Sum", TreatMissingData="ignore",
    )  # fmt: skip
    cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="as the test says")


def speech(made: World) -> dict[int, dict[float, float]]:
    """The datapoints of the check's metric, by the second."""
    key = ("Own", "Speech", frozenset({("Stack", "sim")}))
    return made.cloud.metrics._series[key]


def says(made: World, value: float) -> None:
    """This is its value from now on; nobody sees what has not come yet."""
    now = int(made.clock.now())
    speech(made).update({now + second: {value: 1.0} for second in range(500)})


def at(made: World, percent: int, act: Callable[[], Any], *, after: int = 1) -> None:
    """Call `act` at the `after`-th verdict at that share."""
    seen: list[Entry] = []

    def listen(entry: Entry) -> None:
        if isinstance(entry.event, VerdictGiven) and entry.event.percent == percent:
            seen.append(entry)
            if len(seen) == after:
                act()

    made.listeners.append(listen)


def promote(made: World) -> Result:
    deployer = made.deployer()
    return deployer.run(deployer.plan_promotion("v1.1.0"))


def verdicts(made: World) -> list[Verdict]:
    return [entry.event.verdict for _, entry in made.entries if isinstance(entry.event, VerdictGiven)]


def own(made: World) -> Check:
    return next(one for one in examine(made.contract, made.policy, made.ports()) if one.name == "own checks")


class TestAlarms:
    NAMES = ("sportcoach/sim/database-cpu",)

    def test_one_that_rolls_back(self) -> None:
        made = world('[alarms]\nrollback = ["sportcoach/{stack}/database-*"]', alarms=self.NAMES)
        at(made, 25, lambda: fire(made, self.NAMES[0]))
        result = promote(made)
        assert result.ending is Ending.ROLLED_BACK, made.story()
        assert "alarm sportcoach/sim/database-cpu is firing" in result.words
        assert made.weights() == {"app": {"v1.0.0": 100}}
        assert {
            entry.event.percent for _, entry in made.entries if isinstance(entry.event, VerdictGiven)
        } == {25}

    def test_one_that_holds_and_clears(self) -> None:
        made = world('[alarms]\nhold = ["us-east-1:sportcoach/sim/database-cpu"]', alarms=self.NAMES)
        at(made, 25, lambda: fire(made, self.NAMES[0]))
        at(made, 25, lambda: fire(made, self.NAMES[0], "OK"), after=5)
        assert promote(made).ending is Ending.RELEASED, made.story()
        held = [one for one in verdicts(made) if one.hold]
        assert held, made.story()
        assert held[-1].reason.startswith("hold: alarm sportcoach/sim/database-cpu is firing; meanwhile: ")
        assert "alarm sportcoach/sim/database-cpu is firing  ON HOLD" in made.story()

    def test_one_that_does_not_clear_asks(self) -> None:
        made = world('[alarms]\nhold = ["sportcoach/sim/database-cpu"]', alarms=self.NAMES)
        at(made, 50, lambda: fire(made, self.NAMES[0]))
        result = promote(made)
        assert result.ending is Ending.HALTED, made.story()
        assert "paused at 50 %: hold: alarm sportcoach/sim/database-cpu is firing" in result.words
        fire(made, self.NAMES[0], "OK")
        assert made.deployer().resume().ending is Ending.RELEASED, made.story()

    def test_one_that_cannot_be_read_holds(self) -> None:
        made = world('[alarms]\nrollback = ["sportcoach/sim/database-cpu"]', alarms=self.NAMES)
        away = Fault(effect=Effect.THROTTLE, service="cloudwatch", action="DescribeAlarms", times=0)
        at(made, 25, lambda: made.faults.add(away))
        result = promote(made)
        assert result.ending is Ending.HALTED, made.story()
        assert "hold: alarm sportcoach/sim/database-cpu: AWS cloudwatch DescribeAlarms" in result.words

    def test_one_that_is_gone_holds_until_it_is_there_again(self) -> None:
        made = world('[alarms]\nrollback = ["sportcoach/sim/database-cpu"]', alarms=self.NAMES)
        at(made, 25, lambda: made.raw("cloudwatch").delete_alarms(AlarmNames=list(self.NAMES)))
        result = promote(made)
        assert result.ending is Ending.HALTED, made.story()
        assert "hold: alarm sportcoach/sim/database-cpu: there is no such alarm" in result.words
        assert "`sc-deploy resume` watches this step again" in result.next_step
        fire(made, self.NAMES[0], "OK")
        assert made.deployer().resume().ending is Ending.RELEASED, made.story()

    def test_one_that_is_firing_or_missing_refuses_the_start(self) -> None:
        made = world('[alarms]\nrollback = ["calm"]\nhold = ["nobody*"]', alarms=("calm",))
        fire(made, "calm")
        with pytest.raises(Refused) as caught:
            promote(made)
        words = [str(fault) for fault in caught.value.faults]
        assert "alarm nobody*: there is no such alarm in ap-northeast-1" in words[0]
        assert "alarm calm is firing" in words[1]
        check = own(made)
        assert check.ok is False
        assert "there is no such alarm" in check.words


class TestChecks:
    def test_a_breach_rolls_back(self) -> None:
        made = world(CHECK.format(on_breach="rollback", no_data="hold"), speech=0.9)
        at(made, 25, lambda: says(made, 0.5))
        result = promote(made)
        assert result.ending is Ending.ROLLED_BACK, made.story()
        assert "check speech: 0.5 (limit: below 0.7)" in result.words

    def test_a_breach_holds_until_it_is_over(self) -> None:
        made = world(CHECK.format(on_breach="hold", no_data="hold"), speech=0.9)
        at(made, 25, lambda: says(made, 0.5))
        at(made, 25, lambda: says(made, 0.8), after=6)
        assert promote(made).ending is Ending.RELEASED, made.story()
        assert any(one.hold and "check speech: 0.5" in one.reason for one in verdicts(made))
        assert own(made).words == "check speech: 0.8 (limit: below 0.7)"

    @pytest.mark.parametrize("on_breach", ["rollback", "hold", "warn"])
    def test_a_limit_on_the_wrong_side_is_named_before_the_start(self, on_breach: str) -> None:
        """A satisfaction of 0.9 and `above = 0.7`: the check is in breach while all is well."""
        wrong = CHECK.replace("below", "above").format(on_breach=on_breach, no_data="hold")
        made = world(wrong, speech=0.9)
        found = own(made)
        assert (found.ok, found.words) == (False, "check speech: 0.9 (limit: above 0.7)")
        assert "is the limit on the wrong side?" in found.next_step
        if on_breach == "rollback":
            with pytest.raises(Refused, match="may not start") as caught:
                promote(made)
            assert "check speech: 0.9 (limit: above 0.7)" in str(caught.value.faults[0])

    def test_one_value_beyond_the_limit_is_no_breach(self) -> None:
        made = world(CHECK.format(on_breach="rollback", no_data="hold"), speech=0.9)
        at(made, 25, lambda: speech(made).update({int(made.clock.now()): {0.1: 1.0}}))
        assert promote(made).ending is Ending.RELEASED, made.story()

    def test_a_breach_is_only_shown(self) -> None:
        made = world(CHECK.format(on_breach="warn", no_data="ignore"), speech=0.5)
        assert promote(made).ending is Ending.RELEASED, made.story()
        assert "0.5 (limit below 0.7)  over the limit" in made.story()
        events = [entry.event for _, entry in made.entries if isinstance(entry.event, Measured)]
        assert len([one for one in events if one.readings is not None]) == 1  # it changed once

    @pytest.mark.parametrize(
        ("on_breach", "no_data", "ending"),
        [
            ("rollback", "hold", Ending.HALTED),
            ("rollback", "breach", Ending.ROLLED_BACK),
        ],
    )
    def test_no_data(self, on_breach: str, no_data: str, ending: Ending) -> None:
        made = world(CHECK.format(on_breach=on_breach, no_data=no_data), speech=0.9)
        at(made, 25, lambda: speech(made).clear())
        result = promote(made)
        assert result.ending is ending, made.story()
        assert "check speech: no data" in result.words

    def test_a_cloudwatch_that_does_not_answer_is_not_no_data(self) -> None:
        made = world(CHECK.format(on_breach="rollback", no_data="breach"), speech=0.9)
        away = Fault(effect=Effect.THROTTLE, service="cloudwatch", action="GetMetricData", times=0)
        at(made, 25, lambda: made.faults.add(away))
        result = promote(made)
        assert result.ending is Ending.HALTED, made.story()
        assert "hold: metrics broken: cloudwatch" in result.words

    def test_the_plan_says_it(self) -> None:
        made = world(CHECK.format(on_breach="hold", no_data="ignore") + '[alarms]\nrollback = ["x*"]')
        notes = made.deployer().plan_promotion("v1.1.0").notes
        assert notes == (
            "rolls back in every ramp step: alarm x*",
            "holds every ramp step: speech below 0.7 (no data is ignored)",
        )
