"""`hold` and `continue` as people and programs type them."""

from __future__ import annotations

import pytest

from bluegreen.domain.journal import Entry, Held, HoldOverdue
from tests.cli.conftest import SIM, Line
from tests.world import World


def test_held_shown_and_continued(line: Line, unfinished: World) -> None:
    held = line("hold", *SIM, "--reason", "complaints", "--for", "30m")
    assert held.exit_code == 0, held.output
    assert "whoever resumes it holds" in held.stdout
    unfinished.clock.sleep(1)
    again = line("hold", "2", *SIM)
    assert again.exit_code == 0
    assert "on hold already by anna@desk:1: complaints" in again.stdout
    status = line("status", *SIM)
    assert "by anna@desk:1: complaints; `sc-deploy continue` lifts it" in status.stdout
    _, (document,) = line.json("status", *SIM)
    assert (document["hold"]["by"], document["hold"]["seconds"]) == ("anna@desk:1", 1800)
    unasked = line("continue", *SIM)
    assert unasked.exit_code == 3
    asked = "Continue promotion v1.0.0 -> v1.1.0 (#2)? It is on hold by anna@desk:1: complaints."
    assert asked in unasked.stderr
    done, (answer,) = line.json("continue", *SIM, "--yes", "--reason", "was nothing")
    assert done.exit_code == 0, done.output
    assert (answer["hold"]["lifted_by"], answer["hold"]["lifted_why"]) == ("anna@desk:1", "was nothing")
    assert answer["obeyed"] is False
    assert line("continue", *SIM, "--yes").exit_code == 3
    assert line.json("status", *SIM)[1][0]["hold"] is None
    assert line("resume", *SIM).exit_code == 0
    assert not [entry for _, entry in unfinished.entries if isinstance(entry.event, Held)]


def test_a_held_run_is_told_in_its_lines(line: Line, unfinished: World) -> None:
    assert line("hold", *SIM, "--reason", "complaints", "--for", "2m").exit_code == 0

    def lift_overdue(entry: Entry) -> None:
        if isinstance(entry.event, HoldOverdue):
            assert line("continue", *SIM, "--yes", "--reason", "was nothing").exit_code == 0

    unfinished.listeners.append(lift_overdue)
    result = line("resume", *SIM)
    assert result.exit_code == 0, result.output
    for words in (
        "on hold by anna@desk:1: complaints; no further step begins; at ",
        "warning: on hold by anna@desk:1: complaints; nobody let it continue before the deadline: it stays",
        "continued by anna@desk:1: was nothing",
    ):
        assert words in result.stdout


@pytest.mark.parametrize("longest", ["30", "soon", "5s", "9d", "-1h"])
@pytest.mark.usefixtures("nobody")
def test_a_deadline_that_is_none(line: Line, longest: str) -> None:
    result = line("hold", *SIM, f"--for={longest}")
    assert result.exit_code == 2
    assert f"--for '{longest}': must be a duration from 1m to 1d" in result.stderr


@pytest.mark.usefixtures("world")
def test_nothing_to_hold(line: Line) -> None:
    for words in (("hold",), ("continue", "--yes"), ("hold", "7"), ("continue", "7", "--yes")):
        result = line(*words, *SIM)
        assert result.exit_code == 3, result.output
