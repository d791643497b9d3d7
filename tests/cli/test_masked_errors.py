"""What nobody foresaw may quote a password: it reaches neither screen, program, journal nor traceback."""

from __future__ import annotations

import pytest

from bluegreen.adapters.aws.elb.balancer import ElbBalancer
from bluegreen.commands import _connect
from tests.cli.conftest import SIM, Line
from tests.world import World

SECRET = "hunter2secretword"
BUG = f"could not parse postgres://app:{SECRET}@db.internal/sportcoach, DB_PASSWORD={SECRET}"


def fails(*_: object, **__: object) -> None:
    raise RuntimeError(BUG)


@pytest.mark.parametrize("more", [(), ("--debug",), ("--output", "json"), ("--debug", "--output", "json")])
def test_a_bug_tells_no_secret(line: Line, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...]) -> None:
    monkeypatch.setattr(_connect, "open_stack", fails)
    result = line("status", *SIM, *more)
    assert result.exit_code == 1
    assert "RuntimeError" in result.stderr
    assert "could not parse" in result.stderr
    assert SECRET not in result.output
    assert ("Traceback" in result.stderr) is ("--debug" in more)


def test_a_bug_in_a_run_leaves_no_secret_behind(
    line: Line, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ElbBalancer, "ensure_target_group", fails)
    result, documents = line.json("promote", "v1.0.0", *SIM, "--yes")
    assert result.exit_code == 1
    assert "could not parse" in documents[-1]["words"]
    assert SECRET not in result.output
    assert "could not parse" in line("history", "1", *SIM).stdout
    for words in (
        ("history", "1", *SIM),
        ("report", "1", *SIM, "--markdown"),
        ("report", "1", *SIM, "--json"),
    ):
        assert SECRET not in line(*words).output
    assert SECRET not in repr(world.entries)
