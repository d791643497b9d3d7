"""`sc-deploy lab break` and `lab heal`: the faults of a lab, and what each of them is."""

from __future__ import annotations

from typing import Annotated

import typer

from bluegreen.commands import _terminal
from bluegreen.commands._lab_state import DEFAULT_STATE, StateDir, running_in
from bluegreen.commands._options import Debug

KINDS = {
    "errors": "a share of the answers is 500 (--share)",
    "latency": "answers take longer (--factor)",
    "function": "one path answers 500 (--path)",
    "unhealthy": "health checks fail",
    "hang": "connections are accepted and nothing is answered",
    "crash": "one host of each tier dies without a word",
    "instance-lost": "EC2 terminates one instance of each tier, as by a hand in the console",
    "az-lost": "every host of zone a is lost, and none can be launched there",
    "no-capacity": "EC2 has no capacity: launches fail with InsufficientInstanceCapacity",
    "boot-slow": "instances launched from now on boot longer (--seconds, 60)",
    "scale-out": "the scaling policies see the work of one instance more",
    "read-lag": "what was created can be read only later (--seconds, 10)",
    "metrics-late": "CloudWatch's datapoints come later (--seconds, 60)",
    "metrics-twice": "CloudWatch's datapoints show a part first, then are corrected",
    "metrics-missing": "CloudWatch's datapoints are lost for good",
    "metrics-down": "CloudWatch does not answer",
    "credentials": "every session has expired: AWS answers ExpiredToken",
    "throttle": "AWS refuses half of all calls",
    "control-plane-down": "no AWS call is answered; traffic continues",
    "db-down": "every database is stopped",
}
"""Kind -> its line of the help; the lab itself is not imported for that."""

_EXPLAINED = "\n".join(f"  {kind:<19} {words}" for kind, words in KINDS.items())

Kind = Annotated[str, typer.Option("--kind", metavar="KIND", help="One of the kinds above.")]
Healed = Annotated[
    str, typer.Option("--kind", metavar="KIND", help="Only faults of this kind.  [default: all of them]")
]
Broken = Annotated[
    str, typer.Option("--release", help='Only instances of this version, or "all".  [default: the newest]')
]
BrokenTier = Annotated[str, typer.Option("--tier", help="Only this tier.  [default: every tier]")]
Share = Annotated[str, typer.Option("--share", help='errors: share of responses that fail, e.g. "2%".')]
Factor = Annotated[float, typer.Option("--factor", min=1, max=1000, help="latency: how many times slower.")]
BrokenPath = Annotated[str, typer.Option("--path", help="function: the path that breaks.")]
Seconds = Annotated[
    float | None, typer.Option("--seconds", min=0, max=86_400, help="boot-slow, read-lag, metrics-late.")
]


def break_(
    kind: Kind,
    release: Broken = "",
    tier: BrokenTier = "",
    share: Share = "30%",
    factor: Factor = 2.0,
    path: BrokenPath = "/api/login",
    seconds: Seconds = None,
    state_dir: StateDir = DEFAULT_STATE,
    debug: Debug = False,  # noqa: ARG001  (read where errors are reported)
) -> None:
    from bluegreen.commands._request import tiers_of
    from bluegreen.lab.faults.breakage import Breakage, kind_of, share_of
    from bluegreen.lab.faults.breakage import break_ as inject
    from bluegreen.lab.faults.kinds import LOSSES

    breakage = Breakage(
        kind=kind_of(kind),
        version=release,
        tier=next(iter(tiers_of(tier)), None),
        share=share_of(share),
        factor=factor,
        path=path,
        seconds=seconds,
    )
    words = inject(running_in(state_dir), breakage)
    gone = breakage.kind in LOSSES
    after = "Auto Scaling replaces what is gone" if gone else "`sc-deploy lab heal` clears it"
    _terminal.say(f"injected: {words}; {after}")


break_.__doc__ = f"""Inject a fault, as production has them.

Kinds:
{_EXPLAINED}

For example:
  sc-deploy lab break --kind errors --share 5%
  sc-deploy lab break --kind latency --release all --tier app
  sc-deploy lab break --kind boot-slow --seconds 240
"""


def heal(
    kind: Healed = "",
    state_dir: StateDir = DEFAULT_STATE,
    debug: Debug = False,  # noqa: ARG001  (as above)
) -> None:
    """Clear every fault that `break` injected, or those of one kind.

    For example:
      sc-deploy lab heal
      sc-deploy lab heal --kind no-capacity
    """
    from bluegreen.lab.faults.breakage import heal as clear
    from bluegreen.lab.faults.breakage import kind_of

    only = kind_of(kind) if kind else None
    clear(running_in(state_dir), only)
    _terminal.say(f"cleared: {only}" if only else "all faults cleared")
