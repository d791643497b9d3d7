"""The fleets of each tier: share, hosts, requests, errors, p95, and their course since the first weight."""

from __future__ import annotations

from rich.text import Text

from bluegreen.domain.release import Color
from bluegreen.ui.bars import bar
from bluegreen.ui.figures import Figures, figures
from bluegreen.ui.format import percent, rate, share
from bluegreen.ui.glyphs import Glyphs
from bluegreen.ui.timeline import TierView, Timeline
from bluegreen.ui.trend import sparks

_OVER = "bold red"
_HOSTS = 6
"""More are a number."""
_SPARKS_FROM = 100
"""Columns from which on there is room for the course of errors and p95."""


def _share(tier: TierView, arm: Color) -> int | None:
    if tier.percent is None:
        return None
    return tier.percent if arm is Color.GREEN else 100 - tier.percent


def _figures(found: Figures | None, glyphs: Glyphs) -> tuple[str, str, str]:
    if found is None:
        return glyphs.dash, glyphs.dash, glyphs.dash
    p95 = glyphs.dash if found.p95_ms is None else f"{found.p95_ms:.0f} ms"
    return rate(found.rate), share(found.error_rate), p95


def _columns(found: Figures | None, glyphs: Glyphs) -> str:
    requests, errors, p95 = _figures(found, glyphs)
    return f"{requests:>8} {errors:>9} {p95:>9}"


def tier_rows(timeline: Timeline, width: int, glyphs: Glyphs) -> list[Text]:
    """A row for each fleet. Errors come before latency; a narrow terminal has no lines of either's course."""
    if not timeline.tiers:
        return []
    # Two of them, each behind a space, beside 66 columns and the words of a breach.
    room = min(40, (width - 82) // 2) if width >= _SPARKS_FROM else 0
    gap = " " * (room + 1) if room else ""
    heading = f"{'tier':<5}{'fleet':<6}{'version':<11}{'share':>6}  {'hosts':<7}"
    heading += f"{'req/s':>8} {'errors':>9}{gap} {'p95':>9}"
    lines = [Text(heading, style="dim")]
    for tier in timeline.tiers:
        arms = [(arm, v) for arm, v in ((Color.BLUE, tier.blue), (Color.GREEN, tier.green)) if v]
        for index, (arm, version) in enumerate(arms):
            over = arm is Color.GREEN and _over(timeline, tier)
            style = _OVER if over else ""
            requests, errors, p95 = _figures(figures(timeline.periods, tier.tier, arm), glyphs)
            course = sparks(timeline.trend, tier.tier, arm, width=room, levels=glyphs.levels)
            of_errors, of_p95 = (f" {one:<{room}}" if room else "" for one in course)
            line = Text(f"{tier.tier if index == 0 else '':<5}")
            line.append(f"{arm:<6}", style=str(arm))
            line.append(f"{version[:10]:<11}{percent(_share(tier, arm)):>6}  ".replace("—", glyphs.dash))
            line.append(f"{_hosts(tier, arm, glyphs):<7}", style=str(arm))
            line.append(f"{requests:>8} {errors:>9}", style=style)
            line.append(of_errors, style=str(arm))
            line.append(f" {p95:>9}", style=style)
            line.append(of_p95, style=str(arm))
            line.append("  over limit" if over else "", style=style)
            line.rstrip()
            lines.append(line)
    return lines


def one_line_tiers(timeline: Timeline, width: int, glyphs: Glyphs) -> list[Text]:
    lines = []
    for tier in timeline.tiers:
        found = figures(timeline.periods, tier.tier, Color.GREEN)
        weights = f"{tier.tier:<5}green {percent(tier.percent):>5} "
        line = Text(weights.replace("—", glyphs.dash))
        line.append(bar((tier.percent or 0) / 100, min(30, max(8, width - 52)), glyphs), style="green")
        over = _over(timeline, tier)
        line.append(f" {_columns(found, glyphs)}{' !' if over else ''}", style=_OVER if over else "")
        lines.append(line)
    return lines


def _over(timeline: Timeline, tier: TierView) -> bool:
    """Whether the newest verdict has a figure of the tier beyond its limit."""
    found = timeline.verdict.findings if timeline.verdict else ()
    return any(one.row is not None and one.row.over for one in found if one.tier is tier.tier)


def _hosts(tier: TierView, arm: Color, glyphs: Glyphs) -> str:
    """A sign for each healthy host, a number where there are many."""
    count = tier.hosts.get(arm, 0)
    return glyphs.host * count if count <= _HOSTS else f"{glyphs.host} x {count}"
