"""`sc-deploy db` at the command line."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.conftest import SIM, Line, behind
from tests.engine.test_rehearsals import Tried


@pytest.fixture
def tried() -> Iterator[Tried]:
    made = Tried()
    with behind(made):
        yield made


def test_a_rehearsal_asks_first_tells_its_parts_and_keeps_them(line: Line, tried: Tried) -> None:
    unasked = line("db", "rehearse", "v1.1.0", *SIM)
    assert unasked.exit_code == 3
    assert "to the throw-away instance sportcoach-sim-rehearsal" in unasked.stderr
    assert tried.kept() == ()
    done, (document,) = line.json("db", "rehearse", "v1.1.0", *SIM, "--yes")
    assert done.exit_code == 0, done.output
    assert (document["event"], document["ok"], document["snapshot"]) == ("rehearsal", True, "newest")
    assert [one["name"] for one in document["parts"]] == ["restore", "check", "up", "down"]
    assert "removing sportcoach-sim-rehearsal" in done.stderr


def test_a_failed_part_is_exit_3_with_its_output(line: Line, tried: Tried) -> None:
    tried.fails = "migrate down"
    done = line("db", "rehearse", *SIM, "--yes")
    assert done.exit_code == 3
    assert "failed: 41 rows" in done.stdout
    assert "migration of v1.0.0 on newest: not every part succeeded" in done.stdout


def test_an_unknown_version_is_refused_before_anything_is_restored(line: Line, tried: Tried) -> None:
    done = line("db", "rehearse", "v9.9.9", *SIM, "--yes")
    assert done.exit_code == 3, done.output
    assert "v9.9.9" in done.stderr
    assert tried.instances() == ["sportcoach-sim"]


def test_a_restore_names_the_loss_and_asks_for_the_stack(line: Line, tried: Tried) -> None:
    unasked = line("db", "restore", "newest", *SIM)
    assert unasked.exit_code == 3
    assert "is lost to the application" in unasked.stderr
    assert tried.instances() == ["sportcoach-sim"]
    done, (document,) = line.json("db", "restore", "newest", *SIM, "--yes")
    assert done.exit_code == 0, done.output
    assert document["lost_seconds"] > 0
    assert set(tried.instances()) == {"sportcoach-sim", document["kept"]}
    assert line("db", "restore", "gone", *SIM, "--yes").exit_code == 3


def test_a_restore_stops_beside_and_is_given_up(line: Line, tried: Tried) -> None:
    assert "then repeat it without --beside" in line("db", "restore", "newest", *SIM, "--beside").stdout
    assert len(tried.instances()) == 2
    done = line("db", "restore", "newest", *SIM, "--discard", "--yes")
    assert (done.exit_code, "was not changed" in done.stdout) == (0, True), done.output
    assert tried.instances() == ["sportcoach-sim"]
