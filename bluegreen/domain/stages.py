"""The stages of a plan while it is being made, and what all planners share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bluegreen.domain.plan import FleetRef, Stage, Step, StepKind, TierPlan
from bluegreen.domain.stack import Fleet

_CALL = 2.0
"""Expected seconds of a stage that only makes AWS calls."""


def refer(fleet: Fleet, *, routed: bool = False) -> FleetRef:
    """A fleet that exists, as a plan names it; parts that are missing have empty names."""
    group, target_group = fleet.group, fleet.target_group
    return FleetRef(
        deployment=fleet.deployment,
        version=fleet.version,
        target_group_arn=target_group.arn if target_group else "",
        target_group_name=target_group.name if target_group else "",
        group_name=group.name if group else "",
        desired=max(group.desired, group.in_service) if group else 0,
        minimum=group.minimum if group else 0,
        model=fleet.model,
        image=fleet.image,
        launch_template_version=group.launch_template_version if group else None,
        routed=routed,
    )


class Stages:
    """Collects stages; a stage without steps is left out."""

    def __init__(self) -> None:
        self.all: list[Stage] = []

    def add(
        self,
        name: str,
        title: str,
        steps: Iterable[Step],
        expected: float = _CALL,
        *,
        percent: int | None = None,
    ) -> None:
        found = tuple(steps)
        if found:
            stage = Stage(name=name, title=title, steps=found, expected_seconds=expected, percent=percent)
            self.all.append(stage)


def cleared(tiers: Sequence[TierPlan], stages: Stages) -> None:
    """Remove fleets without traffic: kept blues and what an ended deployment left behind."""
    pairs = [(plan.tier, ref.deployment) for plan in tiers for ref in plan.leftovers]
    routed = [(plan.tier, ref.deployment) for plan in tiers for ref in plan.leftovers if ref.routed]
    waits = [Step(kind=StepKind.QUIET, tier=tier, deployment=number) for tier, number in routed]

    def each(kind: StepKind) -> list[Step]:
        return [Step(kind=kind, tier=tier, deployment=number) for tier, number in pairs]

    stages.add("clear-quiet", "Wait until kept fleets have no requests", waits)
    stages.add(
        "clear", "Detach fleets without traffic", each(StepKind.DETACH) + each(StepKind.DELETE_PREVIEW)
    )
    stages.add("clear-fleets", "Delete fleets without traffic", each(StepKind.DELETE_FLEET), 60.0)
    stages.add("clear-groups", "Delete their target groups", each(StepKind.DELETE_TARGET_GROUP))
