"""A plan for people: what changes on each tier, how the weights move, each stage, and how to apply it."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from bluegreen.domain.forecast import ReleaseForecast
from bluegreen.domain.plan import FleetRef, FleetSpec, Plan, Stage, StepKind, TierPlan
from bluegreen.ui.format import duration, percent
from bluegreen.ui.tables.forecast import forecast_document, forecast_view
from bluegreen.ui.tables.grid import field, grid


def plan_document(plan: Plan, *, command: str, forecast: ReleaseForecast | None = None) -> dict[str, Any]:
    """The plan for `--output json`: its document, fingerprint, expected seconds and the promote command.

    `forecast`, what the usual traffic can show at each step, is not part of the plan or its fingerprint.
    """
    return {
        "fingerprint": plan.fingerprint,
        "expected_seconds": plan.expected_seconds,
        "ramp": list(ramp(plan)),
        "command": command,
        "plan": plan.to_document(),
        **(forecast_document(forecast) if forecast else {}),
    }


def ramp(plan: Plan) -> tuple[int, ...]:
    """Green's share at each step, in order."""
    steps = [s.percent for s in plan.steps if s.kind is StepKind.WEIGHTS and s.percent is not None]
    return tuple(dict.fromkeys(steps))


def plan_view(plan: Plan, *, command: str = "", forecast: ReleaseForecast | None = None) -> RenderableType:
    """The whole plan and what its steps can show; `command` is the exact line that applies it."""
    release = f" of {plan.release.version}" if plan.release else ""
    heading = f"{plan.intent}{release} on {plan.stack}, deployment {plan.number}"
    parts: list[RenderableType] = [Text(heading, style="bold")]
    if plan.reason:
        parts.append(field("reason", plan.reason))
    parts += [Text(), _tiers(plan)]
    weights = ramp(plan)
    if weights:
        rest = ", blue the rest" if any(tier.blue for tier in plan.tiers) else ""
        parts += [Text(), field("weights", f"green {' → '.join(map(percent, weights))}{rest}")]
    parts += [Text(), _stages(plan)]
    parts += [field("expected", f"about {duration(plan.expected_seconds)} if nothing goes wrong")]
    parts += [field("note", note, "yellow") for note in plan.notes]
    if forecast:
        parts += [Text(), forecast_view(forecast), Text()]
    parts.append(field("plan id", plan.fingerprint, "bold"))
    if command:
        parts.append(field("apply", command, "bold"))
    return Group(*parts)


def _tiers(plan: Plan) -> RenderableType:
    table = grid("tier", "from", "to", "image", "model", "instances", right=("instances",))
    for tier in plan.tiers:
        before, after = _ends(tier)
        removed = [f"removes deployment {ref.deployment} ({ref.version})" for ref in tier.leftovers]
        source = " ".join([before.version if before else "nothing", *(removed if not after else [])])
        image = after.image if after else None
        digest = f"{image.digest[:19]}" if image else "—"
        model = after.model.version if after and after.model else "—"
        table.add_row(tier.tier, source, _target(tier, after), digest, model, _size(before, after))
        if words := _host(before, after):
            table.add_row("", Text(words, style="dim"))
        if after and removed:
            table.add_row("", Text("; ".join(removed), style="dim"))
    return table


def _ends(tier: TierPlan) -> tuple[FleetRef | None, FleetRef | FleetSpec | None]:
    """What serves before and after: green comes in, or blue returns."""
    if tier.failed:
        return tier.failed, tier.blue
    return tier.blue, tier.green


def _target(tier: TierPlan, after: FleetRef | FleetSpec | None) -> str:
    if after is None:
        return "removed" if tier.leftovers or tier.failed else "—"
    same = isinstance(after, FleetSpec) and tier.blue is not None and tier.blue.version == after.version
    return f"{after.version} (again)" if same else after.version


def _host(before: FleetRef | None, after: FleetRef | FleetSpec | None) -> str:
    """Whether the instances themselves change: other packages, agents or a system image."""
    old, new = (end and end.launch_template_version for end in (before, after))
    return f"launch template version {old} → {new}" if None not in (old, new) and old != new else ""


def _size(before: FleetRef | None, after: FleetRef | FleetSpec | None) -> str:
    sizes = [str(end.desired) for end in (before, after) if end is not None]
    return " → ".join(sizes) or "—"


def _stages(plan: Plan) -> RenderableType:
    table = grid("#", "stage", "steps", "expected", right=("#", "expected"))
    table.columns[1].no_wrap = True
    for number, stage in enumerate(plan.stages, start=1):
        table.add_row(str(number), stage.title, _steps(plan, stage), duration(stage.expected_seconds))
    return table


def _steps(plan: Plan, stage: Stage) -> str:
    """`preview, fleet`: kinds of steps, with their tiers where these are not all of the plan."""
    tiers: dict[str, list[str]] = {}
    for step in stage.steps:
        tiers.setdefault(str(step.kind), []).extend([step.tier] if step.tier else [])
    kinds: dict[str, list[str]] = {}
    for kind, names in tiers.items():
        unique = list(dict.fromkeys(names))
        some = "" if len(unique) in (0, len(plan.tiers)) else f" ({', '.join(unique)})"
        kinds.setdefault(some, []).append(kind)
    return "; ".join(f"{', '.join(names)}{some}" for some, names in kinds.items())
