"""The life stage of green's instances: one that boots is not sick."""

from __future__ import annotations

from collections.abc import Sequence

from bluegreen.contract import TierContract
from bluegreen.domain.stack import Health

_LOOKS = 2
"""Looks in a row at which a target must be sick: a single one may be the balancer's own hiccup."""


class LifeStages:
    """Remembers of one tier's targets since when they are known and whether they were ever healthy.

    Those in `sick` were found so before: by the step before, or by a deployer that is gone.
    """

    def __init__(self, tier: TierContract, sick: Sequence[str] = ()) -> None:
        self._budget = float(tier.boot_budget_seconds)
        self._since: dict[str, float] = {}
        self._served = set(sick)
        self._looks = dict.fromkeys(sick, _LOOKS)

    def sick(self, health: Health, now: float) -> tuple[str, ...]:
        """Targets that were healthy and are no more, or have outlived their boot budget without it."""
        self._served.update(health.healthy_ids)
        # A target that was healthy in between is counted from the start.
        self._looks = {one: self._looks.get(one, 0) + self._counts(one, now) for one in health.unhealthy_ids}
        return tuple(one for one, looks in self._looks.items() if looks >= _LOOKS)

    def _counts(self, target: str, now: float) -> bool:
        since = self._since.setdefault(target, now)
        return target in self._served or now - since >= self._budget
