"""The emulated RDS on a manual clock: nothing real stands behind it."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest

from bluegreen.lab.cloud.rds.servers import NoServers
from tests.lab.cloud.conftest import Stack, build
from tests.lab.cloud.test_elb import refused


@pytest.fixture
def rds(stack: Stack) -> Any:
    """RDS with the instance `main`, available."""
    client = stack.client("rds")
    client.create_db_instance(
        DBInstanceIdentifier="main", DBInstanceClass="db.m5.large", Engine="postgres", DeletionProtection=True
    )
    stack.clock.sleep(1)
    return client


def status(rds: Any, name: str) -> str:
    found: str = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]["DBInstanceStatus"]
    return found


def test_an_instance_has_an_endpoint_once_it_is_created(stack: Stack) -> None:
    rds = stack.client("rds")
    made = rds.create_db_instance(
        DBInstanceIdentifier="main", DBInstanceClass="c", Engine="postgres", Port=99
    )
    assert made["DBInstance"]["DBInstanceStatus"] == "creating"
    assert "Endpoint" not in made["DBInstance"]
    assert refused(rds.create_db_snapshot, DBInstanceIdentifier="main", DBSnapshotIdentifier="s") == (
        "InvalidDBInstanceState"
    )
    stack.clock.sleep(1)
    (shown,) = rds.describe_db_instances()["DBInstances"]
    assert shown["DBInstanceStatus"] == "available"
    assert shown["Endpoint"] == {"Address": "main.lab.ap-northeast-1.rds.amazonaws.com", "Port": 99}
    assert refused(rds.describe_db_instances, DBInstanceIdentifier="no") == "DBInstanceNotFound"


def test_a_snapshot_takes_its_time_and_its_instance_is_backing_up(stack: Stack, rds: Any) -> None:
    snapshot = {"DBInstanceIdentifier": "main", "DBSnapshotIdentifier": "before"}
    assert rds.create_db_snapshot(**snapshot)["DBSnapshot"]["Status"] == "creating"
    assert status(rds, "main") == "backing-up"
    assert refused(rds.create_db_snapshot, **snapshot) == "DBSnapshotAlreadyExists"
    assert refused(rds.create_db_snapshot, **{**snapshot, "DBSnapshotIdentifier": "two"}) == (
        "InvalidDBInstanceState"
    )
    assert refused(rds.delete_db_snapshot, DBSnapshotIdentifier="before") == "InvalidDBSnapshotState"
    stack.clock.sleep(3)
    shown = rds.describe_db_snapshots(DBSnapshotIdentifier="before")["DBSnapshots"][0]
    assert (shown["Status"], shown["PercentProgress"]) == ("available", 100)
    assert status(rds, "main") == "available"
    assert refused(rds.describe_db_snapshots, DBSnapshotIdentifier="other") == "DBSnapshotNotFound"
    assert refused(rds.create_db_snapshot, DBInstanceIdentifier="no", DBSnapshotIdentifier="x") == (
        "DBInstanceNotFound"
    )
    assert rds.delete_db_snapshot(DBSnapshotIdentifier="before")["DBSnapshot"]["Status"] == "deleted"
    assert rds.describe_db_snapshots()["DBSnapshots"] == []


def test_a_restored_instance_takes_the_name_and_with_it_the_endpoint(stack: Stack, rds: Any) -> None:
    rds.create_db_snapshot(DBInstanceIdentifier="main", DBSnapshotIdentifier="before")
    restore = {"DBInstanceIdentifier": "second", "DBSnapshotIdentifier": "before"}
    assert refused(rds.restore_db_instance_from_db_snapshot, **restore) == "InvalidDBSnapshotState"
    stack.clock.sleep(3)
    made = rds.restore_db_instance_from_db_snapshot(**restore)["DBInstance"]
    assert (made["DBInstanceStatus"], made["DeletionProtection"]) == ("creating", False)
    assert refused(rds.restore_db_instance_from_db_snapshot, **restore) == "DBInstanceAlreadyExists"
    stack.clock.sleep(5)
    assert status(rds, "second") == "available"

    swap = {"ApplyImmediately": True}
    taken = {"DBInstanceIdentifier": "second", "NewDBInstanceIdentifier": "main"}
    assert refused(rds.modify_db_instance, **taken, **swap) == "DBInstanceAlreadyExists"
    rds.modify_db_instance(DBInstanceIdentifier="main", NewDBInstanceIdentifier="main-old", **swap)
    assert status(rds, "main") == "renaming"
    stack.clock.sleep(2)
    rds.modify_db_instance(**taken, **swap)
    stack.clock.sleep(2)
    names = {one["DBInstanceIdentifier"]: one["Endpoint"]["Address"] for one in all_of(rds)}
    assert set(names) == {"main", "main-old"}
    assert names["main"].startswith("main.")


def test_replicas_stay_with_a_renamed_instance_and_snapshots_with_the_name(stack: Stack, rds: Any) -> None:
    rds.create_db_snapshot(DBInstanceIdentifier="main", DBSnapshotIdentifier="s")
    stack.clock.sleep(3)
    rds.create_db_instance_read_replica(DBInstanceIdentifier="copy", SourceDBInstanceIdentifier="main")
    stack.clock.sleep(5)
    rds.modify_db_instance(DBInstanceIdentifier="main", NewDBInstanceIdentifier="new", ApplyImmediately=True)
    stack.clock.sleep(2)
    replica = rds.describe_db_instances(DBInstanceIdentifier="copy")["DBInstances"][0]
    assert replica["ReadReplicaSourceDBInstanceIdentifier"] == "new"
    (snapshot,) = rds.describe_db_snapshots(DBInstanceIdentifier="main")["DBSnapshots"]
    assert snapshot["DBSnapshotIdentifier"] == "s"


def all_of(rds: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = rds.describe_db_instances()["DBInstances"]
    return found


def test_a_name_that_is_not_applied_immediately_waits(stack: Stack, rds: Any) -> None:
    rds.modify_db_instance(DBInstanceIdentifier="main", NewDBInstanceIdentifier="new")
    stack.clock.sleep(3600)
    (one,) = all_of(rds)
    assert (one["DBInstanceIdentifier"], one["DBInstanceStatus"]) == ("main", "available")
    assert one["PendingModifiedValues"] == {"DBInstanceIdentifier": "new"}
    rds.modify_db_instance(DBInstanceIdentifier="main", ApplyImmediately=True)
    stack.clock.sleep(2)
    assert status(rds, "new") == "available"


def test_deletion_wants_its_protection_off_and_a_word_about_the_last_snapshot(stack: Stack, rds: Any) -> None:
    asked = {"DBInstanceIdentifier": "main", "FinalDBSnapshotIdentifier": "last"}
    assert refused(rds.delete_db_instance, **asked) == "InvalidParameterCombination"
    rds.modify_db_instance(DBInstanceIdentifier="main", DeletionProtection=False)
    assert refused(rds.delete_db_instance, DBInstanceIdentifier="main") == "InvalidParameterCombination"
    assert rds.delete_db_instance(**asked)["DBInstance"]["DBInstanceStatus"] == "deleting"
    stack.clock.sleep(3)
    assert refused(rds.describe_db_instances, DBInstanceIdentifier="main") == "DBInstanceNotFound"
    assert [one["Status"] for one in rds.describe_db_snapshots()["DBSnapshots"]] == ["available"]


def test_a_replica_follows_until_it_is_promoted_or_its_source_is_gone(stack: Stack, rds: Any) -> None:
    for name in ("one", "two"):
        rds.create_db_instance_read_replica(DBInstanceIdentifier=name, SourceDBInstanceIdentifier="main")
    stack.clock.sleep(5)
    main = rds.describe_db_instances(DBInstanceIdentifier="main")["DBInstances"][0]
    assert main["ReadReplicaDBInstanceIdentifiers"] == ["one", "two"]
    rds.promote_read_replica(DBInstanceIdentifier="one")
    stack.clock.sleep(1)
    assert refused(rds.promote_read_replica, DBInstanceIdentifier="one") == "InvalidDBInstanceState"
    rds.modify_db_instance(DBInstanceIdentifier="main", DeletionProtection=False)
    rds.delete_db_instance(DBInstanceIdentifier="main", SkipFinalSnapshot=True)
    stack.clock.sleep(1)
    assert all("ReadReplicaSourceDBInstanceIdentifier" not in one for one in all_of(rds))


def test_what_is_not_modelled_is_refused_and_not_answered_by_somebody_else(rds: Any) -> None:
    assert refused(rds.describe_db_clusters) == "InvalidAction"


def test_without_power_an_instance_is_stopped_and_nothing_can_be_done_with_it(stack: Stack, rds: Any) -> None:
    told: list[bool] = []
    stack.cloud.databases.on_power.append(told.append)
    for on in (False, False, True):
        stack.cloud.databases.set_power(on=on)
        assert status(rds, "main") == ("available" if on else "stopped")
        if not on:
            asked = {"DBInstanceIdentifier": "main", "DBSnapshotIdentifier": "s"}
            assert refused(rds.create_db_snapshot, **asked) == "InvalidDBInstanceState"
    assert told == [False, True]


class Broken(NoServers):
    """A disk that is full when something is copied."""

    def copy(self, snapshot: str, source: str) -> Future[None]:
        future: Future[None] = Future()
        future.set_exception(OSError("No space left on device"))
        return future


def test_work_that_fails_is_a_failed_snapshot_and_the_instance_stays_available() -> None:
    stack = build(servers=Broken())
    rds = stack.client("rds")
    rds.create_db_instance(DBInstanceIdentifier="main", DBInstanceClass="c", Engine="postgres")
    stack.clock.sleep(1)
    rds.create_db_snapshot(DBInstanceIdentifier="main", DBSnapshotIdentifier="s")
    stack.clock.sleep(3)
    assert rds.describe_db_snapshots()["DBSnapshots"][0]["Status"] == "failed"
    assert status(rds, "main") == "available"
    restore = {"DBInstanceIdentifier": "second", "DBSnapshotIdentifier": "s"}
    assert refused(rds.restore_db_instance_from_db_snapshot, **restore) == "InvalidDBSnapshotState"
    assert "No space left" in stack.cloud.databases.snapshots["s"].failure()
