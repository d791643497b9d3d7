"""Which deployment of the journal is meant."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from bluegreen.errors import Refused

if TYPE_CHECKING:
    from bluegreen.domain.journal import Header
    from bluegreen.ports import Journal


def header_of(journal: Journal, number: int | None, *, stack: str) -> Header:
    """Its header, by default the newest one's; raises Refused naming one that there is."""
    if number is None:
        newest = journal.history(limit=1)
        number = newest[0].number if newest else 0
    header = journal.header(number) if number else None
    if header is None:
        raise _unknown(stack, number, [one.number for one in journal.history(limit=100)])
    header.check_schema()
    return header


def _unknown(stack: str, number: int, known: list[int]) -> Refused:
    if not known:
        return Refused(f"stack {stack} has no deployment yet", next_step="`sc-deploy plan VERSION`")
    near = difflib.get_close_matches(str(number), map(str, known), n=1, cutoff=0.0)
    return Refused(
        f"stack {stack} has no deployment #{number}",
        next_step=f"did you mean #{near[0]}? `sc-deploy history --stack {stack}` lists them",
    )
