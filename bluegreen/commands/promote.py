"""`sc-deploy promote`: bring a version live."""

from __future__ import annotations

from typing import Annotated

import typer

from bluegreen.commands import _terminal
from bluegreen.commands._attest import AttestOption, ask_people, attested
from bluegreen.commands._confirm import confirm, confirm_plan
from bluegreen.commands._options import Reason, Settings, command_line, verb
from bluegreen.commands._report import ReportOption
from bluegreen.commands._request import (
    AnyVersionOption,
    DespiteOption,
    ModelOption,
    TiersOption,
    VersionArgument,
    tiers_of,
)
from bluegreen.commands._run import LongCommand
from bluegreen.errors import Refused

PlanId = Annotated[str, typer.Option("--plan-id", metavar="FINGERPRINT", help="Apply only this plan.")]
TakeOver = Annotated[
    bool,
    typer.Option(
        "--take-over-unfinished",
        help="For pipelines: first roll back what a dead deployer left unfinished, never a living one.",
    ),
]


@verb
def promote(
    settings: Settings,
    version: VersionArgument,
    plan_id: PlanId = "",
    tiers: TiersOption = "",
    model: ModelOption = "",
    reason: Reason = "",
    despite: DespiteOption = "",
    any_version: AnyVersionOption = False,
    take_over_unfinished: TakeOver = False,
    attest: AttestOption = None,
    report: ReportOption = None,
) -> None:
    """Bring VERSION live: build green, verify it, shift the traffic step by step, retire blue.

    A harmful release is rolled back automatically. Ctrl-C stops at the next safe point;
    `sc-deploy resume` continues from there, `sc-deploy abort` rolls it back.

    With --despite it is a way out: the live fleet may be sick or gone, alarms may fire, a freeze may be on.
    Where no target of the live fleet is healthy, green gets all traffic at once when it is verified.

    With --take-over-unfinished a job that was cancelled, or whose machine died, keeps nobody waiting: what it
    left is rolled back first. Where that halts, this command ends as it does.

    What only people know (`checklist` in deploy.toml) somebody must answer for: on a terminal you are asked,
    elsewhere --attest says it, once per item; --yes answers for nothing. With --despite nobody is asked.

    Exit codes:
      0 released   2 usage or configuration   3 refused, nothing changed
      4 locked     5 rolled back              6 halted      130 interrupted

    For example:
      sc-deploy promote v1.4.0 --stack prod
      sc-deploy promote v1.4.0 --stack prod --plan-id 3f9a1c20b7de --yes
      sc-deploy promote v1.4.0 --stack prod --tiers ai --model v7 --reason "better answers"
      sc-deploy promote v1.4.0 --stack prod --attest review="Anna Suzuki" --attest team="on call: Ben Ito"
      sc-deploy promote v1.4.0 --stack test --yes --take-over-unfinished
      sc-deploy promote v1.4.1 --stack prod --despite "v1.4.0 crashes, this repairs it"
    """
    from bluegreen.engine.planning import promotion
    from bluegreen.engine.watch.forecast import release_forecast
    from bluegreen.ui.questions import promote_question

    chosen, said = tiers_of(tiers), attested(attest or [])
    run = LongCommand(settings, reports=report)
    if take_over_unfinished:
        _take_over(run, settings, version)
    plan = promotion(
        *run.stack.known,
        version=version,
        tiers=chosen,
        model=model or None,
        reason=reason,
        despite=despite,
        any_version=any_version,
    )
    if plan_id and plan.fingerprint != plan_id:
        again = command_line(
            settings,
            "plan",
            version,
            tiers=tiers,
            model=model,
            reason=reason,
            despite=despite,
            any_version=any_version,
        )
        raise Refused(
            f"plan {plan_id} is out of date: the stack, the release or the options have changed since it was "
            f"shown; the current plan is {plan.fingerprint}",
            next_step=f"see it with `{again}`",
        )
    for words in release_forecast(plan, *run.stack.known).warnings:
        _terminal.say(f"Warning: {words}")
    people = ask_people(settings, plan, run.stack.known[1], said)
    confirm_plan(settings, plan, promote_question(plan))
    run.go(lambda deployer: deployer.run(plan, attested=people, note=run.note))


def _take_over(run: LongCommand, settings: Settings, version: str) -> None:
    """Roll back what a dead deployer left; ends the process where that is not finished either."""
    from bluegreen.domain.journal import open_header
    from bluegreen.ui.questions import abort_question

    ports = run.stack.ports
    found = open_header(ports.journal.history(limit=5))
    if found is None:
        return
    header = run.stack.deployer.unfinished(found.number)
    confirm(settings, abort_question(header.began_with.plan, down=False))
    run.recall(header)
    words = f"taken over by the promotion of {version}"
    result = run.complete(
        lambda deployer: deployer.take_over_unfinished(header.number, reason=words, note=run.note)
    )
    if result.ending.open:
        raise typer.Exit(int(result.exit_code))
