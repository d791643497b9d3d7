"""The engine against the simulated cloud: one call after the other, on a manual clock."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.world.calls import threadless


@pytest.fixture(autouse=True)
def _in_turn() -> Iterator[None]:
    with threadless():
        yield
