"""`watch` as people and programs type it."""

from __future__ import annotations

import pytest

from tests.cli.conftest import SIM, Line
from tests.world import World


def test_a_story_that_is_over_is_told_with_its_exit_code(line: Line, unfinished: World) -> None:
    watched = line("watch", *SIM)
    assert watched.exit_code == 130, watched.output
    assert "promotion v1.0.0 → v1.1.0" in watched.stdout
    assert "next: `sc-deploy resume` continues" in watched.stdout
    assert unfinished.entries == [], "nothing was done"
    first, documents = line.json("watch", "1", *SIM)
    assert first.exit_code == 0, first.output
    assert documents[0]["event"] == "run-started"
    assert (documents[-1]["event"], documents[-1]["exit_code"]) == ("result", 0)
    assert line("abort", *SIM, "--yes").exit_code == 0
    assert line("watch", *SIM).exit_code == 0


@pytest.mark.usefixtures("unfinished")
def test_an_unknown_number_names_one_that_there_is(line: Line) -> None:
    result = line("watch", "22", *SIM)
    assert result.exit_code == 3
    assert "did you mean #2?" in result.stderr


@pytest.mark.usefixtures("world")
def test_nothing_to_watch(line: Line) -> None:
    result = line("watch", *SIM)
    assert result.exit_code == 3
    assert "has no deployment yet" in result.stderr
