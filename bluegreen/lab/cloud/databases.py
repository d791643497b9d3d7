"""RDS instances and snapshots, with the time they take."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field

from bluegreen.lab.cloud.clock import as_datetime
from bluegreen.lab.cloud.errors import CloudError
from bluegreen.lab.cloud.world import Document, World, api, page, tags_from, tags_to


@dataclass(slots=True, kw_only=True)
class _Thing:
    """A database instance or a snapshot: described by `settings`, available from `ready_at` on."""

    settings: Document
    created: float
    ready_at: float
    tags: dict[str, str] = field(default_factory=dict)


class Databases:
    """CreateDBInstance, CreateDBSnapshot, DescribeDBSnapshots."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._instances: dict[str, _Thing] = {}
        self._snapshots: dict[str, _Thing] = {}
        self.power = True
        """False while every database is down."""
        self.on_power: list[Callable[[bool], None]] = []
        """Told when the databases go down or come up: whoever runs real ones stops and starts them."""

    def set_power(self, *, on: bool) -> None:
        """Stop or start every database, as StopDBInstance and StartDBInstance do."""
        if on is not self.power:
            self.power = on
            for listener in self.on_power:
                listener(on)

    @api
    def describe_db_instances(self, params: Document) -> Document:
        asked = params.get("DBInstanceIdentifier")
        if asked:
            self._instance(asked)
        found = [name for name in self._instances if asked in (None, name)]
        shown, marker = page(found, size=params.get("MaxRecords") or 100, token=params.get("Marker"))
        answer: Document = {"DBInstances": [self._instance_document(name) for name in shown]}
        return answer | ({"Marker": marker} if marker else {})

    @api
    def create_db_instance(self, params: Document) -> Document:
        settings = {key: value for key, value in params.items() if key not in ("Tags", "MasterUserPassword")}
        name = params["DBInstanceIdentifier"]
        if name in self._instances:
            raise CloudError("DBInstanceAlreadyExists", "DB instance already exists")
        ready = self._world.at + self._world.settings.restore_seconds
        self._instances[name] = _Thing(
            settings=settings, created=self._world.at, ready_at=ready, tags=tags_from(params.get("Tags"))
        )
        return {"DBInstance": self._instance_document(name)}

    @api
    def create_db_snapshot(self, params: Document) -> Document:
        name, source = params["DBSnapshotIdentifier"], params["DBInstanceIdentifier"]
        instance = self._instance(source)
        if name in self._snapshots:
            raise CloudError(
                "DBSnapshotAlreadyExists", f"Cannot create the snapshot because {name} already exists."
            )
        if self._instance_status(instance) != "available":
            raise CloudError(
                "InvalidDBInstanceState", f"Database instance {source} is not in available state."
            )
        self._snapshots[name] = _Thing(
            settings={"DBInstanceIdentifier": source, "Source": copy.deepcopy(instance.settings)},
            created=self._world.at,
            ready_at=self._world.at + self._world.settings.snapshot_seconds,
            tags=tags_from(params.get("Tags")),
        )
        return {"DBSnapshot": self._snapshot_document(name)}

    @api
    def describe_db_snapshots(self, params: Document) -> Document:
        asked, source = params.get("DBSnapshotIdentifier"), params.get("DBInstanceIdentifier")
        if asked:
            self._snapshot(asked)
        found = [
            name
            for name, one in self._snapshots.items()
            if asked in (None, name) and source in (None, one.settings["DBInstanceIdentifier"])
        ]
        shown, marker = page(found, size=params.get("MaxRecords") or 100, token=params.get("Marker"))
        answer: Document = {"DBSnapshots": [self._snapshot_document(name) for name in shown]}
        return answer | ({"Marker": marker} if marker else {})

    def _instance(self, name: str) -> _Thing:
        if name not in self._instances:
            raise CloudError("DBInstanceNotFound", f"DBInstance {name} not found.", 404)
        return self._instances[name]

    def _snapshot(self, name: str) -> _Thing:
        if name not in self._snapshots:
            raise CloudError("DBSnapshotNotFound", f"DBSnapshot {name} not found.", 404)
        return self._snapshots[name]

    def _status(self, thing: _Thing) -> str:
        return "available" if self._world.at >= thing.ready_at else "creating"

    def _instance_status(self, thing: _Thing) -> str:
        """RDS's "stopped" while the power is off."""
        return self._status(thing) if self.power else "stopped"

    def _instance_document(self, name: str) -> Document:
        one = self._instances[name]
        known = (
            "DBInstanceClass",
            "Engine",
            "EngineVersion",
            "AllocatedStorage",
            "MultiAZ",
            "MasterUsername",
        )
        return {
            **{key: one.settings[key] for key in known if key in one.settings},
            "DBInstanceIdentifier": name,
            "DBInstanceArn": self._world.arn("rds", f"db:{name}"),
            "DBInstanceStatus": self._instance_status(one),
            "InstanceCreateTime": as_datetime(one.created),
            "Endpoint": {
                "Address": f"{name}.lab.{self._world.settings.region}.rds.amazonaws.com",
                "Port": one.settings.get("Port", 5432),
            },
            "TagList": tags_to(one.tags),
        }

    def _snapshot_document(self, name: str) -> Document:
        one = self._snapshots[name]
        status = self._status(one)
        return {
            "DBSnapshotIdentifier": name,
            "DBSnapshotArn": self._world.arn("rds", f"snapshot:{name}"),
            "DBInstanceIdentifier": one.settings["DBInstanceIdentifier"],
            "Engine": one.settings["Source"].get("Engine", "postgres"),
            "SnapshotCreateTime": as_datetime(one.created),
            "Status": status,
            "SnapshotType": "manual",
            "PercentProgress": 100 if status == "available" else 0,
            "TagList": tags_to(one.tags),
        }
