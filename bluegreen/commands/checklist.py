"""`sc-deploy checklist`: the strategy's 24 items for one deployment."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from bluegreen.commands import _connect, _terminal
from bluegreen.commands._deployment import header_of
from bluegreen.commands._options import Settings, verb

Number = Annotated[
    int | None, typer.Argument(metavar="NUMBER", help="The deployment.  [default: the last one]", min=1)
]


class _Phase(StrEnum):
    BEFORE = "before"
    DURING = "during"
    AFTER = "after"


PhaseOption = Annotated[
    _Phase | None, typer.Option("--phase", help="One of the three checklists.  [default: all]")
]


@verb
def checklist(settings: Settings, number: Number = None, phase: PhaseOption = None) -> None:
    """Show the deployment checklists of a deployment: each item, what established it, by whom and when.

    What sc-deploy measures it takes from the deployment's journal; what only people know somebody has
    answered for (`promote --attest`). `sc-deploy verify` measures the after-checklist anew.

    For example:
      sc-deploy checklist --stack prod
      sc-deploy checklist 42 --stack prod --phase before
      sc-deploy checklist --stack prod --output json | jq '.items[] | select(.outcome == "open")'
    """
    from bluegreen.domain.checklist import established
    from bluegreen.ui.tables.checklist import checklist_document, checklist_view

    journal = _connect.open_stack(settings).ports.journal
    header = header_of(journal, number, stack=settings.stack)
    found = established(header, journal.entries(header.number))
    shown = [one for one in found if phase is None or one.item.phase == phase.value]
    document = {"deployment": header.number, **checklist_document(shown)}
    _terminal.show(settings, document, checklist_view(shown))
