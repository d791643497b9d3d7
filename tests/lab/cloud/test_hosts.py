from __future__ import annotations

from typing import Any

from bluegreen.lab.cloud.commands import Outcome, Stop, run_shell
from tests.lab.cloud.conftest import Stack, build, forward
from tests.lab.cloud.test_elb import refused


def command(stack: Stack, **given: Any) -> tuple[str, str]:
    blue = stack.group("blue")
    stack.rule(1, forward(**{blue: 1}))
    stack.fleet("blue", blue, size=1)
    stack.clock.sleep(5)
    instance = stack.instances("blue")[0]["InstanceId"]
    asked = {"commands": ["migrate", "up"], "executionTimeout": ["60"]}
    sent = stack.client("ssm").send_command(
        InstanceIds=[instance], DocumentName="AWS-RunShellScript", Parameters=asked
    )
    return sent["Command"]["CommandId"], instance


def test_a_command_is_pending_then_ended_with_its_output() -> None:
    ran = []

    def runner(instance: Any, script: str, seconds: float, _stop: Stop) -> Outcome:
        ran.append((instance.id, script, seconds))
        return Outcome(code=3, stdout="half\n", stderr="broken\n")

    stack = build(runner=runner)
    number, instance = command(stack)
    show = stack.client("ssm").get_command_invocation
    assert show(CommandId=number, InstanceId=instance)["Status"] == "Pending"
    assert ran == []
    stack.clock.sleep(1)
    shown = show(CommandId=number, InstanceId=instance)
    assert (shown["Status"], shown["ResponseCode"]) == ("Failed", 3)
    assert (shown["StandardOutputContent"], shown["StandardErrorContent"]) == ("half\n", "broken\n")
    assert ran == [(instance, "migrate\nup", 60.0)]
    listed = stack.client("ssm").list_command_invocations(CommandId=number)["CommandInvocations"]
    assert [one["Status"] for one in listed] == ["Failed"]


def test_a_command_over_its_time_is_timed_out() -> None:
    stack = build(runner=lambda *_: Outcome(code=None))
    number, instance = command(stack)
    stack.clock.sleep(1)
    shown = stack.client("ssm").get_command_invocation(CommandId=number, InstanceId=instance)
    assert shown["Status"] == "TimedOut"


def test_a_script_runs_for_real_bounded_and_without_credentials(stack: Stack, monkeypatch: Any) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    done = run_shell(None, "echo out; echo err >&2; env | grep -c AWS_; exit 4", 10, Stop())
    assert (done.code, done.stdout, done.stderr) == (4, "out\n0\n", "err\n")
    assert run_shell(None, "echo begun; exec sleep 30", 0.3, Stop()) == Outcome(code=None, stdout="begun\n")
    cancelled = Stop()
    cancelled.set()
    assert run_shell(None, "exec sleep 30", 60, cancelled).code is None


def test_a_command_needs_a_running_instance(stack: Stack) -> None:
    send = stack.client("ssm").send_command
    asked = {"DocumentName": "AWS-RunShellScript", "Parameters": {"commands": ["true"]}}
    assert refused(send, InstanceIds=["i-00000000000000000"], **asked) == "InvalidInstanceId"
