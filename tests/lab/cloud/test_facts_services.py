"""CloudWatch, Scheduler, Run Command, RDS: rules that a release leans on; each docstring names AWS's page."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bluegreen.lab.cloud.clock import as_datetime
from bluegreen.lab.cloud.commands import Outcome
from bluegreen.lab.cloud.settings import Settings
from tests.lab.cloud.conftest import Stack, build, forward
from tests.lab.cloud.test_elb import refused
from tests.lab.cloud.test_hosts import command
from tests.lab.cloud.test_schedules import asked, weights


class TestCloudWatch:
    @pytest.mark.parametrize("hours", [-14 * 24 - 1, 3])
    def test_takes_data_of_the_last_two_weeks_and_the_next_two_hours(self, stack: Stack, hours: int) -> None:
        """API reference, PutMetricData and MetricDatum."""
        put = stack.client("cloudwatch").put_metric_data
        when = as_datetime(stack.clock.now()) + timedelta(hours=hours)
        datum = {"MetricName": "m", "Value": 1.0, "Timestamp": when}
        assert refused(put, Namespace="Own", MetricData=[datum]) == "InvalidParameterValue"
        put(
            Namespace="Own",
            MetricData=[{**datum, "Timestamp": when - timedelta(hours=2 if hours > 0 else -2)}],
        )

    def test_has_periods_of_few_seconds_or_whole_minutes(self, stack: Stack) -> None:
        """API reference, MetricStat: 1, 5, 10, 20, 30 or a multiple of 60 s; StartTime before EndTime."""
        now = as_datetime(stack.clock.now())
        stat = {"Metric": {"Namespace": "Own", "MetricName": "m"}, "Stat": "Sum"}

        def code(period: int, minutes: int = 5) -> str:
            queries = [{"Id": "m", "MetricStat": {**stat, "Period": period}}]
            times = {"StartTime": now - timedelta(minutes=minutes), "EndTime": now}
            return refused(stack.client("cloudwatch").get_metric_data, **times, MetricDataQueries=queries)

        assert {code(period) for period in (2, 59, 90)} == {"ValidationError"}
        assert code(60, minutes=0) == "ValidationError"


class TestScheduler:
    def test_forgets_on_an_update_what_is_not_given_again(self, stack: Stack) -> None:
        """API reference, UpdateSchedule: what is left out falls back to its default, so a disabled schedule
        is enabled by an update without State."""
        rule = stack.rule(10, forward(**{stack.group("blue"): 1}))
        scheduler, safe = stack.client("scheduler"), forward(**{stack.group("blue"): 9})
        scheduler.create_schedule(**asked(stack, rule, safe, 10, State="DISABLED", Description="d"))
        scheduler.update_schedule(**asked(stack, rule, safe, 20))
        shown = scheduler.get_schedule(Name="watchdog")
        assert (shown["State"], "Description" in shown) == ("ENABLED", False)
        stack.clock.sleep(25)
        assert weights(stack, rule) == [9]

    def test_takes_no_target_without_a_role_and_no_name_beyond_64_characters(self, stack: Stack) -> None:
        """API reference, CreateSchedule and Target: RoleArn is required; names have 1 to 64 characters."""
        good = asked(stack, "arn:rule", [], 60)
        create = stack.client("scheduler").create_schedule
        bare = {**good["Target"], "RoleArn": "watchdog"}
        for change in ({"Target": bare}, {"Name": "n" * 65}, {"FlexibleTimeWindow": {"Mode": "FLEXIBLE"}}):
            assert refused(create, **{**good, **change}) == "ValidationException"

    def test_deletes_a_group_with_its_schedules(self, stack: Stack) -> None:
        """API reference, DeleteScheduleGroup."""
        scheduler = stack.client("scheduler")
        scheduler.create_schedule_group(Name="lab")
        scheduler.create_schedule(**asked(stack, "arn:rule", [], 60, GroupName="lab"))
        scheduler.delete_schedule_group(Name="lab")
        assert scheduler.list_schedules()["Schedules"] == []


class TestRunCommand:
    def test_may_not_know_an_invocation_that_was_just_sent(self) -> None:
        """API reference, GetCommandInvocation: InvocationDoesNotExist, also right after SendCommand, for the
        result is stored with a delay."""
        stack = build(runner=lambda *_: Outcome(code=0))
        stack.clock.sleep(20)
        stack.cloud.world.conditions.set({"read_lag_seconds": 3.0})
        number, instance = command(stack)
        show = stack.client("ssm").get_command_invocation
        assert refused(show, CommandId=number, InstanceId=instance) == "InvocationDoesNotExist"
        listed = stack.client("ssm").list_command_invocations
        assert listed(CommandId=number)["CommandInvocations"] == []
        stack.clock.sleep(4)
        assert show(CommandId=number, InstanceId=instance)["Status"] == "Success"

    def test_shows_24000_characters_of_each_stream(self) -> None:
        """API reference, GetCommandInvocation, StandardOutputContent; the status is of the whole command."""
        stack = build(runner=lambda *_: Outcome(code=0, stdout="x" * 30_000))
        number, instance = command(stack)
        stack.clock.sleep(1)
        shown = stack.client("ssm").get_command_invocation(CommandId=number, InstanceId=instance)
        assert (len(shown["StandardOutputContent"]), shown["Status"]) == (24_000, "Success")


class TestSnapshots:
    def test_have_a_quota(self) -> None:
        """User guide of RDS, "Quotas and constraints": 100 manual snapshots a region; more are refused."""
        stack = build(Settings(manual_snapshots=1))
        rds = stack.client("rds")
        rds.create_db_instance(DBInstanceIdentifier="main", DBInstanceClass="c", Engine="postgres")
        stack.clock.sleep(1)
        rds.create_db_snapshot(DBInstanceIdentifier="main", DBSnapshotIdentifier="one")
        stack.clock.sleep(3)
        again = {"DBInstanceIdentifier": "main", "DBSnapshotIdentifier": "two"}
        assert refused(rds.create_db_snapshot, **again) == "SnapshotQuotaExceeded"
        rds.delete_db_snapshot(DBSnapshotIdentifier="one")
        rds.create_db_snapshot(**again)

    @pytest.mark.parametrize("name", ["1st", "a_b", "a--b", "a-", "a" * 256, ""])
    def test_have_names_of_letters_digits_and_single_hyphens(self, stack: Stack, name: str) -> None:
        """API reference, CreateDBSnapshot: 1 to 255 characters, the first a letter, no hyphen at the end."""
        rds = stack.client("rds")
        rds.create_db_instance(DBInstanceIdentifier="main", DBInstanceClass="c", Engine="postgres")
        stack.clock.sleep(1)
        asked = {"DBInstanceIdentifier": "main", "DBSnapshotIdentifier": name}
        assert refused(rds.create_db_snapshot, **asked) == "InvalidParameterValue"
