"""A person's request that a deployment begins no further step until somebody lets it continue."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Asked for with `sc-deploy hold`, from any machine; it stands until it is lifted or the deployment ends.

    It outlives the process that asked, the deployer that was asked, and the lease of both.
    """

    deployment: int
    by: str
    why: str
    at: float
    """When it was asked, epoch seconds of the asker's clock; with `by` it names the request."""
    seconds: float | None = None
    """How long it stands at most; None: as long as the policy says."""
    lifted_by: str = ""
    """Who let the deployment continue; empty while the hold is in force."""
    lifted_why: str = ""

    @property
    def name(self) -> tuple[str, float]:
        """What tells it from every other request."""
        return self.by, self.at

    @property
    def in_force(self) -> bool:
        """Whether nobody has lifted it."""
        return not self.lifted_by


def because(by: str, why: str) -> str:
    """`by anna@desk: why`."""
    return f"by {by}{f': {why}' if why else ''}"
