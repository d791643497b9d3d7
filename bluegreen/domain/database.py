"""The database beside a release: instances, snapshots, and what rehearsals and restores left on record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bluegreen.domain.stack import is_ours


@dataclass(frozen=True, slots=True, kw_only=True)
class DbSnapshot:
    """One snapshot, made by hand, by a release or by RDS every night."""

    name: str
    source: str
    """The name that its instance had when it was made."""
    made: float
    """Epoch seconds; 0 while RDS has not begun it."""
    status: str
    """RDS's word, e.g. `available`."""
    key: str = ""
    """The KMS key that encrypts it; a restored instance has the same."""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DbInstance:
    """One DB instance."""

    name: str
    resource: str
    """RDS's id of the instance itself (`db-...`): it stays when the name changes."""
    status: str
    address: str = ""
    """The host name of its endpoint; it follows the name. Empty while the instance is created."""
    key: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    def ours(self, stack: str) -> bool:
        """Whether sc-deploy made it for `stack`."""
        return is_ours(self.tags, stack)
