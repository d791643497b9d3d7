"""What a machine gives the lab decides how slow its clock runs, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bluegreen.lab.lifecycle import BOOT_BUDGET_SECONDS
from bluegreen.lab.machine import STARVED, STRETCHES, Gauge, Late, Machine, share_of_a_core
from bluegreen.lab.stack.policy_file import PolicyFile
from bluegreen.policy.reading import load_policy
from bluegreen.policy.tables import Policy
from tests.lab.cloud.conftest import build, forward

CALM, BUSY, HOPELESS = 1.0, 0.08, 0.001
"""Shares of a core that a look may find."""


@pytest.mark.parametrize(
    ("share", "late", "needed"),
    [
        (1.0, {}, 1),
        (0.5, {Late.TIMER: 0.9, Late.COUNTS: 0.9, Late.INSTANCE: 7.0}, 1),
        (0.4, {}, 2),
        (0.1, {}, 5),
        (0.05, {}, 10),
        (0.02, {}, STARVED),
        (1.0, {Late.TIMER: 1.5}, 2),
        (1.0, {Late.COUNTS: 3.1}, 5),
        (1.0, {Late.INSTANCE: 60.0}, 10),
        (1.0, {Late.COUNTS: 11.0}, STARVED),
    ],
)
def test_the_worst_of_all_signs_decides(share: float, late: dict[Late, float], needed: int) -> None:
    assert Machine(share=share, late=late).needed == needed


def test_the_figure_and_what_follows_from_it_are_said() -> None:
    slow = Machine(share=0.4, late={Late.TIMER: 0.02, Late.COUNTS: 3.1})
    assert slow.words(5) == (
        "this machine gives the lab 0.40 of a core; the load balancer's counts arrive 3.1 s late; "
        "the lab slows its clock by 5"
    )
    assert Machine(share=1.0).words(1) == "this machine gives the lab 1.00 of a core"
    assert (
        Machine(share=HOPELESS).words(10).endswith("slows its clock by 10, and even that may be too little")
    )


def looked(gauge: Gauge, *shares: float) -> list[int]:
    """The stretch after each look."""
    found = []
    for share in shares:
        gauge.look(share)
        found.append(gauge.stretch)
    return found


def test_one_look_is_a_hiccup_two_slow_the_clock_and_a_minute_of_calm_quickens_it() -> None:
    gauge = Gauge(1)
    assert looked(gauge, BUSY, CALM, BUSY, BUSY) == [1, 1, 1, 5]
    assert looked(gauge, *[CALM] * 20) == [5] * 19 + [1]


def test_what_comes_late_counts_for_one_look() -> None:
    gauge = Gauge(1)
    gauge.late(Late.COUNTS, 3.1)
    gauge.late(Late.COUNTS, 0.1)
    assert looked(gauge, CALM, CALM) == [1, 1]
    for _ in range(2):
        gauge.late(Late.COUNTS, 3.1)
        gauge.look(CALM)
    assert gauge.stretch == 5
    assert "counts arrive 3.1 s late; the lab slows its clock by 5" in gauge.document()["words"]


def test_a_machine_on_which_nothing_helps_starves_the_lab() -> None:
    gauge = Gauge(2)
    assert looked(gauge, HOPELESS) == [2]
    assert not gauge.starved
    assert looked(gauge, HOPELESS) == [10]
    assert gauge.document() | {"words": ""} == {
        "stretch": 10,
        "needed": STARVED,
        "starved": True,
        "share": HOPELESS,
        "late": {},
        "words": "",
    }


def test_a_busy_thread_gets_some_share() -> None:
    assert 0 < share_of_a_core(0.001) <= 1


def policy(place: Path, stretch: int) -> Policy:
    file = PolicyFile(place, realistic=False)
    file.write(stretch)
    return load_policy(file.path, stack="lab")


def durations(policy: Policy) -> dict[str, float]:
    """Everything in seconds that the lab's policy sets."""
    tables = ("rollout", "judge", "health", "probes", "retire", "lease")
    exempt = {"judge.period", "judge.latency_floor"}
    set_keys = [(name, key) for name in tables for key in getattr(policy, name).model_fields_set]
    found = {
        f"{name}.{key}": value
        for name, key in set_keys
        if isinstance(value := getattr(getattr(policy, name), key), float) and f"{name}.{key}" not in exempt
    }
    return found | {f"smoke.{test.name}": test.steps[0].max_latency for test in policy.smoke}


@pytest.mark.parametrize("stretch", STRETCHES)
def test_every_duration_of_the_policy_is_stretched(tmp_path: Path, stretch: int) -> None:
    usual, slow = durations(policy(tmp_path, 1)), policy(tmp_path, stretch)
    assert durations(slow) == {name: pytest.approx(value * stretch) for name, value in usual.items()}
    assert len(usual) >= 20
    assert slow.judge.period in (1, 5, 10, 20, 30), "CloudWatch has no other"
    assert slow.judge.period <= stretch
    assert slow.health.deadline >= BOOT_BUDGET_SECONDS, "else no release may start"


def test_a_policy_that_a_person_has_changed_stays(tmp_path: Path) -> None:
    file = PolicyFile(tmp_path, realistic=False)
    file.write(1)
    file.stretch(5)
    assert 'bake = "25s"' in file.path.read_text(encoding="utf-8")
    edited = file.path.read_text(encoding="utf-8").replace('ramp = ["25%", "50%"]', 'ramp = ["10%"]')
    file.path.write_text(edited, encoding="utf-8")
    file.stretch(1)
    assert file.path.read_text(encoding="utf-8") == edited
    file.path.unlink()
    file.stretch(2)
    assert not file.path.exists()


def test_the_cloud_gives_health_checks_grace_and_drains_longer() -> None:
    stack = build()
    blue = stack.group("blue", delay=30)
    stack.rule(10, forward(**{blue: 1}))
    stack.fleet("blue", blue)
    stack.clock.sleep(20)

    def check() -> Any:
        return stack.cloud.snapshot()["groups"][blue]["health_check"]

    usual, version = check(), stack.cloud.snapshot()["version"]
    stack.cloud.slow(5)
    slow = check()
    assert stack.cloud.snapshot()["version"] > version, "the data plane asks for what is new"
    assert (slow["interval"], slow["timeout"]) == (5 * usual["interval"], 5 * usual["timeout"])
    asked = stack.elb.describe_target_groups(TargetGroupArns=[blue])["TargetGroups"][0]
    assert asked["HealthCheckIntervalSeconds"] == usual["interval"], "AWS shows what was configured"
    stack.asg.set_desired_capacity(AutoScalingGroupName="blue", DesiredCapacity=1)
    stack.clock.sleep(149)
    assert ("draining", "Target.DeregistrationInProgress") in stack.health(blue)
    stack.clock.sleep(3)
    assert len(stack.health(blue)) == 1


@pytest.mark.parametrize(("stretch", "replaced"), [(1, True), (5, False)])
def test_a_slow_boot_on_a_busy_machine_is_within_the_grace(stretch: int, *, replaced: bool) -> None:
    stack = build()
    blue = stack.group("blue")
    stack.rule(10, forward(**{blue: 1}))
    stack.cloud.slow(stretch)
    stack.fleet("blue", blue, HealthCheckType="ELB", HealthCheckGracePeriod=60)
    stack.clock.sleep(20)
    first = {one["InstanceId"] for one in stack.instances("blue")}
    for instance in stack.cloud.instances.all.values():
        instance.boots_at = stack.clock.now() + 200
    stack.clock.sleep(90)
    now = {one["InstanceId"] for one in stack.instances("blue") if one["LifecycleState"] == "InService"}
    assert (now != first) is replaced
