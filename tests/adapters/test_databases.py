"""DB instances that are restored, renamed and removed."""

from __future__ import annotations

from typing import Any

import pytest

from bluegreen.adapters.aws.rds_instances import RdsInstances
from bluegreen.contract import Tag
from bluegreen.errors import CloudUnavailable, Refused

from .conftest import Stack, lost, refused, tags

PLACED = {
    "DBSubnetGroupName": "data",
    "DBParameterGroupName": "forced-tls",
    "VpcSecurityGroupIds": ["sg-data"],
    "EnableCloudwatchLogsExports": ["postgresql", "upgrade"],
    "EnableIAMDatabaseAuthentication": True,
    "CopyTagsToSnapshot": True,
}
"""What a restore gives up unless it is said again."""
MINE = tags(**{str(Tag.RESTORES): "good"})


@pytest.fixture
def rds(stack: Stack) -> Any:
    """The database `test`, encrypted and placed, and its snapshot `good`."""
    client = stack.raw("rds")
    client.create_db_instance(
        DBInstanceIdentifier="test",
        DBInstanceClass="db.m5.large",
        Engine="postgres",
        KmsKeyId="arn:key",
        StorageEncrypted=True,
        DeletionProtection=True,
        Port=5433,
        Tags=[{"Key": "team", "Value": "sports"}],
        **PLACED,
    )
    stack.clock.sleep(2)
    client.create_db_snapshot(DBInstanceIdentifier="test", DBSnapshotIdentifier="good")
    stack.clock.sleep(5)
    stack.region.calls.clear()
    return client


@pytest.fixture
def databases(stack: Stack, rds: Any) -> RdsInstances:  # it makes the database
    return RdsInstances(stack.session, "test")


def restore(databases: RdsInstances, name: str = "test-restore-1") -> Any:
    return databases.ensure_restored(name, "good", like="test", tags=MINE)


def test_newest_first_and_only_what_can_be_restored(stack: Stack, rds: Any, databases: RdsInstances) -> None:
    for name in ("later", "latest"):
        rds.create_db_snapshot(DBInstanceIdentifier="test", DBSnapshotIdentifier=name)
        stack.clock.sleep(1 if name == "latest" else 5)
    assert [one.name for one in databases.snapshots("test")] == ["later", "good"]
    assert databases.snapshots("other") == ()
    found = databases.snapshot("latest")
    assert found is not None
    assert (found.status, found.source, found.key) == ("creating", "test", "arn:key")
    assert databases.snapshot("nothing") is None
    assert databases.instance("nothing") is None


def test_a_restored_instance_is_set_up_as_the_running_one(
    stack: Stack, rds: Any, databases: RdsInstances
) -> None:
    assert restore(databases).status == "creating"
    stack.clock.sleep(6)
    assert restore(databases).status == "available"
    assert stack.region.count()["RestoreDBInstanceFromDBSnapshot"] == 1
    shown = {one["DBInstanceIdentifier"]: one for one in rds.describe_db_instances()["DBInstances"]}
    one, model = shown["test-restore-1"], shown["test"]
    for name in (
        "DBInstanceClass",
        "DBSubnetGroup",
        "DBParameterGroups",
        "VpcSecurityGroups",
        "EnabledCloudwatchLogsExports",
        "IAMDatabaseAuthenticationEnabled",
        "CopyTagsToSnapshot",
        "KmsKeyId",
        "StorageEncrypted",
    ):
        assert one[name] == model[name], name
    assert one["Endpoint"]["Port"] == 5433
    assert {tag["Key"]: tag["Value"] for tag in one["TagList"]} == {"team": "sports", **MINE}
    assert one["DbiResourceId"] != model["DbiResourceId"]


def test_a_lost_answer_makes_no_second_instance(stack: Stack, databases: RdsInstances) -> None:
    stack.fault("RestoreDBInstanceFromDBSnapshot", lost(), after=True, times=9)
    with pytest.raises(CloudUnavailable):
        restore(databases)
    assert restore(databases).status == "creating"


def test_an_instance_of_another_snapshot_is_left_alone(databases: RdsInstances) -> None:
    restore(databases)
    other = {**MINE, str(Tag.RESTORES): "other"}
    with pytest.raises(Refused, match="DB instance test-restore-1 was not made by sc-deploy"):
        databases.ensure_restored("test-restore-1", "other", like="test", tags=other)


def test_what_cannot_be_restored_says_why(stack: Stack, databases: RdsInstances) -> None:
    with pytest.raises(Refused, match="DBSnapshotNotFound"):
        databases.ensure_restored("test-restore-1", "gone", like="test", tags=MINE)
    stack.fault("RestoreDBInstanceFromDBSnapshot", refused("InstanceQuotaExceeded", "40 instances"))
    with pytest.raises(Refused, match="raise the quota `DB instances`"):
        restore(databases)
    with pytest.raises(Refused, match="the DB instance gone, which says how"):
        databases.ensure_restored("test-restore-1", "good", like="gone", tags=MINE)


def test_names_are_swapped_and_every_call_may_be_repeated(stack: Stack, databases: RdsInstances) -> None:
    new = restore(databases)
    stack.clock.sleep(6)
    old = databases.instance("test")
    assert old is not None
    for resource, name, now in ((old.resource, "test-old", "test"), (new.resource, "test", new.name)):
        assert databases.ensure_named(resource, name, now=now) is False
        assert databases.ensure_named(resource, name, now=now) is False
        stack.clock.sleep(3)
        assert databases.ensure_named(resource, name, now=now) is True
    assert stack.region.count()["ModifyDBInstance"] == 2
    live = databases.instance("test")
    assert live is not None
    assert (live.resource, live.address) == (new.resource, old.address)


def test_a_busy_instance_is_renamed_later(stack: Stack, databases: RdsInstances) -> None:
    old = databases.instance("test")
    assert old is not None
    stack.fault("ModifyDBInstance", refused("InvalidDBInstanceState", "backing-up"))
    assert databases.ensure_named(old.resource, "test-old", now="test") is False
    stack.clock.sleep(3)
    assert databases.ensure_named(old.resource, "test-old", now="test") is False
    stack.clock.sleep(3)
    assert databases.ensure_named(old.resource, "test-old", now="test") is True


def test_no_name_is_taken_from_another_instance(stack: Stack, databases: RdsInstances) -> None:
    new = restore(databases)
    stack.clock.sleep(6)
    with pytest.raises(Refused, match="another DB instance has the name test"):
        databases.ensure_named(new.resource, "test", now=new.name)
    with pytest.raises(Refused, match="is called neither"):
        databases.ensure_named("db-of-somebody", "test-old", now="test")
    assert "ModifyDBInstance" not in stack.region.count()


def test_only_what_sc_deploy_made_is_removed(stack: Stack, databases: RdsInstances) -> None:
    restore(databases)
    stack.clock.sleep(6)
    assert databases.ensure_removed("test-restore-1") is False
    assert databases.ensure_removed("test-restore-1") is False
    stack.clock.sleep(3)
    assert databases.ensure_removed("test-restore-1") is True
    assert stack.region.count()["DeleteDBInstance"] == 1
    with pytest.raises(Refused, match="DB instance test was not made by sc-deploy"):
        databases.ensure_removed("test")


def test_one_that_is_still_created_is_removed_later(stack: Stack, databases: RdsInstances) -> None:
    restore(databases)
    assert databases.ensure_removed("test-restore-1") is False
    stack.clock.sleep(6)
    assert databases.ensure_removed("test-restore-1") is False
    stack.clock.sleep(3)
    assert databases.ensure_removed("test-restore-1") is True
