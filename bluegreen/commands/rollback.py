"""`sc-deploy rollback`: go back to an earlier version."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from bluegreen.commands import _terminal
from bluegreen.commands._confirm import confirm_plan
from bluegreen.commands._options import Reason, Settings, verb
from bluegreen.commands._report import ReportOption
from bluegreen.commands._request import DownOption
from bluegreen.commands._run import LongCommand

To = Annotated[
    str, typer.Option("--to", metavar="VERSION", help="The version.  [default: the last verified one]")
]
NewHost = Annotated[
    bool, typer.Option("--new-host", help="On today's launch template, not on the one it was verified on.")
]


def _finding(name: str) -> str:
    from bluegreen.policy import FINDING_PATTERN

    if name and not re.fullmatch(FINDING_PATTERN, name):
        raise typer.BadParameter(
            f"{name!r} is no name of a finding, such as CVE-2026-1234 or GHSA-xxxx-xxxx-xxxx"
        )
    return name


SecurityOption = Annotated[
    str,
    typer.Option(
        "--security", metavar="FINDING", help="Because of this finding: ban what is left.", callback=_finding
    ),
]


@verb
def rollback(
    settings: Settings,
    to: To = "",
    reason: Reason = "",
    down: DownOption = False,
    new_host: NewHost = False,
    security: SecurityOption = "",
    report: ReportOption = None,
) -> None:
    """Go back to the last verified release, or to the one that --to names.

    While the old fleet still exists, the traffic returns to it at once; otherwise it is built again,
    verified, and gets all traffic in one step. An unfinished deployment is aborted.

    It is built on the host (the launch template version) that it was verified on; --new-host builds it on
    today's. What a rollback has left is not a target of the next one until it is promoted again.

    With --security the version that is left is banned: `promote` refuses it, and no rollback returns to it,
    until `sc-deploy bans --lift` allows it again. The plan says whether the earlier release has it too.

    With --down the failed release's down migration runs on its own app host, after its traffic is gone
    and before it is deleted. If it fails, the rollback halts there: nothing is deleted.

    For example:
      sc-deploy rollback --stack prod --reason "logins fail"
      sc-deploy rollback --stack prod --to v1.3.2 --yes
      sc-deploy rollback --stack prod --down --reason "v1.4.0 broke the schema"
      sc-deploy rollback --stack prod --security CVE-2026-1234 --reason "it leaks sessions"
    """
    from bluegreen.engine import planning
    from bluegreen.engine.security import banning
    from bluegreen.ui.questions import rollback_question

    run = LongCommand(settings, reports=report)
    words = "; ".join(filter(None, (security and f"security finding {security}", reason)))
    plan = planning.rollback(*run.stack.known, to=to or None, reason=words, down=down, new_host=new_host)
    if security:
        plan = banning(plan, run.stack.ports, finding=security, reason=reason)
    if not plan.stages:
        words = f"{to} already serves all traffic on {settings.stack}; nothing to roll back"
        _terminal.show_nothing(settings, words)
        return
    confirm_plan(settings, plan, rollback_question(plan))
    run.go(lambda deployer: deployer.run(plan, note=run.note))
