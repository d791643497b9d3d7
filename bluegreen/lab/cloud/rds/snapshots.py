"""Manual snapshots: CreateDBSnapshot, DescribeDBSnapshots, DeleteDBSnapshot."""

from __future__ import annotations

import copy
import re

from bluegreen.lab.cloud.errors import CloudError
from bluegreen.lab.cloud.rds.state import State, Thing
from bluegreen.lab.cloud.world import Document, api, page, tags_from

_NAME = re.compile(r"[A-Za-z](-?[A-Za-z0-9])*")
"""First a letter, no two hyphens in a row, none at the end."""


class Snapshots:
    """Copies of an instance, which outlive it."""

    def __init__(self, state: State) -> None:
        self._state = state

    @api
    def create_db_snapshot(self, params: Document) -> Document:
        self._state.settle()
        name, source = params["DBSnapshotIdentifier"], params["DBInstanceIdentifier"]
        self._state.instance(source)
        if len(name) > 255 or not _NAME.fullmatch(name):
            raise CloudError(
                "InvalidParameterValue",
                f"The parameter DBSnapshotIdentifier is not a valid identifier: {name}",
            )
        if name in self._state.snapshots:
            raise CloudError(
                "DBSnapshotAlreadyExists", f"Cannot create the snapshot because {name} already exists."
            )
        self._state.available(source)
        if len(self._state.snapshots) >= self._state.world.settings.manual_snapshots:
            raise CloudError(
                "SnapshotQuotaExceeded", "Cannot create more than the quota of manual snapshots."
            )
        return {"DBSnapshot": self.take(name, source, tags_from(params.get("Tags")))}

    def take(self, name: str, source: str, tags: dict[str, str] | None = None) -> Document:
        """Begin the snapshot `name` of the instance `source`, and show it."""
        state = self._state
        state.snapshots[name] = Thing(
            settings=copy.deepcopy(state.instances[source].settings),
            source=source,
            created=state.world.at,
            ready_at=state.world.at + state.world.settings.snapshot_seconds,
            work=state.servers.copy(name, source),
            tags=tags or {},
        )
        return state.snapshot_document(name)

    @api
    def describe_db_snapshots(self, params: Document) -> Document:
        asked, source = params.get("DBSnapshotIdentifier"), params.get("DBInstanceIdentifier")
        if asked:
            self._state.snapshot(asked)
        found = [
            name
            for name, one in self._state.snapshots.items()
            if asked in (None, name) and source in (None, one.source)
        ]
        shown, marker = page(found, size=params.get("MaxRecords") or 100, token=params.get("Marker"))
        answer: Document = {"DBSnapshots": [self._state.snapshot_document(name) for name in shown]}
        return answer | ({"Marker": marker} if marker else {})

    @api
    def delete_db_snapshot(self, params: Document) -> Document:
        name = params["DBSnapshotIdentifier"]
        if self._state.status(self._state.snapshot(name)) == "creating":
            raise CloudError("InvalidDBSnapshotState", f"The snapshot {name} is being created.")
        document = self._state.snapshot_document(name) | {"Status": "deleted"}
        del self._state.snapshots[name]
        self._state.servers.discard(name)
        return {"DBSnapshot": document}
