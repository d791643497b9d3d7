"""`ports.Database` over RDS snapshots."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial

from bluegreen.adapters.aws.elb.calls import foreign
from bluegreen.adapters.aws.failures import AwsRefusal, Tolerated
from bluegreen.adapters.aws.session import Json, Session
from bluegreen.adapters.aws.tags import tag_list, tags_of
from bluegreen.domain.stack import is_ours
from bluegreen.errors import Refused

_NAME = re.compile(r"[A-Za-z](?:-?[A-Za-z0-9]){0,254}")
WAITING = "pending"
"""The status of a snapshot that cannot begin yet: the database is backing up or being modified."""


class RdsSnapshots:
    """Manual snapshots of the stack's database."""

    def __init__(self, session: Session, stack: str) -> None:
        self._service, self._stack = partial(session.service, "rds"), stack

    def ensure_snapshot(self, identifier: str, snapshot: str, tags: Mapping[str, str]) -> str:
        if not _NAME.fullmatch(snapshot) or len(snapshot) > 255:
            raise Refused(
                f"{snapshot!r} cannot name a DB snapshot: 1 to 255 letters, digits and single inner hyphens, "
                "a letter first"
            )
        found = self._find(snapshot) or self._create(identifier, snapshot, tags)
        if found is None:
            return WAITING
        there = tags_of(found.get("TagList"))
        if found.get("DBInstanceIdentifier") != identifier or not is_ours(there, self._stack):
            raise foreign(f"DB snapshot {snapshot}", self._stack)
        # A name and a number come again where a stack was created anew: such a backup is of another time.
        if other := sorted(key for key, value in tags.items() if there.get(key) != value):
            raise Refused(
                f"DB snapshot {snapshot} is of another deployment, made {_made(found)}: it differs in"
                f" {', '.join(other)}",
                next_step=f"copy it to another name if you need it, delete {snapshot}, then release again",
            )
        status: str = found["Status"]
        return status

    def standing(self, snapshot: str) -> str:
        found = self._find(snapshot)
        return "" if found is None else _made(found)

    def _find(self, snapshot: str) -> Json | None:
        with Tolerated("DBSnapshotNotFound", "DBSnapshotNotFoundFault"):
            read = self._service().call
            answer = read("describe_db_snapshots", about=snapshot, DBSnapshotIdentifier=snapshot)
            return next(iter(answer["DBSnapshots"]), None)
        return None

    def _create(self, identifier: str, snapshot: str, tags: Mapping[str, str]) -> Json | None:
        written = tag_list(tags)
        try:
            answer = self._service().call(
                "create_db_snapshot",
                about=f"{snapshot} of {identifier}",
                DBInstanceIdentifier=identifier,
                DBSnapshotIdentifier=snapshot,
                Tags=written,
            )
        except AwsRefusal as error:
            if error.code == "DBSnapshotAlreadyExists":  # made by an attempt whose answer was lost
                return self._find(snapshot)
            if error.code in ("InvalidDBInstanceState", "InvalidDBInstanceStateFault"):
                return None
            raise
        return {"TagList": written, **answer["DBSnapshot"]}


def _made(found: Json) -> str:
    """When it was made: RDS tells it once the snapshot has begun."""
    made = found.get("SnapshotCreateTime")
    return "just now" if made is None else f"at {made:%Y-%m-%d %H:%M} UTC"
