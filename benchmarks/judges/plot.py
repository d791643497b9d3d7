"""The comparison as one figure: what is wrongly rolled back above, how fast the bad is found below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes

from benchmarks.judges.cases import CASES
from benchmarks.judges.ours import FAILED, Result

__all__ = ["draw"]

COLORS = ("#b07aa1", "#9c755f", "#e1812c", "#76b7b2", "#59a14f", "#1f4e9c")


def draw(cells: Mapping[tuple[str, str, str], Result], names: Sequence[str], path: Path) -> None:
    """Write the figure to `path` as PNG."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415  (after the backend is chosen)

    figure, axes = plt.subplots(2, 2, figsize=(15, 10), constrained_layout=True)
    for column, (feed, title) in enumerate((("CW", "CloudWatch, 1-3 min late"), ("15 s", "15 s samples"))):
        _false(axes[0][column], cells, names, feed)
        _speed(axes[1][column], cells, names, feed)
        axes[0][column].set_title(f"{title}\nwrongly rolled back, % (lower is better)")
        axes[1][column].set_title("bad releases: median seconds from onset to rollback (lower is better)")
    axes[0][0].legend(ncols=3, fontsize=9, loc="upper left")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _bars(
    axis: Axes, heights: Sequence[Sequence[float]], names: Sequence[str], labels: Sequence[str]
) -> None:
    places = np.arange(len(labels))
    width = 0.85 / len(names)
    for index, (name, values) in enumerate(zip(names, heights, strict=True)):
        at = places + (index - (len(names) - 1) / 2) * width
        axis.bar(at, values, width, label=name, color=COLORS[index])
    axis.set_xticks(places, labels, rotation=30, ha="right", fontsize=9)
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="y", alpha=0.3)


def _false(axis: Axes, cells: Mapping[tuple[str, str, str], Result], names: Sequence[str], feed: str) -> None:
    cases = [case for case in CASES if not case.bad]
    heights = [
        [float((cells[feed, case.name, name].outcome == FAILED).mean() * 100) for case in cases]
        for name in names
    ]
    _bars(axis, heights, names, [case.name.split(" (")[0] for case in cases])
    axis.set_yscale("symlog", linthresh=1)
    axis.set_ylim(0, 400)
    axis.set_yticks([0, 0.5, 1, 10, 100], ["0", "0.5", "1", "10", "100"])


def _speed(axis: Axes, cells: Mapping[tuple[str, str, str], Result], names: Sequence[str], feed: str) -> None:
    cases = [case for case in CASES if case.bad]
    heights = []
    for name in names:
        row = []
        for case in cases:
            result = cells[feed, case.name, name]
            found = (result.outcome == FAILED) & (result.seconds > case.begins)
            row.append(float(np.median(result.seconds[found]) - case.begins) if found.mean() > 0.5 else 0.0)
        heights.append(row)
    _bars(axis, heights, names, [case.name for case in cases])
    axis.set_xlabel("no bar: more than half were never found", fontsize=9)
