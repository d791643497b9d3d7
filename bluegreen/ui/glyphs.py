"""Signs of state for terminals that speak Unicode and for those that do not.

A sign or a word always says what a color says, so nothing is lost with NO_COLOR or to color-blind eyes.
"""

from __future__ import annotations

from dataclasses import dataclass

from bluegreen.domain.journal import Ending
from bluegreen.domain.verdict import Outcome
from bluegreen.ui.timeline import Progress

STAGE_STYLE = {
    Progress.WAITING: "dim",
    Progress.RUNNING: "bold",
    Progress.DONE: "",
    Progress.FAILED: "bold red",
    Progress.DROPPED: "dim strike",
}
OUTCOME_STYLE = {
    Outcome.PASS: "green",
    Outcome.INCONCLUSIVE: "yellow",
    Outcome.ERROR: "magenta",
    Outcome.FAIL: "bold red",
}
ENDING_STYLE = {
    Ending.RUNNING: "bold",
    Ending.RELEASED: "bold green",
    Ending.ROLLED_BACK: "bold yellow",
    Ending.ABORTED: "bold yellow",
    Ending.TORN_DOWN: "bold green",
    Ending.INTERRUPTED: "bold yellow",
    Ending.HALTED: "bold red",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Glyphs:
    """One set of signs, each one column wide."""

    stage: dict[Progress, str]
    full: str
    rest: str
    arrow: str
    dot: str
    ellipsis: str
    dash: str
    host: str
    levels: str
    """From nothing to the most, for lines of a few signs."""


# The signs of stages stand in the order of Progress.
_UNICODE_STAGE, _ASCII_STAGE = (dict(zip(Progress, signs, strict=True)) for signs in ("·▸✓✗–", ".>+x-"))
UNICODE = Glyphs(
    stage=_UNICODE_STAGE,
    full="█",
    rest="░",
    arrow="→",
    dot="·",
    ellipsis="…",
    dash="—",
    host="●",
    levels="▁▂▃▄▅▆▇█",
)
ASCII = Glyphs(
    stage=_ASCII_STAGE,
    full="#",
    rest=".",
    arrow="->",
    dot="|",
    ellipsis="~",
    dash="-",
    host="o",
    levels="_.-=+*#",
)


def for_encoding(encoding: str) -> Glyphs:
    """The signs that a terminal of this encoding can show."""
    return UNICODE if encoding.lower().replace("-", "").startswith("utf") else ASCII
