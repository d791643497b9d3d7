"""A part of a whole as a bar of signs."""

from __future__ import annotations

from bluegreen.ui.glyphs import Glyphs


def bar(fraction: float, width: int, glyphs: Glyphs) -> str:
    """`width` signs; a part that is not nothing shows."""
    full = round(fraction * width)
    if fraction > 0 and full == 0:
        full = 1
    return glyphs.full * full + glyphs.rest * (width - full)
