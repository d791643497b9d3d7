"""`db restore`: a snapshot beside the database, the swap of names, and a crash at every call (R8)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bluegreen.domain.restoration import Restoration
from bluegreen.engine.database.restore import discard, prepare, restore
from bluegreen.engine.database.work import Stop
from bluegreen.errors import Interrupted, Refused
from bluegreen.lab.faults import Crashed, Effect, Fault, When
from tests.engine.test_rehearsals import Tried

DATABASE = "sportcoach-sim"


class Restored(Tried):
    """As `Tried`; `ids` are RDS's ids by name."""

    def ids(self) -> dict[str, str]:
        found = self.raw("rds").describe_db_instances()["DBInstances"]
        return {one["DBInstanceIdentifier"]: one["DbiResourceId"] for one in found}

    def planned(self, snapshot: str = "newest") -> Restoration:
        return prepare(self.contract, self.ports(), snapshot=snapshot, by="anna@desk:1")

    def restore(self, *, stop: Stop | None = None, note: Any = str, swap: bool = True) -> Restoration:
        planned, given = self.planned(), {"note": note, "stop": stop or Stop(), "swap": swap}
        return restore(planned, self.contract, self.policy, self.ports(), **given)


def converged(world: Restored, old: str) -> None:
    found = world.ids()
    (kept,) = (name for name in found if name.startswith(f"{DATABASE}-old-"))
    assert set(found) == {DATABASE, kept}
    assert (found[kept], found[DATABASE] != old) == (old, True)
    assert [one.ended_at is not None for one in world.ports().restorations.newest()] == [True]
    assert world.ports().lease.holder() is None


def test_r8_the_names_are_swapped_and_the_old_one_is_kept() -> None:
    world = Restored()
    old, began = world.ids()[DATABASE], world.clock.now()
    found = world.restore()
    converged(world, old)
    assert (found.old, found.new) == (old, world.ids()[DATABASE])
    assert found.ended_at is not None
    assert found.lost(0) == found.ended_at - found.made > found.ended_at - began
    assert (
        world.raw("rds")
        .describe_db_instances(DBInstanceIdentifier=DATABASE)["DBInstances"][0]["Endpoint"]["Address"]
        .startswith(f"{DATABASE}.")
    )


CALLS = [
    *(("rds", "RestoreDBInstanceFromDBSnapshot", 1), ("rds", "ModifyDBInstance", 1)),
    ("rds", "ModifyDBInstance", 2),
    *(("dynamodb", "UpdateItem", nth) for nth in range(1, 7)),
]


@pytest.mark.parametrize(("service", "action", "nth"), CALLS)
@pytest.mark.parametrize("when", list(When))
def test_after_a_crash_the_same_command_continues(service: str, action: str, nth: int, when: When) -> None:
    world = Restored()
    old, planned = world.ids()[DATABASE], world.planned()
    world.faults.add(Fault(effect=Effect.CRASH, service=service, action=action, when=when, nth=nth))
    with pytest.raises(Crashed):
        restore(planned, world.contract, world.policy, world.ports(), note=str, stop=Stop())
    world.faults.clear()
    world.clock.sleep(1)
    world.restore()
    converged(world, old)


@pytest.mark.parametrize("action", ["RestoreDBInstanceFromDBSnapshot", "ModifyDBInstance"])
def test_a_lost_answer_is_looked_after(action: str) -> None:
    world = Restored()
    old = world.ids()[DATABASE]
    world.faults.add(Fault(effect=Effect.TIMEOUT, service="rds", action=action, when=When.AFTER))
    world.restore()
    converged(world, old)


def test_beside_changes_nothing_that_serves_and_waits() -> None:
    world = Restored()
    old = world.ids()[DATABASE]
    found = world.restore(swap=False)
    assert (found.ended_at, world.ids()) == (None, {DATABASE: old, found.beside: found.new})
    world.restore()
    converged(world, old)


def test_given_up_before_the_swap_leaves_the_database_alone() -> None:
    world = Restored()
    before = world.ids()
    planned = world.restore(swap=False)
    found = discard(planned, world.policy, world.ports(), note=str, stop=Stop())
    assert (found.discarded, world.ids()) == (True, before)
    world.clock.sleep(1)
    assert world.planned().began_at > planned.began_at


@pytest.mark.parametrize("renamed", [1, 2])
@pytest.mark.parametrize("later", [0, 3600])
def test_nothing_is_given_up_once_the_swap_has_begun(renamed: int, later: float) -> None:
    """Neither while an instance is being renamed nor when it has been."""
    world = Restored()
    dies = Fault(effect=Effect.CRASH, service="rds", action="ModifyDBInstance", when=When.AFTER, nth=renamed)
    world.faults.add(dies)
    with pytest.raises(Crashed):
        world.restore()
    world.faults.clear()
    world.clock.sleep(later)
    with pytest.raises(Refused, match="is renamed already"):
        discard(world.planned(), world.policy, world.ports(), note=str, stop=Stop())


def test_ctrl_c_before_the_swap_stops_and_in_it_does_not() -> None:
    for words, ends in (("restoring", False), ("renaming", True)):
        world, stop = Restored(), Stop()
        old = world.ids()[DATABASE]

        def note(said: str, words: str = words, stop: Stop = stop) -> None:
            if said.startswith(words):
                stop()

        if ends:
            world.restore(stop=stop, note=note)
        else:
            with pytest.raises(Interrupted):
                world.restore(stop=stop, note=note)
            assert world.ids()[DATABASE] == old
            world.clock.sleep(1)
            world.restore()
        converged(world, old)


def faults(world: Restored, snapshot: str) -> list[str]:
    with pytest.raises(Refused) as caught:
        world.planned(snapshot)
    return [f"{one.where} {one.problem} {one.allowed}" for one in caught.value.faults]


def test_what_cannot_be_restored_is_refused_before_anything_changes() -> None:
    world = Restored()
    rds = world.raw("rds")
    assert faults(world, "gone") == [f"gone is gone the newest of {DATABASE}: newest, older"]
    rds.create_db_instance(DBInstanceIdentifier="other", DBInstanceClass="c", Engine="p", KmsKeyId="k")
    world.clock.sleep(2)
    rds.create_db_snapshot(DBInstanceIdentifier="other", DBSnapshotIdentifier="theirs")
    assert "theirs is of the database other" in faults(world, "theirs")[0]
    rds.create_db_snapshot(DBInstanceIdentifier=DATABASE, DBSnapshotIdentifier="young")
    assert "young is creating" in faults(world, "young")[0]
    world.cloud.databases.snapshots["older"].settings["KmsKeyId"] = "other"
    assert "encrypted with another key" in faults(world, "older")[0]
    assert world.ports().restorations.newest() == ()


def test_another_snapshot_does_not_begin_beside_an_unfinished_restore() -> None:
    world = Restored()
    world.restore(swap=False)
    with pytest.raises(Refused, match="a restore of newest is unfinished"):
        world.planned("older")


def test_a_quota_that_is_reached_changes_nothing() -> None:
    world = Restored()
    before = world.ids()
    cloud = world.cloud.databases.world
    cloud.settings = replace(cloud.settings, database_instances=1)
    with pytest.raises(Refused, match="raise the quota `DB instances`"):
        world.restore()
    assert world.ids() == before
