"""What the engine asks of RDS beside snapshots: instances that are restored, renamed and removed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from bluegreen.domain.database import DbInstance, DbSnapshot


class Databases(Protocol):
    """The DB instances of one stack. None of these calls waits: who calls looks again."""

    def snapshots(self, source: str) -> tuple[DbSnapshot, ...]:
        """Those of the instance `source` that can be restored, newest first, automated ones among them."""

    def snapshot(self, name: str) -> DbSnapshot | None:
        """One snapshot, whatever its status; None: it is gone."""

    def instance(self, name: str) -> DbInstance | None:
        """The instance of that name now; None where there is none."""

    def ensure_restored(self, name: str, snapshot: str, *, like: str, tags: Mapping[str, str]) -> DbInstance:
        """Restore `snapshot` to the new instance `name`, set up and placed as the instance `like` is.

        An instance `name` that has these tags is the one that was asked for; any other is Refused.
        """

    def ensure_named(self, resource: str, name: str, *, now: str) -> bool:
        """Give the instance `resource`, which is called `now`, the name `name`; True once it has it.

        Refused where another instance has that name, or where neither name leads to `resource`.
        """

    def ensure_removed(self, name: str) -> bool:
        """Delete an instance that sc-deploy made, without a last snapshot; True once nothing is left."""
