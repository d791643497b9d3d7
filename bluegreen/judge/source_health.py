"""Whether the metrics themselves work: a silent source is no pass, and by itself no failed release."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from bluegreen.contract import Tier
from bluegreen.domain.measurement import Period
from bluegreen.domain.release import FULL, Color
from bluegreen.judge.batches import Calendar, Pairing
from bluegreen.judge.own import OwnRequests
from bluegreen.judge.settings import Look

_SILENT_PERIODS = 2
_STALE_PERIODS, _SILENT_AT_LEAST = 5, 10.0
"""A source that says nothing new for so many periods, and at least so many seconds, is broken."""
_EXPECTED_REQUESTS = 30.0
"""Fewer expected requests than this may all have stayed away by chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedTrouble:
    """A source that does not say what it should."""

    tier: Tier
    words: str
    green_silent: bool = False
    """Blue is counted and green is not: with failing probes, green is down."""


@dataclass(slots=True)
class _Heard:
    """What one source has said of one tier."""

    newest: float = 0.0
    """End of its newest period, also of one that counted nothing: its source works."""
    served: dict[Color, Period] = field(default_factory=dict)
    """The newest period with any traffic."""
    alone: dict[Color, list[Period]] = field(default_factory=lambda: {arm: [] for arm in Color})
    """The arm -> what it has served since the other arm was last counted."""

    def add(self, period: Period) -> None:
        self.newest = max(self.newest, period.end)
        if not (period.requests or period.labels):
            return
        arm = period.arm
        if arm not in self.served or period.end >= self.served[arm].end:
            self.served[arm] = period
        other = Color.BLUE if arm is Color.GREEN else Color.GREEN
        until = self.served[other].end if other in self.served else 0.0
        if period.start >= until - 1e-6:
            self.alone[arm].append(period)
        self.alone[other] = [one for one in self.alone[other] if one.start >= period.end - 1e-6]


class Sources:
    """Every source of every tier: what it said last, and whether it has counted green in this step."""

    def __init__(
        self,
        calendar: Calendar,
        pairing: Pairing,
        *,
        has_blue: bool,
        without_blue: frozenset[Tier] = frozenset(),
    ) -> None:
        self._calendar, self._pairing = calendar, pairing
        self._has_blue, self._without = has_blue, without_blue
        self._heard: dict[tuple[Tier, str], _Heard] = {}
        self._own = OwnRequests()
        self._green: dict[tuple[Tier, str], float] = {}

    def add(self, period: Period, *, usable: bool) -> None:
        """Take in a period; whatever arrives shows that its source speaks."""
        place = (period.tier, period.source)
        if period.arm is Color.GREEN:
            self._green[place] = max(self._green.get(place, 0.0), period.start)
        if not usable:
            return
        self._own.add(period)
        if not period.probes:
            self._heard.setdefault(place, _Heard()).add(period)

    def troubles(self, look: Look) -> tuple[FeedTrouble, ...]:
        """Every source of every tier of the release that is stale or counts one arm only."""
        found: list[FeedTrouble] = []
        for (tier, source), heard in sorted(self._heard.items()):
            if tier in look.tiers and heard.served:
                found += self._trouble(tier, source, heard, look.now)
        return tuple(found)

    def silent(self, look: Look) -> tuple[str, ...]:
        """The sources a pass needs that have not counted green of a tier since the step began."""
        begun = self._calendar.begun - 1e-6
        return tuple(
            f"{source} ({tier})"
            for source in look.required
            for tier in look.tiers
            if not self._green.get((tier, source), -1.0) >= begun
        )

    def _trouble(self, tier: Tier, source: str, heard: _Heard, now: float) -> Iterator[FeedTrouble]:
        controlled = self._has_blue and tier not in self._without and self._calendar.percent < FULL
        lengths = {served.seconds for served in heard.served.values()}
        patience = max(_SILENT_AT_LEAST, _STALE_PERIODS * max(lengths))
        if now - heard.newest > patience:
            yield FeedTrouble(
                tier=tier, words=f"{tier}: nothing new from {source} for {now - heard.newest:.0f} s"
            )
        elif controlled and len(lengths) > 1:
            shown = " and ".join(f"{length:g}" for length in sorted(lengths))
            words = f"{tier}: {source} counts the arms over {shown} s: they cannot be compared"
            yield FeedTrouble(tier=tier, words=words)
        elif controlled and (apart := self._pairing.apart(source, tier)) is not None:
            words = f"{tier}: {source} counts the arms {apart:g} s apart: they cannot be compared"
            yield FeedTrouble(tier=tier, words=words)
        elif controlled:
            yield from self._one_sided(tier, source, heard)

    def _one_sided(self, tier: Tier, source: str, heard: _Heard) -> Iterator[FeedTrouble]:
        percent, begun = self._calendar.percent, self._calendar.begun
        for arm, other in ((Color.GREEN, Color.BLUE), (Color.BLUE, Color.GREEN)):
            alone = [one for one in heard.alone[other] if one.start >= begun - 1e-6]
            if len(alone) < _SILENT_PERIODS:
                continue
            share = percent / (100 - percent)
            # The weights share out what users send; the preview rule leads our own requests to green alone.
            users = sum(one.requests for one in alone) - self._own.among(alone, green_percent=percent)
            expected = users * (share if arm is Color.GREEN else 1 / share)
            if expected >= _EXPECTED_REQUESTS:
                words = (
                    f"{tier}: {source} counts {other} but nothing on {arm} for {len(alone)} periods, "
                    f"where about {expected:,.0f} requests were expected"
                )
                yield FeedTrouble(tier=tier, words=words, green_silent=arm is Color.GREEN)
