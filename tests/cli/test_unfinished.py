"""The verbs on a stack whose promotion was interrupted in the middle of the shift."""

from __future__ import annotations

import pytest

from bluegreen.adapters.aws.state.journal import DynamoJournal
from bluegreen.errors import CloudUnavailable
from tests.cli.conftest import SIM, Line
from tests.world import World

ASKED = "Abort promotion v1.0.0 -> v1.1.0 (#2)? All traffic returns to v1.0.0; green is deleted."


def test_nothing_else_begins_and_abort_rolls_it_back(line: Line, unfinished: World) -> None:
    for words in (
        ("plan", "v1.2.0"),
        ("promote", "v1.2.0"),
        ("rollback", "--to", "v1.0.0"),
        ("teardown",),
        ("teardown", "--all"),
    ):
        refused = line(*words, *SIM)
        assert refused.exit_code == 3, refused.output
        assert "deployment #2 is not finished: interrupted" in refused.stderr
        assert "?" not in refused.stderr, "it is refused before the question"
    for words in (("abort", "--down"), ("rollback", "--down")):
        refused = line(*words, *SIM)
        assert refused.exit_code == 3
        assert "names none" in refused.stderr
        assert "?" not in refused.stderr, "it is refused before the question"
    for words in (("abort",), ("rollback",)):
        unasked = line(*words, *SIM)
        assert unasked.exit_code == 3
        assert ASKED in unasked.stderr
        assert "no terminal to ask on; nothing was changed" in unasked.stderr
    assert unfinished.entries == []
    done, documents = line.json("abort", "2", *SIM, "--yes", "--reason", "wrong")
    assert done.exit_code == 0, done.output
    assert (documents[-1]["ending"], documents[-1]["exit_code"]) == ("rolled-back", 0)
    assert "wrong" in documents[-1]["words"]
    assert unfinished.weights() == {"app": {"v1.0.0": 100}}
    assert unfinished.orphans() == []


def test_doctor_says_whether_somebody_works_on_it(line: Line, unfinished: World) -> None:
    def journal() -> tuple[str, str]:
        _, (document,) = line.json("doctor", *SIM)
        (found,) = [one for one in document["checks"] if one["check"] == "journal"]
        return found["words"], found["next_step"]

    idle = journal()
    assert idle == (
        "last deployment #2: interrupted; nobody is working on it",
        "`sc-deploy resume` or `sc-deploy abort`",
    )
    unfinished.ports().lease.acquire(
        owner="ben@desk", why="resume", deployment=2, ttl=30, now=unfinished.clock.now()
    )
    assert journal() == ("last deployment #2: interrupted; ben@desk is working on it", "sc-deploy status")
    unfinished.clock.sleep(31)
    assert journal() == idle


def test_resume_knows_what_was_done_before(line: Line, unfinished: World) -> None:
    result = line("resume", *SIM)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0].endswith(" resumed by anna@desk:1"), "its beginning is known"
    assert "Create green target groups" not in result.stdout, "told by the process before"
    assert unfinished.weights() == {"app": {"v1.1.0": 100}}


def test_a_rollback_of_it_is_an_abort_and_ends_with_0(line: Line, unfinished: World) -> None:
    result = line("rollback", *SIM, "--yes")
    assert result.exit_code == 0, result.output
    assert "rolled back" in result.stdout
    assert unfinished.weights() == {"app": {"v1.0.0": 100}}


def test_an_abort_does_not_need_to_show_what_was_done_before(
    line: Line, unfinished: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, failures = DynamoJournal.entries, [CloudUnavailable("away")]

    def entries(self: DynamoJournal, number: int, *, after: int = 0) -> object:
        if failures:
            raise failures.pop()
        return read(self, number, after=after)

    monkeypatch.setattr(DynamoJournal, "entries", entries)
    assert line("abort", *SIM, "--yes").exit_code == 0
    assert failures == []
