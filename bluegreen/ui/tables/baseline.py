"""How much the fleets differ by themselves, and whether the thresholds are above it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from bluegreen.domain.reports import AAComparison
from bluegreen.ui.tables.grid import field, grid

_COLUMNS = ("tier", "metric", "periods", "factor", "dispersion", "evidence", "thresholds")


def baseline_view(found: Sequence[AAComparison], *, minutes: float) -> RenderableType:
    """A table per comparison, and what to do about noise below it.

    `factor` is the larger share of bad events over the smaller, `dispersion` the variance of their
    difference over that of pure counting: both are 1 for fleets that are alike.
    """
    parts: list[RenderableType] = [Text(f"A/A over the last {minutes:g} minutes", style="bold")]
    for one in found:
        table = grid(*_COLUMNS, right=_COLUMNS[2:6])
        for noise in one.noises:
            verdict = "above the noise" if noise.quiet else "NOT above the noise"
            table.add_row(
                noise.tier,
                noise.metric,
                str(noise.periods),
                f"{noise.ratio:.2f}",
                f"{noise.dispersion:.1f}",
                f"{noise.evidence:,.0f} of {noise.needed:,.0f}",
                verdict,
                style="" if noise.quiet else "yellow",
            )
        parts += [Text(), Text(f"{one.source}: {one.words}"), table]
    noisy = [noise for one in found for noise in one.noises if not noise.quiet]
    quiet = field("result", "the thresholds are above the noise of these fleets")
    loud = field("result", "fleets of one release differ by more than the thresholds allow", "yellow")
    parts += [Text(), loud if noisy else quiet, *(field("noise", one.words, "yellow") for one in noisy)]
    return Group(*parts)


def baseline_document(found: Sequence[AAComparison], *, minutes: float) -> dict[str, Any]:
    """The comparisons for `--output json`; `ok` says that the thresholds are above all the noise."""
    return {
        "ok": all(noise.quiet for one in found for noise in one.noises),
        "minutes": minutes,
        "comparisons": [
            {
                "source": one.source,
                "compared": one.words,
                "noises": [{**asdict(noise), "words": noise.words} for noise in one.noises],
            }
            for one in found
        ],
    }
