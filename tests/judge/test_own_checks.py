"""What a reading does to a verdict: breach, no data, nothing to compare with."""

from __future__ import annotations

import pytest

from bluegreen.domain.readings import Point, Readings
from bluegreen.domain.verdict import CheckFinding, Outcome, Verdict
from bluegreen.judge.own_checks import by_checks, check_findings
from bluegreen.policy import parse_policy

PASS, HOLD, FAIL = Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.FAIL
PASSED = Verdict(outcome=PASS, reason="good")


def found(
    limit: str, *points: Point, on_breach: str = "rollback", no_data: str = "hold", full: bool = False
) -> CheckFinding | None:
    text = f"""
[[check]]
name = "queue"
promql = 'sum(queue{{fleet="{{fleet}}"}})'
tier = "ai"
{limit}
on_breach = "{on_breach}"
no_data = "{no_data}"
"""
    policy = parse_policy(text, stack="prod", source="deploy.toml")
    findings = check_findings(policy, Readings(points={"queue": points}), full=full)
    return findings[0] if findings else None


@pytest.mark.parametrize(
    ("limit", "point", "breach"),
    [
        ("above = 5", (5.0, None), False),
        ("above = 5", (5.1, None), True),
        ("below = 5", (5.0, None), False),
        ("below = 5", (4.9, None), True),
        ("times_blue = 2", (10.0, 5.0), False),
        ("times_blue = 2", (10.1, 5.0), True),
    ],
)
@pytest.mark.parametrize(("on_breach", "outcome"), [("rollback", FAIL), ("hold", HOLD), ("warn", PASS)])
def test_a_limit(limit: str, point: Point, *, breach: bool, on_breach: str, outcome: Outcome) -> None:
    one = found(limit, point, on_breach=on_breach)
    assert one is not None
    assert (one.breach, one.outcome) == (breach, outcome if breach else PASS)


@pytest.mark.parametrize(
    ("no_data", "on_breach", "outcome"),
    [
        ("hold", "rollback", HOLD),
        ("ignore", "rollback", PASS),
        ("breach", "rollback", FAIL),
        ("breach", "hold", HOLD),
        ("breach", "warn", PASS),
    ],
)
@pytest.mark.parametrize("point", [None, (7.0, None), (7.0, 0.0)])
def test_no_data_or_a_blue_that_nothing_can_be_held_against(
    no_data: str, on_breach: str, outcome: Outcome, point: Point | None
) -> None:
    one = found("times_blue = 2", *([point] if point else []), on_breach=on_breach, no_data=no_data)
    assert one is not None
    assert (one.outcome, one.words) == (outcome, "check queue: no data")


def test_at_100_percent_nothing_is_compared_with_blue() -> None:
    assert found("times_blue = 2", (50.0, 1.0), full=True) is None
    assert found("above = 2", (50.0, None), full=True) is not None


@pytest.mark.parametrize(
    ("values", "outcome"), [((9.0, 1.0), PASS), ((1.0, 9.0), PASS), ((9.0, 9.0), FAIL), ((9.0,), HOLD)]
)
def test_as_many_values_in_a_row_as_the_check_says(values: tuple[float, ...], outcome: Outcome) -> None:
    text = """
[[check]]
name = "cpu"
cloudwatch = { namespace = "N", name = "M" }
above = 5
on_breach = "rollback"
no_data = "hold"
"""
    policy = parse_policy(text, stack="prod", source="deploy.toml")
    (one,) = check_findings(policy, Readings(points={"cpu": tuple((x, None) for x in values)}), full=False)
    assert one.outcome is outcome


def test_what_was_not_read_says_nothing() -> None:
    """A source that does not answer is a trouble, which holds; nothing fails by it."""
    policy = parse_policy('[alarms]\nrollback = ["x"]', stack="prod", source="deploy.toml")
    assert check_findings(policy, Readings(), full=False) == ()


def finding(outcome: Outcome) -> CheckFinding:
    return CheckFinding(name=outcome, outcome=outcome, words=f"it is {outcome}", breach=True)


def test_a_breach_outlives_a_pass_and_a_fail_outlives_all() -> None:
    both = (finding(HOLD), finding(FAIL))
    failed = by_checks(PASSED, both, late=False)
    assert (failed.outcome, failed.reason, failed.hold) == (FAIL, "it is fail", False)
    held = by_checks(PASSED, both[:1], late=True)
    assert (held.outcome, held.hold, held.ask) == (HOLD, True, True)
    assert held.reason == "hold: it is inconclusive; meanwhile: good"
    assert by_checks(PASSED, (finding(PASS),), late=True).outcome is PASS
    broken = by_checks(Verdict(outcome=Outcome.ERROR, reason="broken", hold=True), both[:1], late=False)
    assert broken.outcome is Outcome.ERROR
    assert by_checks(Verdict(outcome=FAIL, reason="errors"), both, late=False).reason == "errors; it is fail"
