"""Shell commands on an instance and here: begun once, watched, stopped, masked."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from bluegreen.adapters.aws.autoscaling import AutoScalingFleets
from bluegreen.adapters.aws.elb.balancer import ElbBalancer
from bluegreen.adapters.aws.run_command import RemoteCommands
from bluegreen.adapters.shell import LocalCommands, ShellCommands
from bluegreen.contract import Tier, run_document
from bluegreen.errors import CloudUnavailable, Halted, Refused
from bluegreen.lab.cloud.commands import Outcome
from bluegreen.masking import mask

from .conftest import Stack, lost, spec, tags

TASK = f"sportcoach-run 123456789012.dkr.ecr.r.amazonaws.com/app@sha256:{'a' * 64} -- "


@pytest.fixture
def local(tmp_path: Path) -> LocalCommands:
    return LocalCommands(directory=tmp_path / "commands")


def ended(commands: LocalCommands | ShellCommands, handle: str) -> tuple[bool | None, str]:
    for _ in range(6000):
        success, output = commands.poll(handle)
        if success is not None:
            return success, output
        time.sleep(0.01)
    raise AssertionError("the command did not end")


class TestLocal:
    def test_success_and_failure(self, local: LocalCommands) -> None:
        handle = local.start("echo out; echo err >&2", token="a")
        assert ended(local, handle) == (True, "out\nerr\n")
        handle = local.start("echo bad; exit 3", token="b")
        assert ended(local, handle) == (False, "bad\n\nexit code 3")

    def test_runs_where_the_operator_is(
        self, local: LocalCommands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        assert ended(local, local.start("pwd", token="a")) == (True, f"{tmp_path}\n")

    def test_begins_once_per_token(self, local: LocalCommands, tmp_path: Path) -> None:
        command = f"echo once >> {tmp_path}/count"
        first = local.start(command, token="a")
        ended(local, first)
        assert local.start(command, token="a") == first
        assert (tmp_path / "count").read_text() == "once\n"

    def test_another_process_finds_it(self, local: LocalCommands, tmp_path: Path) -> None:
        handle = local.start("sleep 0.2; echo done", token="a")
        heir = LocalCommands(directory=tmp_path / "commands")
        assert heir.start("echo never", token="a") == handle
        assert ended(heir, handle) == (True, "done\n")

    def test_cancelling_ends_the_whole_group_and_our_patience_ends_nothing(
        self, local: LocalCommands, tmp_path: Path
    ) -> None:
        handle = local.start(f"sleep 60 & echo $! > {tmp_path}/pid; wait", token="a")
        for _ in range(6000):
            if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip():
                break
            time.sleep(0.01)
        assert local.poll(handle)[0] is None
        (running,) = local.running()
        assert handle.split("|")[2] in running
        local.cancel(handle)
        child = int((tmp_path / "pid").read_text())
        for _ in range(6000):
            stat = Path(f"/proc/{child}/stat")
            if not stat.exists() or stat.read_text().split()[2] == "Z":
                break
            time.sleep(0.01)
        else:
            raise AssertionError("a child of the command still runs")
        assert ended(local, handle)[0] is False
        assert local.running() == ()
        local.cancel(handle)  # what has ended stays as it is
        assert local.poll(handle)[0] is False

    def test_what_was_begun_elsewhere_or_half_is_not_known(
        self, local: LocalCommands, tmp_path: Path
    ) -> None:
        with pytest.raises(Halted, match="begun on another; from") as caught:
            local.poll(f"local|another|{tmp_path}/gone")
        assert "`sc-deploy resume` on another" in caught.value.next_step
        handle = local.start("true", token="a")
        ended(local, handle)
        place = Path(handle.split("|")[2])
        (place / "exit-code").unlink()
        with pytest.raises(Halted, match="how far it came is not known"):
            local.poll(handle)
        assert local.start("true", token="a") == handle
        assert local.find("a") == handle
        assert local.find("b") is None

    def test_whoever_cancels_leaves_it_time_to_end(self, local: LocalCommands, tmp_path: Path) -> None:
        """Also another deployer than the one that began it: a migration may roll its transaction back."""
        tidy = f"trap 'sleep 0.3; touch {tmp_path}/tidied; exit 1' TERM; touch {tmp_path}/up; sleep 60 & wait"
        handle = local.start(tidy, token="a")
        for _ in range(6000):
            if (tmp_path / "up").exists():
                break
            time.sleep(0.01)
        LocalCommands(directory=tmp_path / "commands").cancel(handle)
        assert (tmp_path / "tidied").exists()
        assert ended(local, handle)[0] is False

    def test_what_does_not_end_when_asked_is_forced(
        self, local: LocalCommands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("bluegreen.adapters.local_commands._GRACE", 0.1)
        handle = local.start(f"trap '' TERM; touch {tmp_path}/up; while :; do sleep 1; done", token="a")
        for _ in range(6000):
            if (tmp_path / "up").exists():
                break
            time.sleep(0.01)
        LocalCommands(directory=tmp_path / "commands").cancel(handle)
        assert ended(local, handle) == (False, "\nstopped")

    def test_secrets_are_masked(self, local: LocalCommands) -> None:
        handle = local.start("echo DB_PASSWORD=hunter2", token="a")
        assert ended(local, handle) == (True, "DB_PASSWORD=****\n")

    def test_only_the_end_of_long_output_is_told(self, local: LocalCommands) -> None:
        handle = local.start("seq 1 5000", token="a")
        success, output = ended(local, handle)
        assert success
        assert output.endswith("4999\n5000\n")
        assert len(output) <= 4000

    def test_place_is_private(self, tmp_path: Path) -> None:
        place = tmp_path / "open"
        place.mkdir(mode=0o755)
        place.chmod(0o755)
        with pytest.raises(Refused, match="open to others"):
            LocalCommands(directory=place).start("true", token="a")
        private = tmp_path / "private"
        LocalCommands(directory=private).start("true", token="a")
        assert private.stat().st_mode & 0o777 == 0o700
        assert private.stat().st_uid == os.getuid()


class TestRemote:
    @pytest.fixture
    def instance(self, stack: Stack) -> str:
        tier = stack.contract.tier(Tier.APP)
        balancer = ElbBalancer(stack.elb(), stack.contract)
        arn = balancer.ensure_target_group(tier, spec(), tags()).arn
        fleets = AutoScalingFleets(stack.session, stack.contract, stack.clock)
        fleets.ensure(tier, spec(), arn, tags())
        stack.clock.sleep(10)
        group = fleets.group("sc-test-app-1")
        assert group is not None
        return group.instances[0]

    @pytest.fixture
    def commands(self, stack: Stack, local: LocalCommands) -> ShellCommands:
        return ShellCommands(RemoteCommands(stack.session, stack.clock, document=run_document("test")), local)

    @pytest.mark.parametrize(
        "command",
        [
            "true",
            "sportcoach-run -- true",
            f"{TASK}true; id",
            f"{TASK}$(id)",
            f"{TASK}true\nid",
            f"{TASK}'true'",
            f"{TASK}`id`",
            "sportcoach-run $(id) -- true",
            "sportcoach-run repo/app:v1';id;' -- true",
            "sportcoach-run repo/app:v1\nid -- true",
            "sportcoach-run -v/:/x -- true",
        ],
    )
    def test_a_host_runs_tasks_only(self, commands: ShellCommands, instance: str, command: str) -> None:
        with pytest.raises(Refused, match="hosts run tasks only") as caught:
            commands.start(instance, command, token="t")
        assert "sportcoach-run {image} -- command" in caught.value.next_step

    def test_runs_on_the_instance(self, stack: Stack, commands: ShellCommands, instance: str) -> None:
        handle = commands.start(instance, f"{TASK}cat /token=abc", token="t")
        stack.clock.sleep(2)
        success, output = commands.poll(handle)
        assert success is False
        assert "token=****" in output
        assert "abc" not in output
        assert output.endswith("Failed, exit code 1")

    def test_begins_once_per_token(self, stack: Stack, commands: ShellCommands, instance: str) -> None:
        first = commands.start(instance, f"{TASK}true", token="t")
        assert commands.start(instance, f"{TASK}true", token="t") == first
        assert commands.start(instance, f"{TASK}true", token="t" * 200) != first
        assert stack.region.count()["SendCommand"] == 2

    def test_a_running_one_is_named_and_can_be_cancelled(
        self, stack: Stack, commands: ShellCommands, instance: str
    ) -> None:
        stack.shell = lambda *_: Outcome(code=0, stdout="half", seconds=600)
        handle = commands.start(instance, f"{TASK}true", token="t")
        stack.clock.sleep(2)
        assert commands.poll(handle) == (None, "")
        (words,) = commands.running()
        assert instance in words
        assert "sc-deploy t" in words
        commands.cancel(handle)
        assert commands.poll(handle)[0] is None
        stack.clock.sleep(2)
        assert commands.poll(handle) == (False, "half\nCancelled, exit code -1")
        assert commands.running() == ()
        commands.cancel(handle)
        commands.cancel(f"ssm|{'0' * 36}|i-00000000")  # AWS has forgotten it

    def test_our_patience_stops_none(self, stack: Stack, commands: ShellCommands, instance: str) -> None:
        stack.shell = lambda *_: Outcome(code=0, seconds=7200)
        handle = commands.start(instance, f"{TASK}true", token="t")
        stack.clock.sleep(7000)
        assert commands.poll(handle)[0] is None
        stack.clock.sleep(300)
        assert commands.poll(handle) == (True, "")
        assert commands.find("t", local=False) == handle
        assert commands.find("other", local=False) is None

    def test_lost_answer_is_looked_for_not_sent_again(
        self, stack: Stack, commands: ShellCommands, instance: str
    ) -> None:
        stack.fault("SendCommand", lost(), after=True)
        handle = commands.start(instance, f"{TASK}true", token="t")
        stack.clock.sleep(2)
        assert commands.poll(handle) == (True, "")
        assert stack.region.count()["SendCommand"] == 1

    def test_lost_request_is_told(self, stack: Stack, commands: ShellCommands, instance: str) -> None:
        stack.fault("SendCommand", lost())
        with pytest.raises(CloudUnavailable, match="no command of that name has begun"):
            commands.start(instance, f"{TASK}true", token="t")

    def test_instance_that_takes_no_commands(self, stack: Stack, commands: ShellCommands) -> None:
        with pytest.raises(Refused, match="i-0dead does not take commands") as caught:
            commands.start("i-0dead", f"{TASK}true", token="t")
        assert "SSM agent" in caught.value.next_step

    def test_without_instance_it_runs_here(self, stack: Stack, commands: ShellCommands) -> None:
        assert ended(commands, commands.start(None, "echo here", token="t")) == (True, "here\n")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgres://app:s3cret@db:5432/x", "postgres://app:****@db:5432/x"),
        ("Authorization: Bearer abcdefghijk", "Authorization: ****"),
        ('{"apiKey": "abc def", "n": 1}', '{"apiKey": ****, "n": 1}'),
        ("run --password hunter2 now", "run --password **** now"),
        ("AWS_SECRET_ACCESS_KEY=abc/def+g", "AWS_SECRET_ACCESS_KEY=****"),
        ("key AKIAIOSFODNN7EXAMPLE", "key ****"),
        ("key ASIAIOSFODNN7EXAMPLE", "key ****"),
        ("asked with NRAK-ABCDEFGH123456", "asked with ****"),
        ("posted to https://hooks.slack.com/services/T0/B0/abc", "posted to https://hooks.slack.com/****"),
        ("cloned with ghp_0123456789abcdefABCD", "cloned with ****"),
        ("cut off: -----BEGIN PRIVATE KEY-----\nMII", "cut off: ****"),
        ("authorization: Basic dXNlcjpwYXNz", "authorization: ****"),
        ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_", "jwt ****"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----", "****"),
        ("https://x/?X-Amz-Signature=abc&n=1", "https://x/?X-Amz-Signature=****&n=1"),
        ("password: hunter2", "password: ****"),
        (
            "not authorized: secretsmanager:DescribeSecret on x",
            "not authorized: secretsmanager:DescribeSecret on x",
        ),
        ("12 rows migrated, author: bob", "12 rows migrated, author: bob"),
    ],
)
def test_mask(text: str, shown: str) -> None:
    assert mask(text) == shown
