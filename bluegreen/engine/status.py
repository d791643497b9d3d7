"""What a stack is doing at one moment, and what an operator may do next."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from bluegreen.contract import Contract, Tier
from bluegreen.domain.journal import SCHEMA, Header, left_behind
from bluegreen.domain.lease import Holder
from bluegreen.domain.reports import Status
from bluegreen.domain.returning import Return
from bluegreen.domain.stack import StackState
from bluegreen.engine import deployment
from bluegreen.engine.observe import observe, traffic_words
from bluegreen.ports import Ports


def look(contract: Contract, ports: Ports) -> Status:
    """The stack now; everything is asked for at the same time, health once the target groups are known."""
    state, holder, headers, watchdogs = ports.parallel(
        [
            partial(observe, contract, ports),
            ports.lease.holder,
            partial(ports.journal.history, limit=5),
            ports.watchdog.armed,
        ]
    )
    groups = [f.target_group.arn for tier in state.tiers for f in tier.fleets if f.target_group]
    found = ports.parallel([partial(ports.balancer.health, arn) for arn in groups])
    unfinished = deployment.open_header(headers)
    busy = holder if holder and holder.expires > ports.clock.now() else None
    return Status(
        state=state,
        health=dict(zip(groups, found, strict=True)),
        holder=busy,
        open=unfinished,
        watchdogs=watchdogs,
        traffic=traffic_words(state, _left_behind(ports, unfinished, busy)),
        next_step=_advice(state, busy, unfinished),
    )


def _left_behind(ports: Ports, unfinished: Header | None, holder: Holder | None) -> Mapping[Tier, Return]:
    """What the watchdogs of a deployment that nobody drives will do, or have done."""
    if unfinished is None or holder is not None or unfinished.schema != SCHEMA:
        return {}
    return left_behind(ports.journal.entries(unfinished.number))


def _advice(state: StackState, holder: Holder | None, unfinished: Header | None) -> str:
    if holder and unfinished:
        return f"deployment #{unfinished.number} is running; `sc-deploy abort` takes it back"
    if unfinished:
        return f"#{unfinished.number} is unfinished: `sc-deploy resume` or `sc-deploy abort`"
    if not any(tier.live for tier in state.tiers):
        return "nothing serves yet: `sc-deploy plan VERSION`"
    if any(tier.leftovers for tier in state.tiers):
        return "`sc-deploy rollback` goes back at once; `sc-deploy teardown` removes what serves nothing"
    return ""
