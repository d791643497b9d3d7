"""How instances live: boots, hooks, grace, zones, capacity, suspended processes; each rule is AWS's own."""

from __future__ import annotations

from typing import Any

import pytest

from bluegreen.lab.cloud.behaviour import Behaviour
from bluegreen.lab.cloud.clock import as_datetime
from bluegreen.lab.cloud.settings import Settings
from tests.lab.cloud.conftest import Stack, build, forward
from tests.lab.cloud.test_elb import refused

HOOK = {
    "LifecycleHookName": "boot",
    "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
    "HeartbeatTimeout": 60,
}


def fleet(stack: Stack, size: int = 2, **given: Any) -> str:
    """A fleet `blue` behind a rule; returns its target group."""
    blue = stack.group("blue", delay=5)
    stack.rule(10, forward(**{blue: 1}))
    stack.fleet("blue", blue, size, **given)
    return blue


def states(stack: Stack) -> list[str]:
    return [one["LifecycleState"] for one in stack.instances("blue")]


def names(stack: Stack) -> set[str]:
    return {one["InstanceId"] for one in stack.instances("blue")}


def zones(stack: Stack) -> list[str]:
    return sorted(one["AvailabilityZone"][-1] for one in stack.instances("blue"))


def activities(stack: Stack) -> list[dict[str, Any]]:
    """Newest first."""
    found = stack.asg.describe_scaling_activities(AutoScalingGroupName="blue")
    listed: list[dict[str, Any]] = found["Activities"]
    return listed


def ready_after(stack: Stack, group: str, limit: int) -> list[float]:
    """Seconds after which each target has become healthy."""
    found: list[float] = []
    for second in range(limit):
        stack.clock.sleep(1)
        healthy = stack.health(group).count(("healthy", ""))
        found += [second + 1.0] * (healthy - len(found))
    return found


def test_boots_are_drawn_for_each_instance_and_the_same_in_every_run() -> None:
    times = []
    for _ in range(2):
        stack = build(Settings(boot_seconds=20, boot_spread_seconds=60))
        times.append(ready_after(stack, fleet(stack, 4, HealthCheckGracePeriod=300), 120))
    assert times[0] == times[1]
    assert len(set(times[0])) > 1
    assert 20 <= min(times[0]) <= max(times[0]) <= 80 + 1 + 3 * 10


def test_at_the_pace_of_aws_a_boot_takes_two_to_four_minutes() -> None:
    stack = build(Settings().realistic())
    for _ in range(50):
        stack.cloud.instances.launch(template_id=stack.template, version=1, subnet_id="subnet-1", tags={})
    boots = [one.boots_at - one.running_at for one in stack.cloud.instances.all.values()]
    assert 120 <= min(boots) < 140
    assert 220 < max(boots) <= 240


class TestAHook:
    def test_holds_an_instance_in_pending_wait_until_its_host_serves(self) -> None:
        """And only then it is registered, so that InService means serving."""
        stack = build(Settings(boot_seconds=40))
        blue = fleet(stack, LifecycleHookSpecificationList=[HOOK])
        stack.clock.sleep(30)
        assert (states(stack), stack.health(blue)) == (["Pending:Wait"] * 2, [])
        stack.clock.sleep(12)
        assert states(stack) == ["InService"] * 2
        assert {state for state, _ in stack.health(blue)} == {"healthy"}, "its first check finds it serving"

    def test_that_is_not_answered_is_abandoned_and_another_instance_launched(self) -> None:
        stack = build(Settings(boot_seconds=1000))
        fleet(stack, 1, LifecycleHookSpecificationList=[HOOK])
        first = names(stack)
        stack.clock.sleep(64)
        assert names(stack).isdisjoint(first)
        cancelled = activities(stack)[-1]
        assert cancelled["StatusCode"] == "Cancelled"
        assert "was abandoned: Heartbeat Timeout" in cancelled["StatusMessage"]

    def test_whose_default_is_continue_lets_it_into_service(self) -> None:
        stack = build(Settings(boot_seconds=1000))
        fleet(stack, 1, LifecycleHookSpecificationList=[{**HOOK, "DefaultResult": "CONTINUE"}])
        stack.clock.sleep(62)
        assert states(stack) == ["InService"]

    def test_is_answered_once_by_whoever_holds_its_name(self) -> None:
        stack = build(Settings(boot_seconds=1000))
        fleet(stack, 1, LifecycleHookSpecificationList=[HOOK])
        stack.clock.sleep(50)
        asked = {"AutoScalingGroupName": "blue", "LifecycleHookName": "boot"}
        asked["InstanceId"] = names(stack).pop()
        assert states(stack) == ["Pending:Wait"]
        stack.asg.complete_lifecycle_action(**asked, LifecycleActionResult="CONTINUE")
        stack.clock.sleep(1)
        assert states(stack) == ["InService"]
        again = stack.asg.complete_lifecycle_action
        assert refused(again, **asked, LifecycleActionResult="CONTINUE") == "ValidationError"

    def test_at_the_end_waits_after_the_drain(self, stack: Stack) -> None:
        fleet(stack, 2)
        stack.clock.sleep(20)
        transition = "autoscaling:EC2_INSTANCE_TERMINATING"
        stack.asg.put_lifecycle_hook(
            AutoScalingGroupName="blue", **{**HOOK, "LifecycleTransition": transition}
        )
        stack.asg.set_desired_capacity(AutoScalingGroupName="blue", DesiredCapacity=1)
        assert states(stack).count("Terminating") == 1
        stack.clock.sleep(6)
        assert states(stack).count("Terminating:Wait") == 1
        stack.clock.sleep(63)
        assert states(stack) == ["InService"], "ABANDON and CONTINUE both terminate it"


def test_the_grace_period_spares_a_boot_and_only_that() -> None:
    stack = build(Settings(boot_seconds=60))
    fleet(stack, HealthCheckType="ELB", HealthCheckGracePeriod=90)
    stack.clock.sleep(120)
    stack.asg.set_desired_capacity(AutoScalingGroupName="blue", DesiredCapacity=3)
    first = names(stack)
    stack.clock.sleep(120)
    assert names(stack) == first, "the third one failed its checks while it booted"
    stack.behaviours["v1.0.0"] = Behaviour(healthy=False)
    stack.clock.sleep(40)
    assert names(stack).isdisjoint(first), "replaced after two failed checks, for its grace is over"


def test_a_host_that_is_lost_is_found_by_ec2_and_replaced(stack: Stack) -> None:
    blue = fleet(stack)
    stack.clock.sleep(20)
    lost = stack.cloud.instances.all[min(names(stack))]
    stack.cloud.instances.lose(lost)
    stack.clock.sleep(1)
    assert lost.id in names(stack), "EC2 has not noticed yet"
    stack.clock.sleep(40)
    assert lost.id not in names(stack)
    assert stack.health(blue) == [("healthy", "")] * 2


@pytest.mark.parametrize(
    ("process", "kept"),
    [("Launch", 1), ("Terminate", 2), ("ReplaceUnhealthy", 2), ("HealthCheck", 2), ("AZRebalance", 2)],
)
def test_a_suspended_process_does_not_run(stack: Stack, process: str, kept: int) -> None:
    """One of two instances is terminated by hand."""
    fleet(stack)
    stack.clock.sleep(20)
    before = names(stack)
    stack.asg.suspend_processes(AutoScalingGroupName="blue", ScalingProcesses=[process])
    (shown,) = stack.asg.describe_auto_scaling_groups()["AutoScalingGroups"]
    assert [one["ProcessName"] for one in shown["SuspendedProcesses"]] == [process]
    stack.ec2.terminate_instances(InstanceIds=[min(before)])
    stack.clock.sleep(60)
    now = names(stack)
    assert len(now) == kept
    assert (now == before) is (process in ("Terminate", "ReplaceUnhealthy", "HealthCheck"))
    stack.asg.resume_processes(AutoScalingGroupName="blue")
    stack.clock.sleep(60)
    assert len(names(stack) - {min(before)}) == 2


def test_what_is_launched_while_adding_is_suspended_is_never_registered(stack: Stack) -> None:
    blue = fleet(stack, 1)
    stack.clock.sleep(20)
    add = {"AutoScalingGroupName": "blue", "ScalingProcesses": ["AddToLoadBalancer"]}
    stack.asg.suspend_processes(**add)
    stack.asg.set_desired_capacity(AutoScalingGroupName="blue", DesiredCapacity=2)
    stack.clock.sleep(20)
    stack.asg.resume_processes(**add)
    stack.clock.sleep(60)
    assert (len(names(stack)), len(stack.health(blue))) == (2, 1)


class TestCapacity:
    def test_that_one_zone_lacks_is_found_in_another_and_balanced_later(self, stack: Stack) -> None:
        stack.cloud.world.conditions.set({"full_zones": ["a"]})
        fleet(stack)
        stack.clock.sleep(20)
        assert zones(stack) == ["c", "c"]
        failed = activities(stack)[-1]
        assert failed["StatusCode"] == "Failed"
        assert failed["StatusMessage"].startswith("We currently do not have sufficient t3.micro capacity")
        assert "choosing ap-northeast-1c" in failed["StatusMessage"]
        stack.cloud.world.conditions.clear(["full_zones"])
        stack.clock.sleep(2)
        assert (zones(stack), len(states(stack))) == (["a", "c", "c"], 3), "launch first, then terminate"
        stack.clock.sleep(20)
        assert zones(stack) == ["a", "c"]

    def test_that_is_nowhere_fails_and_is_asked_for_again(self, stack: Stack) -> None:
        stack.cloud.world.conditions.set({"full_zones": ["*"]})
        fleet(stack)
        stack.clock.sleep(120)
        assert names(stack) == set()
        assert "Launching EC2 instance failed." in activities(stack)[0]["Description"]
        stack.cloud.world.conditions.clear()
        stack.clock.sleep(300)
        assert states(stack) == ["InService"] * 2

    def test_of_a_lost_zone_is_made_up_for_by_the_others(self, stack: Stack) -> None:
        blue = fleet(stack)
        stack.clock.sleep(20)
        stack.cloud.world.conditions.set({"lost_zones": ["a"]})
        stack.clock.sleep(60)
        assert zones(stack) == ["c", "c"]
        assert stack.health(blue) == [("healthy", "")] * 2


class TestTracking:
    """A policy of 100 requests per target and minute, of which a datapoint lasts 5 s; two instances."""

    def tracked(self, rate: float, warmup: int = 20) -> Stack:
        stack = build(Settings(boot_seconds=1))
        blue = fleet(stack, DefaultInstanceWarmup=warmup)
        label = f"{stack.balancer.partition(':loadbalancer/')[2]}/{blue.rpartition(':')[2]}"
        metric = {"PredefinedMetricType": "ALBRequestCountPerTarget", "ResourceLabel": label}
        stack.asg.put_scaling_policy(
            AutoScalingGroupName="blue",
            PolicyName="requests",
            PolicyType="TargetTrackingScaling",
            TargetTrackingConfiguration={"TargetValue": 600.0, "PredefinedMetricSpecification": metric},
        )
        stack.clock.sleep(30)
        self.load(stack, rate)
        return stack

    def load(self, stack: Stack, rate: float) -> None:
        stack.cloud.advance()
        stack.cloud.traffic.rates = {"/": rate}

    def desired(self, stack: Stack) -> int:
        found = stack.asg.describe_auto_scaling_groups()["AutoScalingGroups"]
        return int(found[0]["DesiredCapacity"])

    def test_grows_after_three_datapoints_by_the_load_and_once(self) -> None:
        stack = self.tracked(rate=45)
        stack.clock.sleep(14)
        assert self.desired(stack) == 2
        stack.clock.sleep(12)
        assert self.desired(stack) == 5
        assert (
            "triggered policy requests changing the desired capacity from 2 to 5"
            in activities(stack)[0]["Cause"]
        )
        stack.clock.sleep(120)
        assert self.desired(stack) == 5

    def test_shrinks_after_fifteen_datapoints_to_its_minimum_and_spares_the_protected(self) -> None:
        stack = self.tracked(rate=5)
        protected = sorted(names(stack))[:1]
        stack.asg.set_instance_protection(
            AutoScalingGroupName="blue", InstanceIds=protected, ProtectedFromScaleIn=True
        )
        stack.clock.sleep(60)
        assert self.desired(stack) == 2
        stack.clock.sleep(40)
        assert self.desired(stack) == 1
        stack.clock.sleep(200)
        assert names(stack) == set(protected)

    def test_does_not_shrink_while_an_instance_warms_up(self) -> None:
        stack = self.tracked(rate=5, warmup=400)
        stack.clock.sleep(200)
        assert self.desired(stack) == 2
        stack.clock.sleep(250)
        assert self.desired(stack) == 1

    def test_does_nothing_without_data_or_while_alarms_are_suspended(self) -> None:
        stack = self.tracked(rate=45)
        stack.asg.suspend_processes(AutoScalingGroupName="blue", ScalingProcesses=["AlarmNotification"])
        stack.clock.sleep(60)
        assert self.desired(stack) == 2
        self.load(stack, 0)
        stack.clock.sleep(100)
        stack.asg.resume_processes(AutoScalingGroupName="blue")
        stack.clock.sleep(200)
        assert self.desired(stack) == 2

    def test_follows_a_demand_that_is_injected(self) -> None:
        stack = self.tracked(rate=5)
        stack.cloud.world.conditions.set({"demand": {"blue": 3.0}})
        stack.clock.sleep(60)
        assert self.desired(stack) == 3


def test_reads_lag_behind_creates_of_every_service() -> None:
    stack = build()
    stack.clock.sleep(20)
    stack.cloud.world.conditions.set({"read_lag_seconds": 10.0})
    blue = fleet(stack, 1)
    stack.asg.put_scaling_policy(
        AutoScalingGroupName="blue",
        PolicyName="cpu",
        PolicyType="TargetTrackingScaling",
        TargetTrackingConfiguration={
            "TargetValue": 50.0,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageCPUUtilization"},
        },
    )
    (member,) = stack.cloud.scaling.groups["blue"].members

    def seen() -> dict[str, Any]:
        return {
            "fleets": len(stack.asg.describe_auto_scaling_groups()["AutoScalingGroups"]),
            "policies": len(stack.asg.describe_policies(AutoScalingGroupName="blue")["ScalingPolicies"]),
            "groups": len(stack.elb.describe_target_groups()["TargetGroups"]),
            "rules": len(stack.elb.describe_rules(ListenerArn=stack.listener)["Rules"]),
        }

    assert seen() == {"fleets": 0, "policies": 0, "groups": 0, "rules": 1}
    assert refused(stack.elb.describe_target_health, TargetGroupArn=blue) == "TargetGroupNotFound"
    assert refused(stack.elb.describe_tags, ResourceArns=[blue]) == "TargetGroupNotFound"
    assert refused(stack.elb.describe_target_groups, Names=["blue"]) == "TargetGroupNotFound"
    assert refused(stack.ec2.describe_instances, InstanceIds=[member]) == "InvalidInstanceID.NotFound"
    stack.clock.sleep(11)
    assert seen() == {"fleets": 1, "policies": 1, "groups": 1, "rules": 2}
    assert stack.ec2.describe_instances(InstanceIds=[member])["Reservations"]


def requests(stack: Stack, start: float, end: float) -> list[float]:
    found = stack.client("cloudwatch").get_metric_data(
        StartTime=as_datetime(start),
        EndTime=as_datetime(end),
        ScanBy="TimestampAscending",
        MetricDataQueries=[
            {
                "Id": "n",
                "MetricStat": {
                    "Metric": {
                        "Namespace": "AWS/ApplicationELB",
                        "MetricName": "RequestCount",
                        "Dimensions": [
                            {"Name": "LoadBalancer", "Value": stack.balancer.partition(":loadbalancer/")[2]}
                        ],
                    },
                    "Period": 1,
                    "Stat": "Sum",
                },
            }
        ],
    )
    values: list[float] = found["MetricDataResults"][0]["Values"]
    return values


@pytest.mark.parametrize(
    ("condition", "at_once", "later", "healed"),
    [
        ({}, [8.0], [8.0], [8.0]),
        ({"metrics_late_seconds": 30.0}, [], [8.0], [8.0]),
        ({"metrics_twice": True}, [4.0], [8.0], [8.0]),
        ({"metrics_missing": True}, [], [], []),
    ],
)
def test_metrics_come_in_time_late_twice_or_not_at_all(
    stack: Stack, condition: dict[str, Any], at_once: list[float], later: list[float], healed: list[float]
) -> None:
    fleet(stack)
    stack.clock.sleep(20)
    stack.cloud.advance()
    stack.cloud.world.conditions.set(condition)
    start = stack.clock.now()
    stack.cloud.traffic.rates = {"/": 8.0}
    stack.clock.sleep(2.5)
    assert requests(stack, start, start + 1) == at_once
    stack.clock.sleep(40)
    assert requests(stack, start, start + 1) == later
    stack.cloud.world.conditions.clear()
    assert requests(stack, start, start + 1) == healed


@pytest.mark.parametrize("document", [{"no_such": 1}, {"read_lag_seconds": "soon"}, {"full_zones": "a"}])
def test_a_condition_that_does_not_exist_or_fit_is_refused(stack: Stack, document: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(document))):
        stack.cloud.world.conditions.set(document)
    assert stack.cloud.world.conditions.document() == {}
