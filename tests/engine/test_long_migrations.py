"""A migration that takes longer than it is waited for: nobody runs away from it, and it runs once."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from bluegreen.contract import DatabaseContract
from bluegreen.domain.journal import CommandBegun, Ending
from bluegreen.domain.plan import StepKind
from bluegreen.domain.reports import Result
from bluegreen.errors import ExitCode, Halted, Refused
from bluegreen.lab.cloud.commands import Outcome
from bluegreen.lab.faults import Crashed
from bluegreen.policy import parse_policy
from tests.world import World
from tests.world.points import Point, changes
from tests.world.releasing import QUICK, loaded

TIMEOUT, LONG = 60.0, 600.0
POLICY = (
    QUICK
    + """
[migration]
command = "sportcoach-run {image} -- migrate up {version}"
timeout = "60s"
"""
)
LOCAL = QUICK + '\n[migration]\nrun = "local"\ncommand = "migrate {version}"\ntimeout = "60s"\n'


def serving(*, seconds: float = LONG, code: int = 0) -> World:
    """v1.0.0 serves; the next migration takes so long."""
    world = World(policy=POLICY, tiers=("app",))
    loaded(world, "v1.0.0")
    world.sent = []  # type: ignore[attr-defined]

    def shell(_host: object, command: str, _timeout: float) -> Outcome:
        world.sent.append(command.partition(" -- ")[2])  # type: ignore[attr-defined]
        return Outcome(code=code, stdout="users: 41 of 90 million rows", seconds=seconds)

    world.shell = shell
    return world


def sent(world: World) -> list[str]:
    found: list[str] = world.sent  # type: ignore[attr-defined]
    return found


def halted(world: World) -> Result:
    """v1.1.0's migration has outlasted its timeout."""
    deployer = world.deployer("first@host:1")
    result = deployer.run(deployer.plan_promotion("v1.1.0"))
    assert (result.ending, result.exit_code) == (Ending.HALTED, ExitCode.HALTED), world.story()
    return result


def untouched(world: World) -> None:
    assert world.weights() == {"app": {"v1.0.0": 100}}
    assert world.violations == []
    assert world.cloud.traffic.failed() == 0


def test_it_halts_with_the_handle_and_nothing_is_built() -> None:
    world = serving()
    result = halted(world)
    assert "timed out after 60 s waiting for the migration to end" in result.words
    assert "`sc-deploy resume` waits for the same command again" in result.next_step
    assert "`sc-deploy abort` cancels it" in result.next_step
    (begun,) = [e.event for _, e in world.entries if isinstance(e.event, CommandBegun)]
    assert begun.handle.startswith("ssm|")
    assert len(world.ports().commands.running()) == 1
    assert [fleet.version for fleet in world.deployer().observe().tiers[0].fleets] == ["v1.0.0"]
    untouched(world)


def test_resume_waits_for_the_same_command() -> None:
    world = serving()
    halted(world)
    other = world.deployer("other@host:2")
    assert other.resume().ending is Ending.HALTED
    world.clock.sleep(LONG)
    assert world.deployer("other@host:2").resume().ending is Ending.RELEASED, world.story()
    assert sent(world) == ["migrate up v1.1.0"]
    assert world.weights() == {"app": {"v1.1.0": 100}}


def test_a_resumed_one_that_failed_meanwhile_is_rolled_back() -> None:
    world = serving(code=1)
    halted(world)
    world.clock.sleep(LONG)
    assert world.deployer("other@host:2").resume().exit_code is ExitCode.ROLLED_BACK, world.story()
    assert "the migration failed" in world.story()
    assert len(sent(world)) == 1
    untouched(world)


def test_abort_cancels_it_before_anything_is_rolled_back() -> None:
    world = serving()
    halted(world)
    result = world.deployer("other@host:2").abort(reason="too slow")
    assert result.ending is Ending.ROLLED_BACK, world.story()
    assert world.ports().commands.running() == ()
    assert "the migration was cancelled before its end" in world.story()
    untouched(world)


def test_an_abort_asked_of_the_running_deployer_cancels_it_too() -> None:
    world = serving()
    world.after_first(StepKind.MIGRATE, lambda: None)
    asked: list[Any] = []

    def ask(_host: object, command: str, _timeout: float) -> Outcome:
        sent(world).append(command)
        asked.append(world.ports().lease.request_stop("too slow"))
        return Outcome(code=0, seconds=LONG)

    world.shell = ask
    deployer = world.deployer()
    assert deployer.run(deployer.plan_promotion("v1.1.0")).exit_code is ExitCode.ROLLED_BACK, world.story()
    assert asked
    assert world.ports().commands.running() == ()
    untouched(world)


def test_one_that_cannot_be_stopped_halts(monkeypatch: pytest.MonkeyPatch) -> None:
    world = serving()
    halted(world)
    monkeypatch.setattr("bluegreen.adapters.aws.run_command.RemoteCommands.cancel", lambda *_: None)
    result = world.deployer("other@host:2").abort(reason="too slow")
    assert result.ending is Ending.HALTED
    assert "ago and still runs (ssm|" in result.words
    assert "stop it by hand" in result.next_step
    world.clock.sleep(LONG)
    assert world.deployer("other@host:2").abort(reason="too slow").ending is Ending.ROLLED_BACK
    untouched(world)


def test_nothing_is_promoted_beside_the_running_command_of_an_earlier_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = serving()
    halted(world)
    monkeypatch.setattr("bluegreen.engine.outcome.cancel_commands", lambda _: None)
    assert world.deployer().abort(reason="forgotten").ending is Ending.ROLLED_BACK
    deployer = world.deployer()
    with pytest.raises(Refused, match="may not start") as caught:
        deployer.run(deployer.plan_promotion("v1.2.0"))
    (fault,) = caught.value.faults
    assert "one of an earlier deployment still runs: SSM command" in str(fault)
    world.clock.sleep(LONG)
    world.shell = lambda *_: Outcome(code=0)
    assert deployer.run(deployer.plan_promotion("v1.2.0")).ending is Ending.RELEASED, world.story()


def test_a_snapshot_that_outlasts_its_timeout_halts_and_is_waited_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = serving(seconds=0)
    world.policy = parse_policy(
        POLICY.replace("snapshot = false", 'timeout = "60s"'), stack="sim", source="deploy.toml"
    )
    world.contract = world.contract.model_copy(update={"database": DatabaseContract(identifier="db")})
    creating = ["creating"]
    monkeypatch.setattr(
        "bluegreen.adapters.aws.rds.RdsSnapshots.ensure_snapshot", lambda *_, **__: creating[0]
    )
    result = halted(world)
    assert "waiting for snapshot sc-sim-before-2" in result.words
    assert "waits for the same snapshot" in result.next_step
    creating[0] = "available"
    assert world.deployer("other@host:2").resume().ending is Ending.RELEASED, world.story()


@cache
def points() -> tuple[Point, ...]:
    """The changes of a promotion whose migration takes some time."""
    world = serving(seconds=20)
    deployer = world.deployer("dead@host:1")
    return changes(world, lambda: deployer.run(deployer.plan_promotion("v1.1.0")))


def early() -> list[Point]:
    """Those around the migration; the rest is the crash matrix's."""
    names = [str(point) for point in points()]
    first = next(at for at, name in enumerate(names) if "migrate" in name)
    last = max(at for at, name in enumerate(names) if "migrate" in name or "SendCommand" in name)
    return list(points()[max(0, first - 2) : last + 3])


def test_the_points_are_those_around_the_migration() -> None:
    assert len(early()) >= 5
    assert any("SendCommand" in str(point) for point in early())
    assert any("command-begun" in str(point) for point in early())


@pytest.mark.parametrize("point", early(), ids=str)
def test_it_runs_once_wherever_the_deployer_dies(point: Point) -> None:
    world = serving(seconds=20)
    deployer = world.deployer("dead@host:1")
    plan = deployer.plan_promotion("v1.1.0")
    world.faults.add(point.death)
    with pytest.raises(Crashed):
        deployer.run(plan)
    world.faults.clear()
    world.clock.sleep(31)
    assert world.deployer("other@host:2").resume().ending is Ending.RELEASED, world.story()
    assert sent(world) == ["migrate up v1.1.0"], world.story()


class Machine:
    """Commands on the deployer's own machine; another machine knows nothing of them."""

    def __init__(self) -> None:
        self.begun: dict[str, str] = {}
        self.count = 0

    def find(self, token: str, **_: object) -> str | None:
        return self.begun.get(token)

    def start(self, _instance: object, _command: str, *, token: str) -> str:
        self.count += token not in self.begun
        return self.begun.setdefault(token, f"local|laptop|{token}")

    def poll(self, handle: str) -> tuple[bool | None, str]:
        if handle not in self.begun.values():
            raise Halted("the command was begun on laptop")
        return True, ""

    def cancel(self, handle: str) -> None:
        raise AssertionError(handle)

    def running(self) -> tuple[str, ...]:
        return ()


@pytest.mark.parametrize("repeatable", [False, True])
def test_another_machine_does_not_run_a_local_one_again(
    monkeypatch: pytest.MonkeyPatch, *, repeatable: bool
) -> None:
    """The deployer died between the begin of its command and the journal's entry of it."""
    laptop, other = Machine(), Machine()
    here = [laptop]
    for name in ("find", "start", "poll", "cancel", "running"):
        monkeypatch.setattr(
            f"bluegreen.adapters.shell.ShellCommands.{name}",
            lambda _self, *args, _name=name, **kwargs: getattr(here[0], _name)(*args, **kwargs),
        )
    world = World(policy=LOCAL + ("repeatable = true\n" if repeatable else ""), tiers=("app",))
    loaded(world, "v1.0.0")

    def dies(*_: object, **__: object) -> str:
        raise Crashed("after the begin")

    monkeypatch.setattr(laptop, "start", dies)
    deployer = world.deployer("dead@laptop:1")
    plan = deployer.plan_promotion("v1.1.0")
    with pytest.raises(Crashed):
        deployer.run(plan)
    world.clock.sleep(31)
    here[0] = other
    result = world.deployer("other@host:2").resume()
    if repeatable:
        assert result.ending is Ending.RELEASED, world.story()
        assert other.count == 1
        return
    assert result.ending is Ending.HALTED
    assert "may have run the migration on its own machine" in result.words
    assert "`repeatable = true`" in result.next_step
    assert other.count == 0
    assert world.deployer("other@host:2").abort(reason="looked at it").ending is Ending.ROLLED_BACK


@pytest.mark.parametrize("code", [0, 1])
def test_the_fleet_that_migrates_cannot_shrink_meanwhile(code: int) -> None:
    """Its own scaling would have taken the host away in the middle; afterwards it may again."""
    world = serving(seconds=0, code=code)
    named = "sc-sim-app-1"
    world.raw("autoscaling").set_desired_capacity(AutoScalingGroupName=named, DesiredCapacity=3)
    world.clock.sleep(120)
    least: list[int] = []
    plain = world.shell

    def shell(host: object, command: str, timeout: float) -> Outcome:
        group = world.ports().fleets.group(named)
        assert group is not None
        least.append(group.minimum)
        return plain(host, command, timeout)  # type: ignore[arg-type]  # the host that it was given

    world.shell = shell
    deployer = world.deployer()
    result = deployer.run(deployer.plan_promotion("v1.1.0"))
    assert least == [3]
    assert result.ending is (Ending.ROLLED_BACK if code else Ending.RELEASED), world.story()
    if code:
        group = world.ports().fleets.group(named)
        assert group is not None
        assert group.minimum == world.contract.tiers[0].fleet.minimum == 1
