"""The recorded stacks: each is evaluated once per process, through the real entry point."""

from __future__ import annotations

import pytest

from tools.recording import STACKS, Recording, recorded


@pytest.fixture(scope="session", params=STACKS)
def stack(request: pytest.FixtureRequest) -> Recording:
    """Every stack in turn."""
    name: str = request.param
    return recorded(name)


@pytest.fixture(scope="session")
def prod() -> Recording:
    return recorded("prod")
