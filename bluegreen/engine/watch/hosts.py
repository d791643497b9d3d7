"""What becomes of the hosts of both fleets while a share is watched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bluegreen.contract import Tier
from bluegreen.domain.release import FULL, Color
from bluegreen.domain.stack import BlueShort, Health, HostLost, SickTargets
from bluegreen.engine import capacity
from bluegreen.engine.run import Run
from bluegreen.engine.watch.life_stages import LifeStages
from bluegreen.engine.watch.look import Observation
from bluegreen.ports import Arms

_FEW_NEW = 0.1
"""Share of green's instances whose cold caches do not show in the latency of all."""

Fleet = tuple[Tier, Color]


@dataclass(frozen=True, slots=True, kw_only=True)
class HostNews:
    """What one look adds to the journal; None where nothing has changed."""

    sick: Mapping[Tier, SickTargets] | None
    short: Mapping[Tier, BlueShort] | None
    well: Mapping[Tier, Mapping[Color, tuple[str, ...]]] | None
    joined: tuple[Tier, ...]
    lost: tuple[HostLost, ...]


class Hosts:
    """Compares each look with what the journal, or this deployer, knows of the fleets."""

    def __init__(self, run: Run, arms: Sequence[Arms], percent: int) -> None:
        self._run, self._percent = run, percent
        found = run.record.sick
        self._green = {
            one.tier: LifeStages(
                run.contract.tier(one.tier),
                found[one.tier].ids if one.tier in found else (),
                needed=capacity.least(run, one.tier, percent),
            )
            for one in arms
        }
        self._blue = {
            one.tier: LifeStages(run.contract.tier(one.tier), arm=Color.BLUE)
            for one in arms
            if one.blue is not None and percent < FULL
        }

    @property
    def notice(self) -> float:
        """Seconds within which the balancer's checks find the slowest of the tiers' hosts to be dead."""
        return max(one.notice for one in self._green.values())

    def news(self, observed: Observation) -> HostNews:
        """What has changed; what did not answer has not."""
        record = self._run.record
        sick, short = self._sick(observed.health), self._short(observed.blue)
        lost, before = tuple(self._lost(observed)), {fleet: set(ids) for fleet, ids in record.well.items()}
        self._see(observed)
        changed = {fleet for fleet, ids in record.well.items() if before.get(fleet) != set(ids)}
        return HostNews(
            sick=sick if sick != record.sick else None,
            short=short if short != record.short else None,
            well={tier: self._well(tier) for tier in Tier if any(tier is one for one, _ in changed)} or None,
            joined=self._joined(observed.health),
            lost=lost,
        )

    def _sick(self, observed: Mapping[Tier, Health]) -> dict[Tier, SickTargets]:
        """Green's sick targets; tiers without any are left out."""
        now = self._run.ports.clock.now()
        found = {tier: self._green[tier].sick(health, now) for tier, health in observed.items()}
        return {tier: sick for tier, sick in found.items() if sick}

    def _short(self, observed: Mapping[Tier, Health]) -> Mapping[Tier, BlueShort]:
        """The tiers whose blue cannot carry its share; one that was not looked at is as it was."""
        found = {tier: one for tier, one in self._run.record.short.items() if tier not in observed}
        for tier, health in observed.items():
            needed = capacity.least_of_blue(self._run, tier, self._percent)
            if health.healthy < needed:
                bad = health.unhealthy_ids
                found[tier] = BlueShort(healthy=health.healthy, needed=needed, unhealthy=bad)
        return found

    def _lost(self, observed: Observation) -> Iterator[HostLost]:
        """The targets that were healthy, at whatever step, and are no more."""
        now, well = self._run.ports.clock.now(), self._run.record.well
        for color, stages, looks in (
            (Color.GREEN, self._green, observed.health),
            (Color.BLUE, self._blue, observed.blue),
        ):
            for tier, health in looks.items():
                yield from stages[tier].lost(well.get((tier, color), {}), health, now)

    def _see(self, observed: Observation) -> None:
        now = self._run.ports.clock.now()
        for color, looks in ((Color.GREEN, observed.health), (Color.BLUE, observed.blue)):
            for tier, health in looks.items():
                self._run.record.well[tier, color] = dict.fromkeys(health.healthy_ids, now)

    def _well(self, tier: Tier) -> dict[Color, tuple[str, ...]]:
        return {color: tuple(ids) for (its, color), ids in self._run.record.well.items() if its is tier}

    def _joined(self, observed: Mapping[Tier, Health]) -> tuple[Tier, ...]:
        """The tiers whose green has so many new instances that their cold caches show in its latency."""
        found = []
        for tier, health in observed.items():
            known, now = self._run.record.serving.setdefault(tier, set()), set(health.healthy_ids)
            if known and len(now - known) > _FEW_NEW * len(now):
                found.append(tier)
            known |= now
        return tuple(found)
