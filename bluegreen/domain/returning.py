"""What the watchdog will do to the traffic of a run that has stopped, or has done since."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime

from bluegreen.domain.stack import TierState


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """All traffic of one tier returns to the fleet of `deployment`."""

    version: str
    deployment: int
    at: float | None = None
    """Epoch seconds at which AWS is to do it; None where the run died and could not say."""
    moved: bool = False
    """By the journal another fleet had traffic when the run stopped."""

    def done(self, state: TierState) -> bool:
        """Whether traffic that was elsewhere is all back as `state` has it."""
        if not self.moved or state.rule is None:
            return False
        serving = [fleet.deployment for fleet in state.fleets if state.weight(fleet)]
        return serving == [self.deployment]

    def words(self, state: TierState | None = None, *, now: float = 0.0) -> str:
        """To follow the words for where the traffic is; empty where nothing will change.

        UTC, for they are journalled and read on other machines. Without `state` nobody knows it.
        `now` in epoch seconds: a time that is past is no promise any more.
        """
        if state is not None and self.done(state):
            return f"; put back to {self.version} by the watchdog"
        if state is not None and not any(
            state.weight(fleet) for fleet in state.fleets if fleet.deployment != self.deployment
        ):
            return ""
        # Schedules are set to the second, upwards.
        when = f" at {datetime.fromtimestamp(math.ceil(self.at), UTC):%H:%M:%S} UTC" if self.at else ""
        if self.at and now > self.at:
            return f"; was due to return to {self.version}{when}, `sc-deploy status` shows whether it has"
        return f"; returns to {self.version}{when} unless resumed"
