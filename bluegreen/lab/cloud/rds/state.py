"""The DB instances and snapshots that exist, and how far they are."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from bluegreen.lab.cloud.clock import as_datetime
from bluegreen.lab.cloud.errors import CloudError
from bluegreen.lab.cloud.rds.servers import Servers
from bluegreen.lab.cloud.world import Document, World, tags_to

_SHOWN = (
    "DBInstanceClass",
    "Engine",
    "EngineVersion",
    "AllocatedStorage",
    "MultiAZ",
    "MasterUsername",
    "DBName",
    "BackupRetentionPeriod",
    "DeletionProtection",
    "AutoMinorVersionUpgrade",
    "CopyTagsToSnapshot",
    "PubliclyAccessible",
    "StorageType",
    "StorageEncrypted",
    "KmsKeyId",
)

_ENCRYPTED = ("KmsKeyId",)
"""What a snapshot shows of its instance."""


@dataclass(slots=True, kw_only=True)
class Thing:
    """A DB instance or a snapshot: at rest once its work is done, and not before `ready_at`."""

    settings: Document
    created: float
    work: Future[None]
    """What the server behind it is doing; its exception says why that failed."""
    ready_at: float
    doing: str = "creating"
    """Its status until then."""
    resource: str = ""
    """RDS's own id of an instance, which no new name changes."""
    source: str = ""
    """Of a snapshot: the instance. Of an instance: the one it replicates."""
    renamed: str = ""
    """The name that it has once it is at rest; empty: it keeps its own."""
    pending: str = ""
    """The name that it was given without ApplyImmediately: nothing happens until that comes."""
    tags: dict[str, str] = field(default_factory=dict)

    def failure(self) -> str:
        """Why its work failed; empty where it did not."""
        over = self.work.done() and not self.work.cancelled()
        error = self.work.exception() if over else None
        return str(error) if error else ""


class State:
    """What every handler of RDS shares; call `settle` before reading."""

    def __init__(self, world: World, servers: Servers) -> None:
        self.world, self.servers = world, servers
        self.instances: dict[str, Thing] = {}
        self.snapshots: dict[str, Thing] = {}
        self.power = True
        """False while every database is down."""
        self.on_power: list[Callable[[bool], None]] = [self._switch]
        """Told when the databases go down or come up."""
        self.switching: list[Future[None]] = []
        """Of the servers that are stopped or started; wait for them without a lock."""

    def set_power(self, *, on: bool) -> None:
        """Stop or start every database, as StopDBInstance and StartDBInstance do."""
        if on is not self.power:
            self.power = on
            for listener in self.on_power:
                listener(on)

    def _switch(self, on: bool) -> None:  # noqa: FBT001  # a listener's one argument
        turn = self.servers.start if on else self.servers.stop
        self.switching = [turn(name) for name in self.instances]

    def at_rest(self, thing: Thing) -> bool:
        """Whether nothing is being done to it."""
        return thing.work.done() and self.world.at >= thing.ready_at

    def settle(self) -> None:
        """Finish deletions and renamings whose work is done and whose time has passed."""
        for name, one in list(self.instances.items()):
            if self.at_rest(one) and one.doing == "deleting":
                del self.instances[name]
            elif self.at_rest(one) and one.renamed:
                del self.instances[name]
                self._rename(one, name)

    def _rename(self, one: Thing, old: str) -> None:
        """Replicas stay with it. Snapshots keep the name of their time: AWS says only that they are kept."""
        new, one.renamed = one.renamed, ""
        self.instances[new] = one
        for replica in self.instances.values():
            replica.source = new if replica.source == old else replica.source

    def instance(self, name: str) -> Thing:
        """Raises CloudError where there is none."""
        if name not in self.instances:
            raise CloudError("DBInstanceNotFound", f"DBInstance {name} not found.", 404)
        return self.instances[name]

    def available(self, name: str) -> Thing:
        """The instance `name`; raises CloudError where it is missing, busy or failed."""
        one = self.instance(name)
        if self.instance_status(name) != "available":
            raise CloudError("InvalidDBInstanceState", f"Database instance {name} is not in available state.")
        return one

    def snapshot(self, name: str) -> Thing:
        """Raises CloudError where there is none."""
        if name not in self.snapshots:
            raise CloudError("DBSnapshotNotFound", f"DBSnapshot {name} not found.", 404)
        return self.snapshots[name]

    def free(self, name: str) -> None:
        """Raises CloudError where an instance has the name `name`, or is about to have it."""
        if name in self.instances or any(one.renamed == name for one in self.instances.values()):
            raise CloudError("DBInstanceAlreadyExists", "DB instance already exists")

    def instance_status(self, name: str) -> str:
        """AWS's word; `backing-up` while a snapshot of it is made, as on AWS; `stopped` without power."""
        one = self.instances[name]
        status = self.status(one)
        if status == "available" and not self.power:
            return "stopped"
        copied = any(
            copy.source == name and self.status(copy) == "creating" for copy in self.snapshots.values()
        )
        return "backing-up" if status == "available" and copied else status

    def status(self, thing: Thing) -> str:
        """AWS's word for a snapshot, or an instance that nobody copies."""
        if thing.failure():
            return "failed"
        return "available" if self.at_rest(thing) else thing.doing

    def instance_document(self, name: str) -> Document:
        """As DescribeDBInstances shows it; without an endpoint until it is created, as on AWS."""
        one = self.instances[name]
        status, pending = self.instance_status(name), one.renamed or one.pending
        document: Document = {
            **{key: one.settings[key] for key in _SHOWN if key in one.settings},
            "DBInstanceIdentifier": name,
            "DbiResourceId": one.resource,
            "DBInstanceArn": self.world.arn("rds", f"db:{name}"),
            "DBInstanceStatus": status,
            "InstanceCreateTime": as_datetime(one.created),
            "PendingModifiedValues": {"DBInstanceIdentifier": pending} if pending else {},
            "ReadReplicaDBInstanceIdentifiers": [
                other for other, copy in self.instances.items() if copy.source == name
            ],
            "TagList": tags_to(one.tags),
        }
        document |= _placement(one.settings)
        if one.source:
            document["ReadReplicaSourceDBInstanceIdentifier"] = one.source
        if status not in ("creating", "failed"):
            document["Endpoint"] = self._endpoint(name, one)
        return document

    def _endpoint(self, name: str, one: Thing) -> Document:
        host = f"{name}.lab.{self.world.settings.region}.rds.amazonaws.com"
        address, port = self.servers.endpoint(name) or (host, one.settings.get("Port", 5432))
        return {"Address": address, "Port": port}

    def snapshot_document(self, name: str) -> Document:
        """As DescribeDBSnapshots shows it."""
        one = self.snapshots[name]
        status = self.status(one)
        document: Document = {
            "DBSnapshotIdentifier": name,
            "DBSnapshotArn": self.world.arn("rds", f"snapshot:{name}"),
            "DBInstanceIdentifier": one.source,
            "Engine": one.settings.get("Engine", "postgres"),
            "SnapshotCreateTime": as_datetime(one.created),
            "Status": status,
            "SnapshotType": "manual",
            "PercentProgress": 100 if status == "available" else 0,
            "TagList": tags_to(one.tags),
        }
        return document | {key: one.settings[key] for key in _ENCRYPTED if key in one.settings}


def _placement(settings: Document) -> Document:
    """Network, parameters and logs, as DescribeDBInstances nests them."""
    groups = settings.get("VpcSecurityGroupIds", [])
    document: Document = {"VpcSecurityGroups": [{"VpcSecurityGroupId": one} for one in groups]}
    if name := settings.get("DBSubnetGroupName"):
        document["DBSubnetGroup"] = {"DBSubnetGroupName": name}
    if name := settings.get("DBParameterGroupName"):
        document["DBParameterGroups"] = [{"DBParameterGroupName": name}]
    if "EnableCloudwatchLogsExports" in settings:
        document["EnabledCloudwatchLogsExports"] = settings["EnableCloudwatchLogsExports"]
    document["IAMDatabaseAuthenticationEnabled"] = settings.get("EnableIAMDatabaseAuthentication", False)
    return document
