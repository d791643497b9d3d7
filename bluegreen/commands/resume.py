"""`sc-deploy resume`: continue an unfinished deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from bluegreen.commands._options import Reason, Settings, verb
from bluegreen.commands._report import ReportOption
from bluegreen.commands._request import NumberArgument
from bluegreen.commands._run import LongCommand
from bluegreen.errors import ConfigError, Fault

if TYPE_CHECKING:
    from bluegreen.engine.accepting import Wanted

SkipDown = Annotated[
    bool,
    typer.Option("--skip-down", help="Do not run the down migration: it was done by hand, or is not wanted."),
]
Accept = Annotated[
    list[str] | None,
    typer.Option(
        "--accept",
        metavar="METRIC:TIER|check:NAME",
        help="Take what cannot be decided as passed: latency:app, 'check:database cpu'; needs --reason.",
    ),
]


@verb
def resume(
    settings: Settings,
    number: NumberArgument = None,
    skip_down: SkipDown = False,
    accept: Accept = None,
    reason: Reason = "",
    report: ReportOption = None,
) -> None:
    """Continue a deployment that was interrupted, halted, or whose deployer died.

    Works from any machine: the journal knows what was done, and nothing is done twice. It waits until a
    dead deployer's lease expires (lease.ttl); if the lease is renewed, that deployer is alive, and this
    ends with 4. A down migration that failed runs once more, unless --skip-down says that a person has
    done it.

    Where it is paused because the measurements decide nothing, --accept takes that metric of that tier as
    passed, and the reason is recorded. It is refused where there is evidence against the release. An own
    check or a watched alarm that holds is accepted by its name; one that rolls back is not.

    For example:
      sc-deploy resume --stack prod
      sc-deploy resume 42 --stack prod --output json
      sc-deploy resume --stack prod --skip-down
      sc-deploy resume --stack prod --accept latency:app --reason "no traffic at night, load test was fine"
      sc-deploy resume --stack prod --accept "check:database cpu" --reason "the nightly export, not us"
    """
    wanted = _wanted(accept or [], reason)
    run = LongCommand(settings, reports=report)
    header = run.stack.deployer.unfinished(number)
    run.recall(header)
    run.go(
        lambda deployer: deployer.resume(
            header.number, skip_down=skip_down, accept=wanted, reason=reason, note=run.note
        )
    )


def _wanted(texts: list[str], reason: str) -> tuple[Wanted, ...]:
    """The metrics and tiers of `latency:app`; raises ConfigError naming each that cannot be accepted."""
    from bluegreen.contract import Tier
    from bluegreen.domain.measurement import Metric

    metrics = [str(one) for one in Metric if one is not Metric.AVAILABILITY]
    allowed = f"one of {', '.join(metrics)}, a colon, and one of {', '.join(Tier)}; or check: and its name"
    faults: list[Fault] = []
    found: list[Wanted] = []
    for text in texts:
        metric, _, tier = text.partition(":")
        if metric == "check" and tier.strip():
            found.append(tier)
        elif metric in metrics and tier in list(Tier):
            found.append((Metric(metric), Tier(tier)))
        else:
            faults.append(Fault("--accept", repr(text), allowed))
    if texts and not reason.strip():
        faults.append(Fault("--reason", "missing", "why it may be released all the same"))
    if faults:
        raise ConfigError("nothing was accepted", faults=faults)
    return tuple(dict.fromkeys(found))
