"""`ports.Databases` over RDS: restores beside the running instance, new names, removal."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from bluegreen.adapters.aws.elb.calls import foreign
from bluegreen.adapters.aws.failures import AwsRefusal, Tolerated
from bluegreen.adapters.aws.session import Json, Session
from bluegreen.adapters.aws.tags import tag_list, tags_of
from bluegreen.domain.database import DbInstance, DbSnapshot
from bluegreen.errors import Refused

_BUSY = ("InvalidDBInstanceState", "InvalidDBInstanceStateFault")
"""Backing up, being modified, renamed or deleted: another look later."""
_SAME = (
    "AutoMinorVersionUpgrade",
    "CopyTagsToSnapshot",
    "DBInstanceClass",
    "MultiAZ",
    "PubliclyAccessible",
    "StorageType",
)
"""What RestoreDBInstanceFromDBSnapshot takes by the name that DescribeDBInstances gives it.

What it does not take at all (automated backups, monitoring, storage autoscaling) `pulumi up` sets. The
key needs no word: RDS encrypts the instance with the snapshot's.
"""


class RdsInstances:
    """The DB instances of the stack."""

    def __init__(self, session: Session, stack: str) -> None:
        self._service, self._stack = partial(session.service, "rds"), stack

    def snapshots(self, source: str) -> tuple[DbSnapshot, ...]:
        found = self._service().pages(
            "describe_db_snapshots", "DBSnapshots", about=f"of {source}", DBInstanceIdentifier=source
        )
        usable = (one for one in map(_snapshot, found) if one.status == "available" and one.made)
        return tuple(sorted(usable, key=lambda one: one.made, reverse=True))

    def snapshot(self, name: str) -> DbSnapshot | None:
        with Tolerated("DBSnapshotNotFound", "DBSnapshotNotFoundFault"):
            read = self._service().call
            answer = read("describe_db_snapshots", about=name, DBSnapshotIdentifier=name)
            return next(map(_snapshot, answer["DBSnapshots"]), None)
        return None

    def instance(self, name: str) -> DbInstance | None:
        found = self._find(name)
        return None if found is None else _instance(found)

    def _find(self, name: str) -> Json | None:
        with Tolerated("DBInstanceNotFound", "DBInstanceNotFoundFault"):
            answer = self._service().call("describe_db_instances", about=name, DBInstanceIdentifier=name)
            return next(iter(answer["DBInstances"]), None)
        return None

    def ensure_restored(self, name: str, snapshot: str, *, like: str, tags: Mapping[str, str]) -> DbInstance:
        found = self._find(name) or self._restore(name, snapshot, like, tags)
        instance = _instance(found)
        if any(instance.tags.get(key) != value for key, value in tags.items()):
            raise foreign(f"DB instance {name}", self._stack)
        return instance

    def _restore(self, name: str, snapshot: str, like: str, tags: Mapping[str, str]) -> Json:
        model = self._find(like)
        if model is None:
            raise Refused(
                f"the DB instance {like}, which says how {name} has to be set up, does not exist",
                next_step="restore it by hand (operations manual, `Backup and restore`)",
            )
        written = tag_list({**_kept(model), **tags})
        try:
            answer = self._service().call(
                "restore_db_instance_from_db_snapshot",
                about=f"{name} from {snapshot}",
                DBInstanceIdentifier=name,
                DBSnapshotIdentifier=snapshot,
                Tags=written,
                **_placed(model),
            )
        except AwsRefusal as error:
            # Made by an attempt whose answer was lost.
            again = self._find(name) if error.code.startswith("DBInstanceAlreadyExists") else None
            if again is None:
                raise
            return again
        return {"TagList": written, **answer["DBInstance"]}

    def ensure_named(self, resource: str, name: str, *, now: str) -> bool:
        there = self.instance(name)
        if there is not None:
            if there.resource != resource:
                raise Refused(
                    f"another DB instance has the name {name} ({there.resource}, not {resource})",
                    next_step="look at both in the RDS console before anything else",
                )
            return there.status == "available"
        found = self.instance(now)
        if found is None:
            return False  # between two names, where neither may be shown
        if found.resource != resource:
            raise Refused(
                f"the DB instance {resource} is called neither {now} nor {name}:"
                " somebody renamed or deleted it",
                next_step=f"give it the name {now} again in the RDS console, then repeat",
            )
        if found.status == "available":
            # Since a moment ago; or it has the new name, and the answer that said so was lost.
            with Tolerated(*_BUSY, "DBInstanceNotFound", "DBInstanceNotFoundFault"):
                self._service().call(
                    "modify_db_instance",
                    about=f"{now}, from now on {name}",
                    DBInstanceIdentifier=now,
                    NewDBInstanceIdentifier=name,
                    ApplyImmediately=True,
                )
        return False

    def ensure_removed(self, name: str) -> bool:
        found = self.instance(name)
        if found is None:
            return True
        if not found.ours(self._stack):
            raise foreign(f"DB instance {name}", self._stack)
        if found.status != "deleting":
            with Tolerated(*_BUSY, "DBInstanceNotFound", "DBInstanceNotFoundFault"):
                self._service().call(
                    "delete_db_instance",
                    about=name,
                    DBInstanceIdentifier=name,
                    SkipFinalSnapshot=True,
                    DeleteAutomatedBackups=True,
                )
        return False


def _placed(model: Json) -> Json:
    """Class, network and parameters of `model`, as a restore takes them."""
    settings: Json = {name: model[name] for name in _SAME if model.get(name) is not None}
    lists = {
        "VpcSecurityGroupIds": [one["VpcSecurityGroupId"] for one in model.get("VpcSecurityGroups") or []],
        "EnableCloudwatchLogsExports": list(model.get("EnabledCloudwatchLogsExports") or []),
    }
    settings |= {name: found for name, found in lists.items() if found}
    if group := (model.get("DBSubnetGroup") or {}).get("DBSubnetGroupName"):
        settings["DBSubnetGroupName"] = group
    for group in (model.get("DBParameterGroups") or [])[:1]:
        settings["DBParameterGroupName"] = group["DBParameterGroupName"]
    if port := (model.get("Endpoint") or {}).get("Port"):
        settings["Port"] = port
    if model.get("IAMDatabaseAuthenticationEnabled"):
        settings["EnableIAMDatabaseAuthentication"] = True
    return settings


def _kept(model: Json) -> dict[str, str]:
    """Its tags; those of AWS itself cannot be given."""
    found = tags_of(model.get("TagList"))
    return {name: value for name, value in found.items() if not name.startswith("aws:")}


def _snapshot(found: Json) -> DbSnapshot:
    made = found.get("SnapshotCreateTime")
    return DbSnapshot(
        name=found["DBSnapshotIdentifier"],
        source=found.get("DBInstanceIdentifier", ""),
        made=made.timestamp() if made else 0.0,
        status=found["Status"],
        key=found.get("KmsKeyId", ""),
        tags=tags_of(found.get("TagList")),
    )


def _instance(found: Json) -> DbInstance:
    return DbInstance(
        name=found["DBInstanceIdentifier"],
        resource=found["DbiResourceId"],
        status=found["DBInstanceStatus"],
        address=(found.get("Endpoint") or {}).get("Address", ""),
        key=found.get("KmsKeyId", ""),
        tags=tags_of(found.get("TagList")),
    )
