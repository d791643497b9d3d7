"""A live stack is not torn down by a careless yes."""

from __future__ import annotations

import pytest

from tests.world import World

from .conftest import SIM, Line


@pytest.mark.parametrize(("answer", "code"), [("y", 3), ("yes", 3), ("sim", 0)])
def test_a_live_stack_is_torn_down_by_its_name_alone(
    line: Line, world: World, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    assert line("promote", "v1.0.0", *SIM, "--yes").exit_code == 0
    monkeypatch.setattr("bluegreen.commands._confirm.asks", lambda: True)
    assert line("teardown", "--all", *SIM, input=f"{answer}\n").exit_code == code
    assert world.weights() == {"app": {"v1.0.0": 100} if code else {}}
