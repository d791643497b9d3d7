"""A restore of the database beside the running one, and the swap of their names (R8)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoration:
    """One restore, as far as it has come."""

    began_at: float
    """Epoch seconds; it names the restore."""
    by: str
    snapshot: str
    made: float
    """When the snapshot was made, in epoch seconds: what was written later is lost."""
    database: str
    """The name that the application connects to."""
    beside: str
    """The name of the restored instance until the swap."""
    kept: str
    """The name of the old instance from the swap on; it is never deleted."""
    old: str
    """RDS's id of the old instance."""
    new: str = ""
    """RDS's id of the restored instance, once it is available."""
    ended_at: float | None = None
    """None: it is under way, or waits to be continued."""
    discarded: bool = False
    """Given up before the swap: the restored instance was removed."""

    def lost(self, now: float) -> float:
        """The data-loss window in seconds, as of `now` or of the end."""
        return (now if self.ended_at is None else self.ended_at) - self.made
