"""The down migration of a release that is rolled back (R8): where it runs, when, once, and when it cannot."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path

import pytest
from rich.console import Console

from bluegreen.adapters.aws.autoscaling import AutoScalingFleets
from bluegreen.contract import DatabaseContract, Tag, Tier
from bluegreen.domain.journal import Ending, Warned
from bluegreen.domain.plan import StepKind
from bluegreen.domain.reports import Result
from bluegreen.domain.stack import Group
from bluegreen.engine.deployment.follow import follow
from bluegreen.engine.deployment.take_over import LeaseWatch
from bluegreen.errors import ExitCode, Refused
from bluegreen.lab.cloud.behaviour import Behaviour
from bluegreen.lab.cloud.commands import Outcome
from bluegreen.lab.cloud.instances import Instance
from bluegreen.lab.faults import Crashed, Effect, Fault, When
from bluegreen.policy import parse_policy
from bluegreen.ui.tables.plan import plan_view
from tests.world import LATENCY, World
from tests.world.points import Point, changes
from tests.world.releasing import QUICK, loaded, release

MIGRATION = """
[migration]
command = "sportcoach-run {image} -- migrate up {version}"
down = "sportcoach-run {image} -- migrate down {version}"
"""
KEPT = QUICK.replace("[retire]\n", '[retire]\nkeep_blue = "until-next"\n') + MIGRATION
GOING = QUICK + MIGRATION


class Shell:
    """The app hosts: which release's host ran what, and which fleets had weight at a down migration."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.ran: list[tuple[str, str]] = []
        self.codes: list[int] = []
        """Exit codes of the down migrations to come; 0 when used up."""
        self.weighted: set[str] = set()
        self.stood: set[str] = set()

    def __call__(self, host: Instance, command: str, _timeout: float) -> Outcome:
        self.ran.append((host.tags[Tag.RELEASE], command))
        if "-- migrate down" not in command:
            return Outcome(code=0, stdout="applied")
        state = self._world.cloud.balancing
        live = [rule for rule in state.rules.values() if rule.actions[-1]["Type"] == "forward"]
        targets = [one for rule in live for one in rule.actions[-1]["ForwardConfig"]["TargetGroups"]]
        self.weighted = {state.groups[one["TargetGroupArn"]].name for one in targets if one["Weight"]}
        self.stood = {group.name for group in state.groups.values()}
        code = self.codes.pop(0) if self.codes else 0
        return Outcome(code=code, stderr="users is locked" if code else "")

    @property
    def downs(self) -> list[tuple[str, str]]:
        """(release of the host, command without the image)"""
        return [(host, text.partition(" -- ")[2]) for host, text in self.ran if "-- migrate down" in text]


def serving(policy: str, *versions: str, tiers: tuple[str, ...] = ("app",)) -> tuple[World, Shell]:
    """A world with load, into which the versions were released one after the other."""
    world = World(policy=policy, tiers=tiers)
    world.shell = shell = Shell(world)
    loaded(world, *versions)
    shell.ran.clear()
    return world, shell


def whole(world: World, version: str) -> None:
    """All traffic on `version`, nothing left over, no request lost, no invariant broken."""
    assert world.weights() == {"app": {version: 100}}, world.story()
    assert world.orphans() == []
    assert world.violations == []
    assert world.cloud.traffic.failed() == 0


def test_on_the_way_back_to_a_kept_blue_it_runs_on_the_failed_fleet_without_traffic() -> None:
    world, shell = serving(KEPT, "v1.0.0", "v1.1.0")
    deployer = world.deployer()
    plan = deployer.plan_rollback(down=True)
    names = [stage.name for stage in plan.stages]
    assert names.index("quiet") < names.index("migrate-down") < names.index("detach") < names.index("remove")
    assert any("the down migration of v1.1.0 runs" in note for note in plan.notes)
    console = Console(width=140, record=True, file=io.StringIO())
    console.print(plan_view(plan))
    shown = console.export_text()
    assert "Run green's down migration" in shown
    assert "the down migration of v1.1.0 runs once it has no traffic" in shown
    result = deployer.run(plan)
    assert result.exit_code is ExitCode.RELEASED, world.story()
    assert shell.downs == [("v1.1.0", "migrate down v1.1.0")]
    assert "@sha256:" in shell.ran[-1][1]
    assert shell.weighted == {"sc-sim-app-1"}
    assert shell.stood == {"sc-sim-app-1", "sc-sim-app-2"}
    whole(world, "v1.0.0")


def test_a_migration_runs_on_no_instance_that_is_leaving(monkeypatch: pytest.MonkeyPatch) -> None:
    world, shell = serving(GOING, "v1.0.0")
    group = AutoScalingFleets.group

    def with_one_that_leaves(self: AutoScalingFleets, name: str) -> Group | None:
        found = group(self, name)
        return replace(found, instances=("i-0", *found.instances)) if found else None

    monkeypatch.setattr(AutoScalingFleets, "group", with_one_that_leaves)
    deployer = world.deployer()
    result = deployer.run(deployer.plan_promotion("v1.1.0"))
    assert result.ending is Ending.RELEASED, world.story()
    assert [host for host, _ in shell.ran] == ["v1.0.0"]


def test_without_down_no_migration_is_undone() -> None:
    world, shell = serving(KEPT, "v1.0.0", "v1.1.0")
    deployer = world.deployer()
    deployer.run(deployer.plan_rollback())
    assert shell.ran == []


@pytest.mark.parametrize("keep", ["", 'keep_blue = "10m"\n', 'keep_blue = "until-next"\n'])
def test_where_blue_is_gone_it_runs_before_the_old_fleet_is_retired(keep: str) -> None:
    world, shell = serving(GOING.replace("[retire]\n", f"[retire]\n{keep}"), "v1.0.0", "v1.1.0")
    deployer = world.deployer()
    if "until" in keep:
        deployer.run(deployer.plan_teardown(everything=False))
    plan = deployer.plan_rollback(down=True)
    names = [stage.name for stage in plan.stages]
    assert "window" not in names
    assert names.index("accept") < names.index("quiet") < names.index("migrate-down") < names.index("detach")
    result = deployer.run(plan)
    assert result.exit_code is ExitCode.RELEASED, world.story()
    assert shell.downs == [("v1.1.0", "migrate down v1.1.0")]
    assert shell.weighted == {f"sc-sim-app-{plan.number}"}
    whole(world, "v1.0.0")


def halted_at_half(world: World) -> None:
    """v1.1.0 is on its way, at 50 %, and its deployer is dead."""
    world.faults.add(
        Fault(effect=Effect.CRASH, service="elastic-load-balancing-v2", action="ModifyRule", when=When.AFTER)
    )
    deployer = world.deployer("dead@host:1")
    with pytest.raises(Crashed):
        deployer.run(deployer.plan_promotion("v1.1.0"))
    world.faults.clear()
    world.clock.sleep(31)


def test_abort_with_down_undoes_the_migration_of_an_unfinished_deployment() -> None:
    world, shell = serving(GOING, "v1.0.0")
    halted_at_half(world)
    result = world.deployer("other@host:2").abort(reason="locks tables", down=True)
    assert result.ending is Ending.ROLLED_BACK, world.story()
    assert shell.downs == [("v1.1.0", "migrate down v1.1.0")]
    assert shell.weighted == {"sc-sim-app-1"}
    whole(world, "v1.0.0")


def test_rollback_with_down_of_an_unfinished_deployment_is_an_abort_with_down() -> None:
    world, shell = serving(GOING, "v1.0.0")
    halted_at_half(world)
    deployer = world.deployer("other@host:2")
    plan = deployer.plan_rollback(down=True)
    assert [stage.name for stage in plan.stages][-4:] == ["migrate-down", "detach", "remove", "remove-groups"]
    assert deployer.run(plan).ending is Ending.ROLLED_BACK, world.story()
    assert len(shell.downs) == 1
    whole(world, "v1.0.0")


def test_abort_with_down_from_another_process() -> None:
    world, shell = serving(GOING, "v1.0.0")
    world.after_first(StepKind.WEIGHTS, lambda: world.ports().lease.request_stop("locks tables", down=True))
    deployer = world.deployer()
    result = deployer.run(deployer.plan_promotion("v1.1.0"))
    assert result.exit_code is ExitCode.ROLLED_BACK
    assert len(shell.downs) == 1
    whole(world, "v1.0.0")


def test_who_asked_another_process_for_it_hears_that_it_failed_and_does_not_run_it_again() -> None:
    world, shell = serving(GOING, "v1.0.0")
    shell.codes = [1]
    world.after_first(StepKind.WEIGHTS, lambda: world.ports().lease.request_stop("locks tables", down=True))
    deployer = world.deployer()
    deployer.run(deployer.plan_promotion("v1.1.0"))
    header = deployer.history(1)[0]
    followed = follow(header, world.contract, world.ports(), (), LeaseWatch(world.ports()))
    assert followed
    assert (followed.ending, followed.exit_code) == (Ending.HALTED, ExitCode.HALTED)
    assert "the down migration of v1.1.0 failed" in followed.words
    assert "sc-deploy resume --skip-down" in followed.next_step
    assert len(shell.downs) == 1


def test_who_asked_another_process_for_it_hears_that_it_has_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    world, _ = serving(GOING, "v1.0.0")
    halted_at_half(world)
    header = world.deployer().history(1)[0]
    lease, now = world.ports().lease, world.clock.now()
    lease.acquire(owner="ben@ci:7", why="x", deployment=2, ttl=90, now=now, dead=lease.holder())

    def without(*_: object) -> Result:
        return Result(
            ending=Ending.ROLLED_BACK,
            exit_code=ExitCode.RELEASED,
            header=header,
            words="",
            next_step="",
            traffic=(),
        )

    monkeypatch.setattr("bluegreen.engine.deployer.follow", without)
    notes: list[str] = []
    world.deployer("other@host:2").abort(down=True, note=notes.append)
    holder = world.ports().lease.holder()
    assert holder
    assert (bool(holder.stop), holder.stop_down) == (True, True)
    assert notes[-1].startswith("the down migration has not run")


def test_an_abort_with_down_from_another_process_rolls_back_and_warns_where_there_is_nothing_to_undo() -> (
    None
):
    world, shell = serving(GOING, "v1.0.0", tiers=("app", "ai"))
    world.behaviours["v1.1.0"] = Behaviour(healthy=False)
    world.after_first(StepKind.PREVIEW, lambda: world.ports().lease.request_stop("wrong version", down=True))
    deployer = world.deployer()
    assert deployer.run(deployer.plan_promotion("v1.1.0", tiers=[Tier.AI])).exit_code is ExitCode.ROLLED_BACK
    warned = [e.event.words for _, e in world.entries if isinstance(e.event, Warned)]
    assert any("the app tier, which migrates, is not rolled back" in words for words in warned), world.story()
    assert shell.ran == []


def test_a_bad_release_is_rolled_back_without_its_down_migration() -> None:
    world, shell = serving(GOING, "v1.0.0")
    world.behaviours["v1.1.0"] = Behaviour(error_rate=0.05, latency=LATENCY)
    deployer = world.deployer()
    assert deployer.run(deployer.plan_promotion("v1.1.0")).exit_code is ExitCode.ROLLED_BACK
    assert shell.downs == []


def failed_down(policy: str) -> tuple[World, Shell]:
    """A rollback whose down migration failed once."""
    world, shell = serving(policy, "v1.0.0", "v1.1.0")
    shell.codes = [1]
    deployer = world.deployer()
    result = deployer.run(deployer.plan_rollback(down=True))
    assert (result.ending, result.exit_code) == (Ending.HALTED, ExitCode.HALTED), world.story()
    assert "the down migration of v1.1.0 failed: users is locked" in result.words
    assert "nothing was removed" in result.words
    assert "sc-deploy resume --skip-down" in result.next_step
    assert "100 % v1.0.0" in result.traffic[0]
    assert world.weights() == {"app": {"v1.0.0": 100}}
    fleets = [fleet.version for fleet in deployer.observe().of(Tier.APP).fleets]
    assert fleets.count("v1.1.0") == 1
    assert world.ports().watchdog.armed() == ()
    return world, shell


@pytest.mark.parametrize("policy", [KEPT, GOING], ids=["blue kept", "blue gone"])
def test_a_failing_one_halts_with_the_traffic_safe_and_resume_runs_it_once_more(policy: str) -> None:
    world, shell = failed_down(policy)
    assert world.deployer("other@host:2").resume().exit_code is ExitCode.RELEASED, world.story()
    assert len(shell.downs) == 2
    whole(world, "v1.0.0")


@pytest.mark.parametrize("policy", [KEPT, GOING], ids=["blue kept", "blue gone"])
def test_a_failing_one_that_was_done_by_hand_is_skipped(policy: str) -> None:
    world, shell = failed_down(policy)
    assert world.deployer("other@host:2").resume(skip_down=True).exit_code is ExitCode.RELEASED, world.story()
    assert len(shell.downs) == 1
    assert "skipped by the operator" in world.story()
    whole(world, "v1.0.0")


def test_only_a_down_migration_that_is_left_can_be_skipped() -> None:
    world, _ = serving(GOING, "v1.0.0")
    halted_at_half(world)
    with pytest.raises(Refused, match="no down migration left to skip"):
        world.deployer("other@host:2").resume(skip_down=True)


@cache
def points() -> tuple[Point, ...]:
    """The changes of a rollback with the down migration."""
    world, _ = serving(KEPT, "v1.0.0", "v1.1.0")
    deployer = world.deployer("dead@host:1")
    return changes(world, lambda: deployer.run(deployer.plan_rollback(down=True)))


def test_the_points_are_those_of_a_whole_run() -> None:
    assert len(points()) > 16
    assert points()[-1].during.startswith("run-ended")


@pytest.mark.parametrize("point", points(), ids=str)
def test_it_runs_once_wherever_the_deployer_dies(point: Point) -> None:
    """The deployer dies after each change of the way back, and another one continues."""
    world, shell = serving(KEPT, "v1.0.0", "v1.1.0")
    deployer = world.deployer("dead@host:1")
    plan = deployer.plan_rollback(down=True)
    world.faults.add(point.death)
    with pytest.raises(Crashed):
        deployer.run(plan)
    world.faults.clear()
    world.clock.sleep(31)
    other = world.deployer("other@host:2")
    newest = other.history(1)[0]
    result: Result | None = None
    if newest.number < plan.number:
        result = other.run(other.plan_rollback(down=True))  # it died before its deployment was opened
    elif newest.ending.open:
        result = other.resume()
    assert other.history(1)[0].ending is Ending.ROLLED_BACK, f"{result}\n{world.story()}"
    assert shell.downs == [("v1.1.0", "migrate down v1.1.0")], world.story()
    whole(world, "v1.0.0")


def test_an_abort_cannot_go_back_to_a_blue_whose_schema_is_being_taken_away() -> None:
    world, _ = failed_down(GOING)
    with pytest.raises(Refused, match="that release cannot be restored") as caught:
        world.deployer("other@host:2").abort()
    assert "sc-deploy resume" in caught.value.next_step
    assert world.weights() == {"app": {"v1.0.0": 100}}


def test_a_way_back_that_is_in_force_without_it_cannot_get_it_later() -> None:
    world, shell = serving(GOING, "v1.0.0")
    halted_at_half(world)
    world.faults.add(Fault(effect=Effect.CRASH, action="DeleteRule"))
    with pytest.raises(Crashed):
        world.deployer("dead@host:2").abort()
    world.faults.clear()
    world.clock.sleep(31)
    other = world.deployer("other@host:3")
    with pytest.raises(Refused, match="already, without its down migration"):
        other.abort(down=True)
    assert other.resume().ending is Ending.ROLLED_BACK
    assert shell.downs == []


def refusal(world: World) -> str:
    with pytest.raises(Refused) as caught:
        world.deployer().plan_rollback(down=True)
    assert caught.value.exit_code is ExitCode.REFUSED
    assert "without --down" in caught.value.next_step
    return caught.value.what


def test_refused_where_the_policy_has_no_down() -> None:
    without = QUICK + '\n[migration]\ncommand = "sportcoach-run {image} -- migrate up"\n'
    world, _ = serving(without, "v1.0.0", "v1.1.0")
    assert "deploy.toml names none" in refusal(world)
    halted = World(policy=without)
    release(halted, "v1.0.0")
    halted.load(600)
    halted.clock.sleep(3)
    halted_at_half(halted)
    with pytest.raises(Refused, match=r"the deploy\.toml that deployment #2 began with names none"):
        halted.deployer("other@host:2").abort(down=True)


def test_refused_where_no_app_tier_is_rolled_back() -> None:
    world, _ = serving(KEPT, "v1.0.0", tiers=("app", "ai"))
    release(world, "v1.1.0", tiers=[Tier.AI])
    assert "the app tier, which migrates, is not rolled back" in refusal(world)


def test_refused_where_the_release_ran_no_migration() -> None:
    world, _ = serving(QUICK, "v1.0.0", "v1.1.0")
    world.policy = parse_policy(GOING, stack="sim", source="deploy.toml")
    assert "ran no migration" in refusal(world)


def test_refused_where_no_app_host_of_the_release_is_left() -> None:
    world, _ = serving(GOING, "v1.0.0")
    world.faults.add(Fault(effect=Effect.CRASH, service="auto-scaling", action="CreateAutoScalingGroup"))
    deployer = world.deployer("dead@host:1")
    with pytest.raises(Crashed):
        deployer.run(deployer.plan_promotion("v1.1.0"))
    world.faults.clear()
    world.clock.sleep(31)
    with pytest.raises(Refused, match="has no app host left") as caught:
        world.deployer("other@host:2").abort(down=True)
    assert "by hand" in caught.value.next_step
    assert world.deployer("other@host:2").abort().ending is Ending.ROLLED_BACK


def test_a_local_one_runs_on_this_machine_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    log = tmp_path / "log"
    local = f'\n[migration]\nrun = "local"\ncommand = "echo up >> {log}"\n'
    local += f'down = "echo down {{version}} >> {log}"\n'
    world, shell = serving(KEPT.replace(MIGRATION, local), "v1.0.0", "v1.1.0")
    deployer = world.deployer()
    result = deployer.run(deployer.plan_rollback(down=True))
    assert result.exit_code is ExitCode.RELEASED, world.story()
    assert shell.ran == []
    assert log.read_text().splitlines() == ["up", "up", "down v1.1.0"]
    whole(world, "v1.0.0")


@pytest.mark.parametrize("way", ["by itself", "kept", "again"])
def test_the_closing_words_name_the_pre_release_snapshot(way: str) -> None:
    policy = (GOING if way == "again" else KEPT).replace("snapshot = false", "snapshot = true")
    world = World(policy=policy)
    world.shell = Shell(world)
    world.contract = world.contract.model_copy(update={"database": DatabaseContract(identifier="sim-db")})
    world.raw("rds").create_db_instance(
        DBInstanceIdentifier="sim-db", DBInstanceClass="db.m5.large", Engine="postgres"
    )
    world.clock.sleep(600)
    release(world, "v1.0.0")
    world.load(600)
    world.clock.sleep(3)
    if way == "by itself":
        world.behaviours["v1.1.0"] = Behaviour(error_rate=0.05, latency=LATENCY)
        deployer = world.deployer()
        result = deployer.run(deployer.plan_promotion("v1.1.0"))
        assert result.ending is Ending.ROLLED_BACK, world.story()
    else:
        release(world, "v1.1.0")
        deployer = world.deployer()
        plan = deployer.plan_rollback()
        assert any("sc-sim-before-2" in note for note in plan.notes)
        result = deployer.run(plan)
        assert result.exit_code is ExitCode.RELEASED, world.story()
    assert result.words.endswith("; pre-release snapshot: sc-sim-before-2")
    found = world.raw("rds").describe_db_snapshots(DBSnapshotIdentifier="sc-sim-before-2")
    assert found["DBSnapshots"][0]["Status"] == "available"
    names = {one["DBSnapshotIdentifier"] for one in world.raw("rds").describe_db_snapshots()["DBSnapshots"]}
    assert names == {"sc-sim-before-1", "sc-sim-before-2"}, "no rollback waits for one"
    header = world.ports().journal.header(2)
    assert header is not None
    (began,) = [one["Value"] for one in found["DBSnapshots"][0]["TagList"] if one["Key"] == Tag.BEGAN]
    assert datetime.fromisoformat(began).timestamp() == pytest.approx(header.started_at, abs=0.01)
