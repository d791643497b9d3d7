"""The life stages of green's instances: one that boots is not sick, and one that is lost is no regression."""

from __future__ import annotations

from collections.abc import Sequence

from bluegreen.contract import TierContract
from bluegreen.domain.stack import Health, SickTargets

_LOOKS = 2
"""Looks in a row at which a target must be sick: a single one may be the balancer's own hiccup."""


class LifeStages:
    """Remembers of one tier's targets since when they are known and whether they were ever healthy.

    Those in `sick` were found so before: by the step before, or by a deployer that is gone. `needed` is the
    least number of healthy targets that carries green's traffic. Hosts are lost and Auto Scaling replaces
    them; that alone is no fault of a release. One whose instances fall sick one after the other is found
    although each is replaced: within a step a replacement does not make up for what has fallen.
    """

    def __init__(self, tier: TierContract, sick: Sequence[str] = (), *, needed: int = 1) -> None:
        self._budget = float(tier.boot_budget_seconds)
        self._needed = needed
        self._since: dict[str, float] = {}
        self._served = set(sick)
        self._looks = dict.fromkeys(sick, _LOOKS)
        self._fallen = set(sick)
        self._most = 0

    def sick(self, health: Health, now: float) -> SickTargets | None:
        """Targets that were healthy and are no more, or have outlived their boot budget without it."""
        self._served.update(health.healthy_ids)
        # A target that was healthy in between is counted from the start.
        self._looks = {one: self._looks.get(one, 0) + self._counts(one, now) for one in health.unhealthy_ids}
        ids = tuple(one for one, looks in self._looks.items() if looks >= _LOOKS)
        self._fallen.update(one for one in ids if one in self._served)
        self._most = max(self._most, health.healthy + len(ids))
        if not ids:
            return None
        left = min(health.healthy, self._most - len(self._fallen))
        return SickTargets(ids=ids, left=max(left, 0), needed=self._needed)

    def _counts(self, target: str, now: float) -> bool:
        since = self._since.setdefault(target, now)
        return target in self._served or now - since >= self._budget
