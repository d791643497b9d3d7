"""`sc-deploy baseline`: how much does one release differ from itself?"""

from __future__ import annotations

from typing import Annotated

import typer

from bluegreen.commands import _connect, _terminal
from bluegreen.commands._options import Settings, verb
from bluegreen.errors import ExitCode

Minutes = Annotated[int, typer.Option("--minutes", min=5, max=360, help="Minutes of traffic to compare.")]


@verb
def baseline(settings: Settings, minutes: Minutes = 60) -> None:
    """Compare what serves now with itself (A/A), and change nothing.

    One availability zone, or half of the instances, against the rest; this hour against the same hour
    yesterday. Whatever differs there is noise: a threshold below it would roll back good releases.

    Ends with 0 when the thresholds of deploy.toml are above the noise, 3 when they are not or when there
    is nothing to compare.

    For example:
      sc-deploy baseline --stack prod
      sc-deploy baseline --stack prod --minutes 180
      sc-deploy baseline --stack prod --output json | jq '.comparisons[].noises[] | select(.quiet == false)'
    """
    from bluegreen.engine.watch.aa_comparison import aa_comparison
    from bluegreen.ui.tables.baseline import baseline_document, baseline_view

    stack = _connect.open_stack(settings)
    found = aa_comparison(*stack.known, seconds=60.0 * minutes)
    document = baseline_document(found, minutes=minutes)
    _terminal.show(settings, document, baseline_view(found, minutes=minutes))
    if not document["ok"]:
        raise typer.Exit(int(ExitCode.REFUSED))
