"""Whether the metrics themselves work: a silent source is no pass, and by itself no failed release."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bluegreen.contract import Tier
from bluegreen.domain.measurement import Period
from bluegreen.domain.release import Color
from bluegreen.judge.batches import Calendar
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


def feed_troubles(
    periods: Sequence[Period], *, calendar: Calendar, look: Look, has_blue: bool
) -> tuple[FeedTrouble, ...]:
    """Every source of every tier of the release that is stale or counts one arm only."""
    arms: dict[tuple[Tier, str], dict[Color, list[Period]]] = defaultdict(lambda: defaultdict(list))
    heard: dict[tuple[Tier, str], float] = {}
    for period in periods:
        if period.probes or period.tier not in look.tiers:
            continue
        place = (period.tier, period.source)
        # A period that counted nothing still shows that its source works.
        heard[place] = max(period.end, heard.get(place, 0.0))
        if period.requests or period.labels:
            arms[place][period.arm].append(period)
    controlled = has_blue and calendar.steps[-1].percent < 100
    own = OwnRequests(periods)
    troubles: list[FeedTrouble] = []
    for (tier, source), by_arm in sorted(arms.items()):
        newest = heard[tier, source]
        lengths = {max(served, key=lambda one: one.end).seconds for served in by_arm.values()}
        patience = max(_SILENT_AT_LEAST, _STALE_PERIODS * max(lengths))
        if look.now - newest > patience:
            words = f"{tier}: nothing new from {source} for {look.now - newest:.0f} s"
            troubles.append(FeedTrouble(tier=tier, words=words))
        elif controlled and len(lengths) > 1:
            shown = " and ".join(f"{length:g}" for length in sorted(lengths))
            words = f"{tier}: {source} counts the arms over {shown} s: they cannot be compared"
            troubles.append(FeedTrouble(tier=tier, words=words))
        elif controlled:
            troubles += _one_sided(tier, source, by_arm, calendar, own=own)
    return tuple(troubles)


def silent_sources(periods: Sequence[Period], *, since: float, look: Look) -> tuple[str, ...]:
    """The sources a pass needs that have not counted green of a tier `since` the step began."""
    heard = {(p.tier, p.source) for p in periods if p.arm is Color.GREEN and p.start >= since - 1e-6}
    return tuple(
        f"{source} ({tier})" for source in look.required for tier in look.tiers if (tier, source) not in heard
    )


def _one_sided(
    tier: Tier,
    source: str,
    by_arm: dict[Color, list[Period]],
    calendar: Calendar,
    *,
    own: OwnRequests,
) -> Iterator[FeedTrouble]:
    step = calendar.steps[-1]
    for arm, other in ((Color.GREEN, Color.BLUE), (Color.BLUE, Color.GREEN)):
        since = max((period.end for period in by_arm[arm]), default=0.0)
        since = max(since, calendar.begun)
        alone = [period for period in by_arm[other] if period.start >= since - 1e-6]
        if len(alone) < _SILENT_PERIODS:
            continue
        share = step.percent / (100 - step.percent)
        # The weights share out what users send; the preview rule leads our own requests to green alone.
        users = sum(period.requests for period in alone) - own.among(alone, green_percent=step.percent)
        expected = users * (share if arm is Color.GREEN else 1 / share)
        if expected >= _EXPECTED_REQUESTS:
            words = (
                f"{tier}: {source} counts {other} but nothing on {arm} for {len(alone)} periods, "
                f"where about {expected:,.0f} requests were expected"
            )
            yield FeedTrouble(tier=tier, words=words, green_silent=arm is Color.GREEN)
