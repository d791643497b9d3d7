"""DB instances: created, restored, replicated, renamed, deleted."""

from __future__ import annotations

import copy
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial

from bluegreen.lab.cloud.errors import CloudError
from bluegreen.lab.cloud.rds.servers import Login
from bluegreen.lab.cloud.rds.snapshots import Snapshots
from bluegreen.lab.cloud.rds.state import State, Thing
from bluegreen.lab.cloud.world import Document, api, page, tags_from

_SECRET = ("Tags", "MasterUserPassword")
_MODIFIED = ("DBInstanceClass", "AllocatedStorage", "BackupRetentionPeriod", "DeletionProtection")
_DEFAULT_USER = "postgres"
_NOT_INHERITED = (
    "CopyTagsToSnapshot",
    "DBParameterGroupName",
    "DBSubnetGroupName",
    "EnableCloudwatchLogsExports",
    "EnableIAMDatabaseAuthentication",
    "VpcSecurityGroupIds",
)
"""A restore that does not name them gets the default VPC's group and the engine's default parameters."""


class Instances:
    """The handlers; an instance has its new state once the server behind it has."""

    def __init__(self, state: State, snapshots: Snapshots) -> None:
        self._state, self._snapshots = state, snapshots
        self._made = 0

    @api
    def create_db_instance(self, params: Document) -> Document:
        name = params["DBInstanceIdentifier"]
        self._state.settle()
        self._state.free(name)
        login = Login(
            user=params.get("MasterUsername", _DEFAULT_USER),
            password=params.get("MasterUserPassword", ""),
            database=params.get("DBName", ""),
        )
        seconds = self._state.world.settings.database_seconds
        return self._begin(name, {}, params, partial(self._state.servers.create, name, login), seconds)

    @api
    def restore_db_instance_from_db_snapshot(self, params: Document) -> Document:
        name, snapshot = params["DBInstanceIdentifier"], params["DBSnapshotIdentifier"]
        self._state.settle()
        self._state.free(name)
        source = self._state.snapshot(snapshot)
        if len(self._state.instances) >= self._state.world.settings.database_instances:
            raise CloudError("InstanceQuotaExceeded", "Cannot create more than the quota of DB instances.")
        if self._state.status(source) != "available":
            raise CloudError("InvalidDBSnapshotState", f"DB snapshot {snapshot} is not available.")
        work = partial(self._state.servers.restore, name, snapshot)
        return self._begin(name, source.settings, params, work, self._state.world.settings.restore_seconds)

    @api
    def create_db_instance_read_replica(self, params: Document) -> Document:
        name, source = params["DBInstanceIdentifier"], params["SourceDBInstanceIdentifier"]
        self._state.settle()
        self._state.free(name)
        settings = self._state.available(source).settings
        if settings.get("BackupRetentionPeriod", 1) == 0:
            raise CloudError(
                "InvalidDBInstanceState", f"Automated backups are not enabled for the database {source}."
            )
        work = partial(self._state.servers.replicate, name, source)
        made = self._begin(name, settings, params, work, self._state.world.settings.restore_seconds)
        self._state.instances[name].source = source
        return made

    def _begin(
        self,
        name: str,
        inherited: Document,
        params: Document,
        work: Callable[[], Future[None]],
        seconds: float,
    ) -> Document:
        """Deletion protection is not inherited: it has to be asked for with each instance."""
        kept = {key: value for key, value in inherited.items() if key not in _NOT_INHERITED}
        settings = copy.deepcopy(kept)
        settings["DeletionProtection"] = False
        settings |= {key: value for key, value in params.items() if key not in _SECRET}
        tags, at = tags_from(params.get("Tags")), self._state.world.at
        self._made += 1
        self._state.instances[name] = Thing(
            settings=settings,
            created=at,
            ready_at=at + seconds,
            work=work(),
            tags=tags,
            resource=f"db-{self._made:026d}",
        )
        return {"DBInstance": self._state.instance_document(name)}

    @api
    def describe_db_instances(self, params: Document) -> Document:
        self._state.settle()
        asked = params.get("DBInstanceIdentifier")
        if asked:
            self._state.instance(asked)
        found = [name for name in self._state.instances if asked in (None, name)]
        shown, marker = page(found, size=params.get("MaxRecords") or 100, token=params.get("Marker"))
        answer: Document = {"DBInstances": [self._state.instance_document(name) for name in shown]}
        return answer | ({"Marker": marker} if marker else {})

    @api
    def modify_db_instance(self, params: Document) -> Document:
        """Settings at once; a new name after a restart, and only with ApplyImmediately.

        On AWS a name that is not applied immediately waits for the maintenance window. None comes here.
        """
        self._state.settle()
        name, new = params["DBInstanceIdentifier"], params.get("NewDBInstanceIdentifier")
        one = self._state.available(name)
        if new and new != name:
            self._state.free(new)
            one.pending = new
        if one.pending and params.get("ApplyImmediately"):
            one.renamed, one.pending = one.pending, ""
            self._do(one, "renaming", self._state.servers.rename(name, one.renamed))
        one.settings |= {key: params[key] for key in _MODIFIED if key in params}
        return {"DBInstance": self._state.instance_document(name)}

    @api
    def promote_read_replica(self, params: Document) -> Document:
        self._state.settle()
        name = params["DBInstanceIdentifier"]
        one = self._state.available(name)
        if not one.source:
            raise CloudError("InvalidDBInstanceState", f"DB Instance {name} is not a read replica.")
        self._promote(name, one)
        return {"DBInstance": self._state.instance_document(name)}

    def _promote(self, name: str, one: Thing) -> None:
        one.source = ""
        self._do(one, "modifying", self._state.servers.promote(name))

    @api
    def delete_db_instance(self, params: Document) -> Document:
        self._state.settle()
        name, final = params["DBInstanceIdentifier"], params.get("FinalDBSnapshotIdentifier")
        one = self._state.instance(name)
        self._refuse_deletion(name, one, skip=bool(params.get("SkipFinalSnapshot")), final=final)
        if final:
            self._snapshots.take(final, name)
        self._do(one, "deleting", self._state.servers.remove(name))
        for replica, other in self._state.instances.items():
            if other.source == name:  # replicas outlive their source, and can be written to from then on
                self._promote(replica, other)
        return {"DBInstance": self._state.instance_document(name)}

    def _refuse_deletion(self, name: str, one: Thing, *, skip: bool, final: str | None) -> None:
        if one.settings.get("DeletionProtection"):
            raise CloudError(
                "InvalidParameterCombination",
                "Cannot delete protected DB Instance, please disable deletion protection and try again.",
            )
        if skip == bool(final):
            raise CloudError(
                "InvalidParameterCombination",
                "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.",
            )
        if final in self._state.snapshots:
            raise CloudError(
                "DBSnapshotAlreadyExists", f"Cannot create the snapshot because {final} already exists."
            )
        if self._state.instance_status(name) not in ("available", "failed"):
            raise CloudError("InvalidDBInstanceState", f"Instance {name} is not in available state.")

    def _do(self, one: Thing, doing: str, work: Future[None]) -> None:
        settings = self._state.world.settings
        seconds = settings.rename_seconds if doing == "renaming" else settings.database_seconds
        one.doing, one.work, one.ready_at = doing, work, self._state.world.at + seconds
