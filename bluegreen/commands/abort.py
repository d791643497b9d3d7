"""`sc-deploy abort`: roll back an unfinished deployment."""

from __future__ import annotations

from bluegreen.commands._confirm import confirm
from bluegreen.commands._options import Reason, Settings, verb
from bluegreen.commands._report import ReportOption
from bluegreen.commands._request import DownOption, NumberArgument
from bluegreen.commands._run import LongCommand


@verb
def abort(
    settings: Settings,
    number: NumberArgument = None,
    reason: Reason = "",
    down: DownOption = False,
    report: ReportOption = None,
) -> None:
    """Roll back an unfinished deployment: all traffic to blue, green deleted.

    Where another process runs the deployment, it is asked to roll it back, and its work is shown.
    With --down green's down migration runs on its own app host, before green is deleted.

    For example:
      sc-deploy abort --stack prod --reason "wrong version"
      sc-deploy abort 42 --stack prod --yes
      sc-deploy abort --stack prod --down --reason "the migration locks tables"
    """
    from bluegreen.engine.rolling_back import plan_open_rollback
    from bluegreen.ui.questions import abort_question

    run = LongCommand(settings, reports=report)
    header = run.stack.deployer.unfinished(number)
    if down:  # refused before the question where it cannot run
        plan_open_rollback(run.stack.ports, header, reason=reason, down=True)
    confirm(settings, abort_question(header.began_with.plan, down=down))
    run.recall(header)
    run.go(lambda deployer: deployer.abort(header.number, reason=reason, down=down, note=run.note))
