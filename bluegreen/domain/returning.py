"""What the watchdog will do to the traffic of a run that has stopped, or has done since."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bluegreen.contract import Tier
from bluegreen.domain.journal import Entry, EntryKind
from bluegreen.domain.plan import StepKind
from bluegreen.domain.stack import TierState

__all__ = ["Return", "journalled", "returns_to_json"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """All traffic of one tier goes back to the fleet of `deployment`."""

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

    def words(self, state: TierState | None = None) -> str:
        """To follow the words for where the traffic is; empty where nothing will change.

        UTC, for they are journalled and read on other machines. Without `state` nobody knows it.
        """
        if state is not None and self.done(state):
            return f"; put back to {self.version} by the watchdog"
        if state is not None and not any(
            state.weight(fleet) for fleet in state.fleets if fleet.deployment != self.deployment
        ):
            return ""
        # Schedules are set to the second, upwards.
        when = f" at {datetime.fromtimestamp(math.ceil(self.at), UTC):%H:%M:%S} UTC" if self.at else ""
        return f"; goes back to {self.version}{when} unless resumed"


def returns_to_json(returns: Mapping[Tier, Return]) -> dict[str, Any]:
    """As an ending is journalled with them."""
    return {
        str(tier): {"version": one.version, "deployment": one.deployment, "at": one.at}
        for tier, one in returns.items()
    }


def journalled(entries: Iterable[Entry]) -> dict[Tier, Return]:
    """The tiers that a run left with traffic on another fleet than blue and an armed watchdog; pure."""
    blues: dict[str, Mapping[str, Any]] = {}
    green: dict[str, int] = {}
    armed: dict[str, float | None] = {}
    for entry in entries:
        data = entry.data
        if data.get("plan"):
            blues.update({one["tier"]: one["blue"] for one in data["plan"]["tiers"] if one.get("blue")})
        match entry.kind:
            case EntryKind.STEP_DONE:
                _stepped(entry, green, armed)
            case EntryKind.RUN_RESUMED:
                armed = dict.fromkeys(armed)
            case EntryKind.HALTED | EntryKind.INTERRUPTED:
                armed |= {tier: one["at"] for tier, one in data.get("returns", {}).items()}
            case EntryKind.WARNING:
                green |= dict.fromkeys(data.get("returned", {}), 0)
    return {
        Tier(tier): Return(
            version=blues[tier]["version"], deployment=blues[tier]["deployment"], at=at, moved=True
        )
        for tier, at in armed.items()
        if green.get(tier) and tier in blues
    }


def _stepped(entry: Entry, green: dict[str, int], armed: dict[str, float | None]) -> None:
    kind, tier = entry.step.split(".")[0], str(entry.data.get("tier"))
    if kind == StepKind.WEIGHTS:
        green[tier] = int(entry.data["green"])
    elif kind == StepKind.WATCHDOG:
        armed[tier] = None
    elif kind == StepKind.STAND_DOWN:
        armed.pop(tier, None)
