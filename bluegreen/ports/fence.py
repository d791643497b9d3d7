"""Keeps a deployer that lost its lease from changing the stack."""

from __future__ import annotations

from collections.abc import Callable


class Fence:
    """Asked right before every AWS call that changes something, by the one place that makes such calls.

    The journal and the lease are not asked about: their writes are conditional on the fencing token.
    Open until a run closes it, and closed from then on: commands that only look need no lease.
    """

    def __init__(self) -> None:
        self._permit: Callable[[], None] | None = None

    def close(self, permit: Callable[[], None]) -> None:
        """From now on `permit` is called before every change; where it raises, no call is made."""
        self._permit = permit

    def check(self) -> None:
        """Return when a change may be made; raises LeaseLost, or CloudUnavailable where nobody can tell."""
        if self._permit is not None:
            self._permit()
