"""A/A: how much two fleets of the same release differ, and whether the thresholds are above that.

The judge's error rates hold for independent requests. Fleets that differ by themselves (zones, caches, a
noisy neighbour) break that, so `sc-deploy baseline` compares blue with itself before any release.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bluegreen.contract import Tier
from bluegreen.domain.measurement import BlueBaseline, Metric, Period
from bluegreen.domain.release import Color
from bluegreen.domain.reports import Noise
from bluegreen.domain.settling import settle
from bluegreen.judge.batches import Batch, Calendar, pair
from bluegreen.judge.criteria import SUSPICIOUS, needed_to_fail
from bluegreen.judge.evidence import Counts
from bluegreen.judge.latency import LatencyCounts
from bluegreen.judge.metric_tests import BlueShares, comparison
from bluegreen.judge.readers import Errors
from bluegreen.judge.settings import StepMark
from bluegreen.judge.tiers import TierState
from bluegreen.policy import Judging


def fleet_noise(periods: Sequence[Period], *, limits: Judging, baseline: BlueBaseline) -> tuple[Noise, ...]:
    """Compare two halves of blue, given as the arms of `periods` (by zone, by half or by time).

    Which half is called green does not matter: both are tried as the suspect.
    """
    usable = settle(periods).periods
    if not usable:
        return ()
    calendar = Calendar(limits, [StepMark(started_at=min(one.start for one in usable), percent=50)])
    batches = list(pair(usable, calendar, has_blue=True))
    mirrored = list(pair([_mirror(one) for one in usable], calendar, has_blue=True))
    found = []
    for tier in sorted({batch.tier for batch in batches}):
        peaks = [_peaks(tier, some, limits, baseline, calendar) for some in (batches, mirrored)]
        for metric in (Metric.ERRORS, Metric.LATENCY, Metric.ACCURACY):
            counts = _counts(tier, metric, batches, limits, baseline)
            if counts:
                evidence = max(peak.get(metric, 1.0) for peak in peaks)
                found.append(_noise(tier, metric, counts, evidence, needed_to_fail(limits)))
    return tuple(found)


def _mirror(period: Period) -> Period:
    return replace(period, arm=Color.BLUE if period.arm is Color.GREEN else Color.GREEN)


def _peaks(
    tier: Tier, batches: Sequence[Batch], limits: Judging, baseline: BlueBaseline, calendar: Calendar
) -> dict[Metric, float]:
    state = TierState(tier, limits, baseline, calendar)
    for batch in batches:
        if batch.tier is tier:
            state.add(batch)
    return state.peak


def _counts(
    tier: Tier, metric: Metric, batches: Sequence[Batch], limits: Judging, baseline: BlueBaseline
) -> list[Counts]:
    """Both halves' counts over the same threshold, unlike the judge's, which gives green a tolerance."""
    p95_ms = baseline.p95_ms.get(tier)
    if metric is Metric.LATENCY and not p95_ms:
        return []
    reader = LatencyCounts(p95_ms, limits) if metric is Metric.LATENCY and p95_ms else Errors()
    tests = comparison(metric, limits, reader, controlled=True, shares=BlueShares())
    read = reader.same if isinstance(reader, LatencyCounts) else tests.pass_counts
    result = []
    for batch in batches:
        if batch.tier is not tier:
            continue
        tests.reader.aim(batch)
        counts = read(batch)
        tests.reader.learn(batch)
        if counts is not None and counts.green and counts.blue:
            result.append(counts)
    return result


def _noise(tier: Tier, metric: Metric, counts: Sequence[Counts], evidence: float, needed: float) -> Noise:
    green = (sum(one.green_bad for one in counts) + 0.5) / (sum(one.green for one in counts) + 1)
    blue = (sum(one.blue_bad for one in counts) + 0.5) / (sum(one.blue for one in counts) + 1)
    return Noise(
        tier=tier,
        metric=metric,
        periods=len(counts),
        ratio=max(green, blue) / min(green, blue),
        dispersion=_dispersion(counts),
        evidence=evidence,
        needed=needed,
        quiet=evidence < SUSPICIOUS,
    )


def _dispersion(counts: Sequence[Counts]) -> float:
    """Pearson's chi-square of each period's two-by-two table, over the number of tables with any bad."""
    total, tables = 0.0, 0
    for one in counts:
        green_bad, green, blue_bad, blue = one[:4]
        pooled = (green_bad + blue_bad) / (green + blue)
        if not 0 < pooled < 1:
            continue
        difference = green_bad / green - blue_bad / blue
        total += difference**2 / (pooled * (1 - pooled) * (1 / green + 1 / blue))
        tables += 1
    return total / tables if tables else 1.0
