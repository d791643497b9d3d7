"""What became of a request to hold a deployment, or to let it continue."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from bluegreen.domain.reports import HoldAnswer
from bluegreen.ui.format import clock, iso
from bluegreen.ui.tables.grid import field
from bluegreen.ui.tables.status import hold_document


def hold_answer_view(answer: HoldAnswer) -> RenderableType:
    """The answer on a terminal."""
    parts: list[RenderableType] = [Text(answer.words)]
    if answer.until is not None:
        then = "then it is rolled back" if answer.rolls_back else "then it stays on hold and people are paged"
        parts.append(field("until", f"{clock(answer.until)}, {then}"))
    if answer.next_step:
        parts.append(field("next", answer.next_step, "bold"))
    return Group(*parts)


def hold_answer_document(answer: HoldAnswer) -> dict[str, Any]:
    """The answer for `--output json`."""
    return {
        "deployment": answer.deployment,
        "hold": hold_document(answer.hold),
        "obeyed": answer.obeyed,
        "until": None if answer.until is None else iso(answer.until),
        "rolls_back": answer.rolls_back,
        "words": answer.words,
        "next_step": answer.next_step,
    }
