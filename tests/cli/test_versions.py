"""`--any-version` of plan and promote (P6)."""

from __future__ import annotations

import pytest

from tests.cli.conftest import SIM, Line, behind
from tests.world import World


@pytest.mark.parametrize("verb", [("plan",), ("promote", "--yes")])
def test_another_name_is_exit_code_3_with_the_way_to_allow_it(line: Line, verb: tuple[str, ...]) -> None:
    with behind(World()):
        result = line(verb[0], "latest", *SIM, *verb[1:])
        allowed = line(verb[0], "latest", *SIM, *verb[1:], "--any-version")
    assert result.exit_code == allowed.exit_code == 3
    assert "'latest' is not a release version" in result.output
    assert "--any-version" in result.output
    assert "no image tagged latest" in allowed.output


def test_the_command_that_a_plan_offers_allows_it_too(line: Line) -> None:
    with behind(World()):
        _, (allowed,) = line.json("plan", "v1.0.0", *SIM, "--any-version")
        _, (usual,) = line.json("plan", "v1.0.0", *SIM)
    assert "--any-version --plan-id" in allowed["command"]
    assert "--any-version" not in usual["command"]
