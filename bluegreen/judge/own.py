"""Our own requests among those that the sources count: what was sent, by tier, way and time."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable

from bluegreen.contract import Tier
from bluegreen.domain.measurement import Period
from bluegreen.domain.release import Color


class OwnRequests:
    """What the probes' periods say that we sent."""

    def __init__(self, periods: Iterable[Period] = ()) -> None:
        self._sent: dict[tuple[Tier, Color], list[tuple[float, int]]] = defaultdict(list)
        for period in periods:
            self.add(period)

    def add(self, period: Period) -> None:
        """Take in a period of probes."""
        if period.own:
            self._sent[period.tier, period.arm].append((period.start, period.own))

    def among(self, periods: Iterable[Period], *, green_percent: int) -> float:
        """How many of the requests in `periods`, of one tier, arm and source, are expected to be ours.

        The preview rule leads to green alone; at the front door green answers its share.
        """
        counted = list(periods)
        if not counted:
            return 0.0
        tier, arm = counted[0].tier, counted[0].arm
        since, until = min(one.start for one in counted), max(one.end for one in counted)
        share = green_percent / 100
        front_door = self._within(tier, Color.BLUE, since, until)
        if arm is Color.BLUE:
            return front_door * (1 - share)
        return self._within(tier, Color.GREEN, since, until) + front_door * share

    def _within(self, tier: Tier, arm: Color, since: float, until: float) -> int:
        # Our own clock: in order, but for its jumps, which cost no more than the wrong few requests.
        sent = self._sent[tier, arm]
        first = bisect_left(sent, (since, 0))
        total = 0
        for at, own in sent[first:]:
            if at >= until:
                break
            total += own
        return total
