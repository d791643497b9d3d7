"""Where a stack stands: fleets, weights, health, who holds the lease, and where the traffic goes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from bluegreen.domain.holding import Hold, because
from bluegreen.domain.journal import Ending, Header
from bluegreen.domain.lease import Holder
from bluegreen.domain.reports import Status
from bluegreen.domain.stack import Fleet, Health, TierState
from bluegreen.ui.format import day, duration, iso, percent
from bluegreen.ui.tables.grid import field, grid
from bluegreen.ui.tables.history import header_document


def _health(status: Status, fleet: Fleet) -> Health | None:
    return status.health.get(fleet.target_group.arn) if fleet.target_group else None


def status_view(status: Status, *, now: float) -> RenderableType:
    """The status on a terminal."""
    table = grid(
        "tier", "fleet", "version", "model", "share", "targets", "instances", right=("share", "instances")
    )
    for tier in status.state.tiers:
        for fleet in tier.fleets:
            weight = tier.percent(fleet)
            health = _health(status, fleet)
            sick = weight > 0 and (health is None or not health.healthy)
            table.add_row(
                tier.tier,
                f"{fleet.color or 'no color'}, deployment {fleet.deployment}",
                fleet.version,
                fleet.model.version if fleet.model else "—",
                percent(weight),
                Text(str(health) if health else "no target group", style="bold red" if sick else ""),
                f"{fleet.group.in_service} of {fleet.group.desired}" if fleet.group else "—",
                style="" if weight else "dim",
            )
        if not tier.fleets:
            table.add_row(tier.tier, "nothing deployed", style="dim")
    parts: list[RenderableType] = [Text(f"stack {status.state.stack}", style="bold"), Text(), table, Text()]
    parts += [field("traffic", words) for words in status.traffic]
    parts += _open(status, now)
    return Group(*parts)


def _open(status: Status, now: float) -> list[RenderableType]:
    parts: list[RenderableType] = []
    if status.open:
        parts.append(field("open", _unfinished(status.open, status.holder), "yellow"))
        if status.open.reason and not (status.holder and status.open.ending is Ending.RUNNING):
            parts.append(field("because", status.open.reason))
    if status.hold:
        since = f"since {day(status.hold.at)} {because(status.hold.by, status.hold.why)}"
        parts.append(field("hold", f"{since}; `sc-deploy continue` lifts it", "yellow"))
    if status.holder:
        holder = status.holder
        expired = holder.expires <= now
        ago = duration(abs(holder.expires - now))
        until = f"ran out {ago} ago" if expired else f"for {ago} more unless it is renewed"
        words = f"{holder.owner} since {day(holder.since)}, {until}: {holder.why}"
        parts.append(field("lease", words, "dim" if expired else "yellow"))
    parts += [field("watchdog", name) for name in status.watchdogs]
    if status.next_step:
        parts.append(field("next", status.next_step, "bold"))
    return parts


def _unfinished(header: Header, holder: Holder | None) -> str:
    """What an unfinished deployment is doing: the header alone does not know whether its deployer lives."""
    what = f"deployment {header.number} ({header.intent} of {header.version})"
    began = f", started {day(header.started_at)} by {header.operator}"
    if holder is not None:
        again = "" if header.ending is Ending.RUNNING else f" again after it was {header.ending}"
        return f"{what} is running{again}{began}"
    if header.ending is Ending.RUNNING:
        return f"{what} has lost its deployer: nobody renews its lease{began}"
    return f"{what} is {header.ending}{began}"


def hold_document(hold: Hold) -> dict[str, Any]:
    """A hold for `--output json`."""
    return {**asdict(hold), "at": iso(hold.at)}


def status_document(status: Status) -> dict[str, Any]:
    """The status for `--output json`."""
    holder = status.holder
    lease = {**asdict(holder), "since": iso(holder.since), "expires": iso(holder.expires)} if holder else None
    if lease:
        del lease["hold"]  # it may be lifted; what is in force has a place of its own
    return {
        "stack": status.state.stack,
        "tiers": [_tier_document(status, tier) for tier in status.state.tiers],
        "lease": lease,
        "hold": hold_document(status.hold) if status.hold else None,
        "open": header_document(status.open) if status.open else None,
        "watchdogs": list(status.watchdogs),
        "traffic": list(status.traffic),
        "next_step": status.next_step,
    }


def _tier_document(status: Status, tier: TierState) -> dict[str, Any]:
    fleets = []
    for fleet in tier.fleets:
        health = _health(status, fleet)
        fleets.append(
            {
                "deployment": fleet.deployment,
                "color": fleet.color,
                "version": fleet.version,
                "image": fleet.image.digest if fleet.image else None,
                "model": fleet.model.version if fleet.model else None,
                "weight": tier.weight(fleet),
                "percent": tier.percent(fleet),
                "health": asdict(health) if health else None,
                "target_group": fleet.target_group.arn if fleet.target_group else None,
                "group": fleet.group.name if fleet.group else None,
                "in_service": fleet.group.in_service if fleet.group else 0,
                "desired": fleet.group.desired if fleet.group else 0,
            }
        )
    return {"tier": str(tier.tier), "fleets": fleets}
