"""The verbs on a stack whose promotion was interrupted in the middle of the shift."""

from __future__ import annotations

import pytest

from bluegreen.adapters.aws.state.journal import DynamoJournal
from bluegreen.errors import CloudUnavailable
from bluegreen.lab.cloud.behaviour import Behaviour
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


def test_a_pipeline_takes_over_what_a_dead_deployer_left(line: Line, unfinished: World) -> None:
    done, documents = line.json("promote", "v1.2.0", *SIM, "--yes", "--take-over-unfinished")
    assert done.exit_code == 0, done.output
    assert unfinished.weights() == {"app": {"v1.2.0": 100}}
    assert unfinished.orphans() == []
    assert documents[-1]["ending"] == "released"
    newest, taken = unfinished.deployer().history(2)
    assert (newest.version, newest.ending) == ("v1.2.0", "released")
    assert (taken.number, taken.ending) == (2, "rolled-back")
    assert "taken over by the promotion of v1.2.0" in taken.reason


def test_it_asks_first_and_has_nothing_to_do_where_nothing_is_unfinished(
    line: Line, unfinished: World
) -> None:
    unasked = line("promote", "v1.2.0", *SIM, "--take-over-unfinished")
    assert unasked.exit_code == 3
    assert ASKED in unasked.stderr
    assert unfinished.entries == []
    assert line("abort", *SIM, "--yes").exit_code == 0
    assert line("promote", "v1.2.0", *SIM, "--yes", "--take-over-unfinished").exit_code == 0


def test_one_that_cannot_be_rolled_back_ends_the_command(
    line: Line, unfinished: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blue is sick: nothing is moved onto it, and no other release begins on top."""
    unfinished.behaviours["v1.0.0"] = Behaviour(healthy=False)
    unfinished.clock.sleep(60)
    halted = line("promote", "v1.2.0", *SIM, "--yes", "--take-over-unfinished")
    assert halted.exit_code == 6, halted.output
    assert "v1.2.0" not in unfinished.weights()["app"]
    assert unfinished.deployer().history(1)[0].number == 2


def test_a_deployer_that_lives_is_left_alone(
    line: Line, unfinished: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lease is watched for a while: it is renewed, so somebody is there."""
    lease = unfinished.ports().lease
    holder = lease.acquire(owner="ben@desk:7", why="x", deployment=2, ttl=30, now=unfinished.clock.now())
    sleep = type(unfinished.clock).sleep

    def renewed(self: object, seconds: float) -> None:
        nonlocal holder
        sleep(unfinished.clock, seconds)
        holder = lease.renew(holder, ttl=30, now=unfinished.clock.now())

    monkeypatch.setattr(type(unfinished.clock), "sleep", renewed)
    refused = line("promote", "v1.2.0", *SIM, "--yes", "--take-over-unfinished")
    assert refused.exit_code == 4, refused.output
    assert "ben@desk" in refused.stderr
    assert unfinished.entries == []
