"""`sc-deploy verify`: does what serves now hold the after-checklist?"""

from __future__ import annotations

import typer

from bluegreen.commands import _connect, _terminal
from bluegreen.commands._options import Settings, verb
from bluegreen.errors import ExitCode


@verb
def verify(settings: Settings) -> None:
    """Verify what serves now: targets, key functions, AI, errors, monitoring, alerting, the front door.

    It is the after-checklist of the deployment strategy, measured now, and changes nothing. It sends few
    requests: the smoke tests, the golden set, and one for each tier's version.

    Ends with 0 when nothing failed, 3 when something did; what could not be asked is open and fails nothing.

    For example:
      sc-deploy verify --stack prod
      sc-deploy verify --stack prod --output json | jq '.items[] | select(.outcome == "failed")'
    """
    from bluegreen.engine.checks.after import failed
    from bluegreen.engine.checks.after import verify as measured
    from bluegreen.ui.tables.checklist import checklist_document, checklist_view

    found = measured(*_connect.open_stack(settings).known)
    _terminal.show(settings, checklist_document(found), checklist_view(found))
    if failed(found):
        raise typer.Exit(int(ExitCode.REFUSED))
