"""The life stages of green's instances: one that boots is not sick, and one that is lost is no regression."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bluegreen.contract import TierContract
from bluegreen.domain.release import Color
from bluegreen.domain.stack import Health, HostLost, SickTargets

_LOOKS = 2
"""Looks in a row at which a target must be sick: a single one may be the balancer's own hiccup."""
_IN_FLIGHT = 60.0
"""Seconds for which the balancer waits for the answer of a host that is gone (its idle timeout)."""


class LifeStages:
    """Remembers of one tier's targets since when they are known and whether they were ever healthy.

    Those in `sick` were found so before: by the step before, or by a deployer that is gone. `needed` is the
    least number of healthy targets that carries green's traffic. Hosts are lost and Auto Scaling replaces
    them; that alone is no fault of a release. One whose instances fall sick one after the other is found
    although each is replaced: within a step a replacement does not make up for what has fallen.
    """

    def __init__(
        self,
        tier: TierContract,
        sick: Sequence[str] = (),
        *,
        needed: int = 1,
        arm: Color = Color.GREEN,
    ) -> None:
        check = tier.health_check
        self.notice = float(check.interval_seconds * check.unhealthy_threshold + check.timeout_seconds)
        """Seconds within which the balancer's checks notice that a target is dead."""
        self._tier, self._arm = tier.name, arm
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

    def lost(self, well: Mapping[str, float], health: Health, now: float) -> Iterator[HostLost]:
        """Those of `well` (target -> when it was last seen healthy) that are no more.

        One look is enough here: it fails nobody, it says when a host may have left requests unanswered.
        """
        healthy = set(health.healthy_ids)
        for target, seen in well.items():
            if target not in healthy:
                yield HostLost(
                    tier=self._tier, arm=self._arm, target=target, of=len(well),
                    since=seen - self.notice, until=now + _IN_FLIGHT,
                )  # fmt: skip

    def _counts(self, target: str, now: float) -> bool:
        since = self._since.setdefault(target, now)
        return target in self._served or now - since >= self._budget
