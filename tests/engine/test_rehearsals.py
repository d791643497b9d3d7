"""`db rehearse`: the migration is tried on a copy of the database, and the copy never stays."""

from __future__ import annotations

from typing import Any

import pytest

from bluegreen.contract import DatabaseContract
from bluegreen.domain.journal import StepDone, Warned
from bluegreen.domain.plan import StepKind
from bluegreen.domain.rehearsal import Rehearsal
from bluegreen.engine.database.rehearse import Script, prepare, rehearse
from bluegreen.engine.database.work import Stop
from bluegreen.errors import DeployError, Halted, Interrupted, Locked, Refused
from bluegreen.lab.cloud.commands import Outcome
from bluegreen.lab.faults import Crashed, Effect, Fault, When
from bluegreen.policy import parse_policy
from tests.world import World
from tests.world.releasing import QUICK, loaded

COPY = "sportcoach-sim-rehearsal"
MIGRATION = """
[migration]
check = "sportcoach-run {image} -- migrate check"
command = "sportcoach-run {image} -- migrate up {version}"
down = "sportcoach-run {image} -- migrate down"
timeout = "60s"
[rehearsal]
host_variable = "DATABASE_HOST"
max_age = "5m"
"""
POLICY = QUICK + MIGRATION
TOLD: list[str] = []


class Tried(World):
    """v1.0.0 serves, with a database that has a snapshot; every command takes 20 s."""

    def __init__(self, policy: str = POLICY) -> None:
        super().__init__(policy=policy)
        self.raw("rds").create_db_instance(
            DBInstanceIdentifier="sportcoach-sim", DBInstanceClass="c", Engine="postgres"
        )
        self.clock.sleep(2)
        self.contract = self.contract.model_copy(
            update={"database": DatabaseContract(identifier="sportcoach-sim")}
        )
        for name in ("older", "newest"):
            rds = self.raw("rds")
            rds.create_db_snapshot(DBInstanceIdentifier="sportcoach-sim", DBSnapshotIdentifier=name)
            self.clock.sleep(5)
        loaded(self, "v1.0.0")
        self.seconds, self.fails = 20.0, ""
        self.sent: list[str] = []
        self.shell = self._do

    def _do(self, _host: object, command: str, _timeout: float) -> Outcome:
        task = command.partition(" -- ")[2]
        self.sent.append(task)
        failed = bool(self.fails) and self.fails in task
        return Outcome(code=int(failed), stdout="41 rows", seconds=self.seconds)

    def instances(self) -> list[str]:
        found = self.raw("rds").describe_db_instances()["DBInstances"]
        return [one["DBInstanceIdentifier"] for one in found]

    def prepared(self, version: str = "v1.1.0", by: str = "anna@desk:1") -> Script:
        return prepare(self.contract, self.policy, self.ports(), version=version, by=by)

    def rehearse(
        self, *, stop: Stop | None = None, version: str = "v1.1.0", by: str = "anna@desk:1"
    ) -> Rehearsal:
        script = self.prepared(version, by)
        given: dict[str, Any] = {"note": TOLD.append, "stop": stop or Stop()}
        return rehearse(script, self.contract, self.policy, self.ports(), **given)

    def kept(self) -> tuple[Rehearsal, ...]:
        return self.ports().rehearsals.newest()


def test_p8_every_part_runs_on_the_copy_and_is_timed() -> None:
    world = Tried()
    found = world.rehearse()
    assert found.ok
    assert [one.name for one in found.parts] == ["restore", "check", "up", "down"]
    assert all(19 <= one.seconds <= 45 for one in found.parts[1:]), found.parts
    assert found.parts[0].seconds >= world.cloud.settings.restore_seconds
    address = f"{COPY}.lab.ap-northeast-1.rds.amazonaws.com"
    assert world.sent == [
        f"env DATABASE_HOST={address} migrate {one}" for one in ("check", "up v1.1.0", "down")
    ]
    assert found.snapshot == "newest"
    assert world.instances() == ["sportcoach-sim"]
    assert world.kept() == (found,)


def test_a_failed_part_ends_it_and_the_copy_goes() -> None:
    world = Tried()
    world.fails = "migrate up"
    found = world.rehearse()
    assert not found.ok
    assert [(one.name, one.ok) for one in found.parts] == [("restore", True), ("check", True), ("up", False)]
    assert "41 rows" in found.parts[-1].words
    assert world.instances() == ["sportcoach-sim"]


def test_one_that_outlasts_every_patience_is_stopped_and_the_copy_goes() -> None:
    world = Tried(POLICY + 'timeout = "5m"\n')
    world.seconds = 3600
    with pytest.raises(Halted, match="check still ran after 300 s"):
        world.rehearse()
    assert world.instances() == ["sportcoach-sim"]
    assert world.ports().commands.running() == ()
    (kept,) = world.kept()
    assert (kept.ok, kept.failure) == (False, "check still ran after 300 s")


def test_ctrl_c_leaves_no_copy_either() -> None:
    world, stop = Tried(), Stop()
    notes: list[str] = []

    def note(words: str) -> None:
        notes.append(words)
        if words == "check: begun":
            stop()

    with pytest.raises(Interrupted):
        rehearse(world.prepared(), world.contract, world.policy, world.ports(), note=note, stop=stop)
    assert world.instances() == ["sportcoach-sim"]
    assert world.ports().commands.running() == ()
    assert world.ports().rehearsal_lease.holder() is None
    assert world.kept()[0].failure == "interrupted"


@pytest.mark.parametrize(
    ("service", "action", "nth"),
    [
        ("rds", "RestoreDBInstanceFromDBSnapshot", 1),
        ("ssm", "SendCommand", 1),
        ("ssm", "SendCommand", 2),
        ("ssm", "SendCommand", 3),
        ("rds", "DeleteDBInstance", 1),
    ],
)
def test_after_a_crash_the_next_one_removes_what_is_left(service: str, action: str, nth: int) -> None:
    world = Tried()
    world.faults.add(Fault(effect=Effect.CRASH, service=service, action=action, when=When.AFTER, nth=nth))
    with pytest.raises(Crashed):
        world.rehearse()
    world.faults.clear()
    assert world.instances() == ["sportcoach-sim", COPY]
    TOLD.clear()
    world.clock.sleep(1)
    found = world.rehearse()
    assert found.ok
    assert world.instances() == ["sportcoach-sim"]
    # A deletion that has begun is over before the dead process's lease is.
    assert action == "DeleteDBInstance" or any("left sportcoach-sim-rehearsal" in one for one in TOLD)
    old, new = sorted(world.kept(), key=lambda one: one.began_at)
    assert (old.failure, old.ok, new.ok) == ("its process died", False, True)
    assert all(one.ended_at is not None for one in (old, new))


def test_one_at_a_time_and_no_release_waits_for_it() -> None:
    world = Tried()
    held: list[object] = []

    def note(words: str) -> None:
        if words == "check: begun":
            ports = world.ports()
            held.append(ports.lease.holder())
            with pytest.raises(Locked, match=r"rehearsal of v1\.1\.0"):
                ports.rehearsal_lease.acquire(
                    owner="ben@desk:2", why="", deployment=0, ttl=30, now=world.clock.now()
                )

    rehearse(world.prepared(), world.contract, world.policy, world.ports(), note=note, stop=Stop())
    assert held == [None]


def test_everything_that_is_missing_is_said_at_once() -> None:
    world = Tried(QUICK)
    world.contract = world.contract.model_copy(update={"database": None})
    with pytest.raises(Refused) as caught:
        world.prepared()
    assert [one.where for one in caught.value.faults] == [
        "stack sim",
        "migration",
        "rehearsal.host_variable",
    ]
    assert world.instances() == ["sportcoach-sim"]


def test_a_foreign_instance_of_that_name_is_left_alone() -> None:
    world = Tried()
    world.raw("rds").create_db_instance(DBInstanceIdentifier=COPY, DBInstanceClass="c", Engine="postgres")
    world.clock.sleep(2)
    with pytest.raises(Refused, match="was not made by sc-deploy"):
        world.rehearse()
    assert world.instances() == ["sportcoach-sim", COPY]
    assert world.sent == []


def warned(world: World) -> list[str]:
    deployer = world.deployer("rel@host:1")
    deployer.run(deployer.plan_promotion("v1.1.0"))
    return [one.event.words for _, one in world.entries if isinstance(one.event, Warned)]


def test_c1_a_release_names_its_rehearsal_and_warns_of_nothing() -> None:
    world = Tried()
    found = world.rehearse()
    assert warned(world) == []
    (check,) = (
        one.event
        for _, one in world.entries
        if isinstance(one.event, StepDone) and one.event.step.kind is StepKind.CHECK
    )
    assert getattr(check.result, "words", "") == found.words


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("never", "was never rehearsed"),
        ("other version", "was never rehearsed"),
        ("other command", "was never rehearsed"),
        ("failed", "failed (rehearsed"),
        ("old", "minutes ago, more than rehearsal.max_age (5 minutes)"),
        ("slow", "more than its timeout of 60 s"),
    ],
)
def test_c1_a_release_warns_of_a_rehearsal_that_is_no_evidence(change: str, said: str) -> None:
    world = Tried()
    world.seconds = 90.0 if change == "slow" else 5.0
    world.fails = "migrate down" if change == "failed" else ""
    if change != "never":
        world.rehearse(version="v1.2.0" if change == "other version" else "v1.1.0")
    world.seconds, world.fails = 5.0, ""
    if change == "old":
        world.clock.sleep(360)
    if change == "other command":
        world.policy = parse_policy(POLICY.replace("migrate up", "migrate on"), stack="sim", source="d")
    words = warned(world)
    assert [one for one in words if said in one], words


def test_without_a_variable_a_release_is_warned_of_no_rehearsal() -> None:
    assert warned(Tried(POLICY.replace('"DATABASE_HOST"', '""'))) == []


def test_a_lease_that_was_lost_removes_nothing() -> None:
    """Another process has the copy now."""
    world, script = Tried(), None
    script = world.prepared()

    def note(words: str) -> None:
        if words == "check: begun":
            ports = world.ports()
            holder = ports.rehearsal_lease.holder()
            assert holder is not None
            world.clock.sleep(40)
            ports.rehearsal_lease.acquire(
                owner="other@host:2",
                why="rehearsal",
                deployment=0,
                ttl=30,
                now=world.clock.now(),
                dead=holder,
            )

    with pytest.raises(DeployError, match="lease"):
        rehearse(script, world.contract, world.policy, world.ports(), note=note, stop=Stop())
    assert world.instances() == ["sportcoach-sim", COPY]
