"""E4: standby instances are warm and serving, and scaling in never takes them away."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bluegreen.contract import FleetSize
from bluegreen.engine.run import Run
from bluegreen.engine.steps.build import free_size


@dataclass(slots=True)
class Fleets:
    """One fleet, held at its size by a release."""

    resized: dict[str, int] = field(default_factory=dict)

    def group(self, name: str) -> Any:
        return SimpleNamespace(name=name, desired=3, minimum=3, maximum=6)

    def resize(self, _: str, **bounds: int) -> None:
        self.resized = bounds


@pytest.mark.parametrize(
    ("minimum", "standby", "lowest"),
    [(1, 0, 1), (1, 1, 2), (1, 2, 3), (2, 1, 2), (3, 1, 3)],
)
def test_a_fleet_scales_in_to_one_primary_and_its_standby(minimum: int, standby: int, lowest: int) -> None:
    fleets = Fleets()
    size = FleetSize(minimum=minimum, desired=3, maximum=6, standby=standby)
    run = SimpleNamespace(
        name=lambda _: "sc-prod-ai-1",
        tier=lambda _: SimpleNamespace(fleet=size),
        ports=SimpleNamespace(fleets=fleets),
    )
    free_size(cast("Run", run), cast("Any", None))
    assert fleets.resized.get("minimum", 3) == lowest
