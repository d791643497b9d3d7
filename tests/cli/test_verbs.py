"""Each verb: what it asks of the engine, what it prints, and the exit code."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bluegreen.contract import Tier
from bluegreen.domain.journal import Ending, EntryKind
from bluegreen.domain.reports import Check
from bluegreen.errors import (
    CloudUnavailable,
    ConfigError,
    DeployError,
    Fault,
    Halted,
    Interrupted,
    LeaseLost,
    Locked,
    Refused,
)
from tests.cli.conftest import Line
from tests.cli.fake_deployer import FakeDeployer
from tests.ui.samples import START, Script, header, promotion

LAB = ("--stack", "lab")


def test_plan_shows_the_command_that_applies_exactly_it(line: Line, deployer: FakeDeployer) -> None:
    result = line("plan", "v1.1.0", *LAB, "--tiers", "ai,web", "--model", "v7", "--reason", "better answers")
    assert result.exit_code == 0, result.output
    fingerprint = promotion(reason="better answers").fingerprint
    assert "--tiers ai,web --model v7 --reason 'better answers'" in result.stdout
    assert f"--plan-id {fingerprint}" in result.stdout
    options = {"tiers": (Tier.AI, Tier.WEB), "model": "v7", "reason": "better answers"}
    assert deployer.calls == [("plan_promotion", ("v1.1.0", options))]


def test_plan_for_programs_is_one_document(line: Line, deployer: FakeDeployer) -> None:
    result, documents = line.json("plan", "v1.1.0", *LAB)
    assert result.exit_code == 0
    assert len(documents) == 1
    assert documents[0]["fingerprint"] == promotion().fingerprint
    assert documents[0]["ramp"] == [5, 25, 50, 95, 100]


def test_promote_tells_the_story_and_ends_with_its_code(line: Line, deployer: FakeDeployer) -> None:
    result = line("promote", "v1.1.0", *LAB, "--yes")
    assert result.exit_code == 0, result.output
    assert "[1/22] Check that this release may start" in result.stdout
    assert "released: v1.1.0 serves" in result.stdout
    assert "traffic: web, app, ai: 100 % on v1.1.0" in result.stdout
    assert [name for name, _ in deployer.calls] == ["plan_promotion", "run"]


def test_promote_for_programs_prints_events_only(line: Line, deployer: FakeDeployer) -> None:
    deployer.script = Script().rolled_back()
    result, documents = line.json("promote", "v1.1.0", *LAB, "--yes")
    assert result.exit_code == 5
    assert documents[0]["event"] == "run-started"
    assert documents[-1]["event"] == "result"
    assert documents[-1]["exit_code"] == 5
    assert documents[-1]["traffic"] == ["web, app, ai: 100 % on v1.0.0 (blue)"]
    assert {d["event"] for d in documents} >= {"stage-started", "measured", "verdict", "decided", "run-ended"}


def test_promote_applies_the_plan_that_was_shown(line: Line, deployer: FakeDeployer) -> None:
    good = promotion().fingerprint
    assert line("promote", "v1.1.0", *LAB, "--yes", "--plan-id", good).exit_code == 0


def test_promote_refuses_another_plan_than_the_one_shown(line: Line, deployer: FakeDeployer) -> None:
    result = line("promote", "v1.1.0", *LAB, "--yes", "--plan-id", "0123456789ab")
    assert result.exit_code == 3
    assert "plan 0123456789ab is not the plan of this release now" in result.stderr
    assert "sc-deploy plan v1.1.0 --stack lab" in result.stderr
    assert [name for name, _ in deployer.calls] == ["plan_promotion"]


@pytest.mark.parametrize(
    "words", [("promote", "v1.1.0"), ("rollback",), ("abort",), ("teardown",), ("teardown", "--all")]
)
def test_without_a_terminal_and_without_yes_nothing_is_changed(
    line: Line, deployer: FakeDeployer, words: tuple[str, ...]
) -> None:
    result = line(*words, *LAB)
    assert result.exit_code == 3
    assert "no terminal to ask on; nothing was changed" in result.stderr
    assert "--yes" in result.stderr
    assert {"run", "abort"}.isdisjoint(name for name, _ in deployer.calls)


def test_rollback(line: Line, deployer: FakeDeployer) -> None:
    result = line("rollback", *LAB, "--to", "v1.0.0", "--reason", "logins fail", "--yes")
    assert result.exit_code == 0
    assert deployer.calls[0] == ("plan_rollback", ("v1.0.0", "logins fail"))
    assert deployer.calls[1][0] == "run"


def test_resume_knows_what_was_done_before(line: Line, deployer: FakeDeployer) -> None:
    deployer.script = Script().until("judge-25")
    deployer.headers = (header(ending=Ending.INTERRUPTED),)
    deployer.script.say(EntryKind.HALTED, words="a human is needed", next="look", traffic=["x"])
    result = line("resume", *LAB)
    assert result.exit_code == 6
    assert "Create green target groups" not in result.stdout  # told by the process before
    assert deployer.calls[-1] == ("resume", None)


def test_resume_of_a_number(line: Line, deployer: FakeDeployer) -> None:
    assert line("resume", "2", *LAB).exit_code == 0
    assert deployer.calls == [("resume", 2)]


def test_abort_of_a_number(line: Line, deployer: FakeDeployer) -> None:
    deployer.script = Script().rolled_back()
    assert line("abort", "2", *LAB, "--yes", "--reason", "wrong").exit_code == 5
    assert deployer.calls == [("abort", (2, "wrong"))]


def test_the_down_migration_is_asked_for_and_skipped(line: Line, deployer: FakeDeployer) -> None:
    assert line("rollback", *LAB, "--down", "--yes").exit_code == 0
    assert deployer.calls[0] == ("plan_rollback", (None, "", "down"))
    assert line("abort", "2", *LAB, "--down", "--yes").exit_code == 0
    assert deployer.calls[-1] == ("abort", (2, "", "down"))
    assert line("resume", "2", *LAB, "--skip-down").exit_code == 0
    assert deployer.calls[-1] == ("resume", (2, "skip-down"))


@pytest.mark.parametrize(
    ("verb", "option"), [("rollback", "--down"), ("abort", "--down"), ("resume", "--skip-down")]
)
def test_help_explains_the_down_migration_with_an_example(line: Line, verb: str, option: str) -> None:
    text = line(verb, "--help").stdout
    assert "down migration" in text
    assert f"sc-deploy {verb} --stack prod {option}" in text


def test_status(line: Line, deployer: FakeDeployer) -> None:
    result = line("status", *LAB)
    assert result.exit_code == 0
    assert "100 % on v1.0.0" in result.stdout
    result, documents = line.json("status", *LAB)
    assert documents[0]["tiers"][0]["fleets"][0]["percent"] == 100


def test_history(line: Line, deployer: FakeDeployer) -> None:
    deployer.headers = (header(ending=Ending.RELEASED, ended_at=START + 100, proven=True), header(number=1))
    assert "v1.1.0 (proven)" in line("history", *LAB).stdout
    _, documents = line.json("history", *LAB, "--limit", "1")
    assert [d["deployment"] for d in documents[0]["deployments"]] == [2]


def test_the_story_of_one_deployment(line: Line, deployer: FakeDeployer) -> None:
    deployer.script = Script().rolled_back()
    result = line("history", "2", *LAB)
    assert result.exit_code == 0
    assert "decided: roll back" in result.stdout
    _, documents = line.json("history", "2", *LAB)
    assert documents[0]["events"][-1]["ending"] == "rolled-back"
    missing = line("history", "9", *LAB)
    assert missing.exit_code == 3
    assert "no deployment 9" in missing.stderr


def test_teardown(line: Line, deployer: FakeDeployer) -> None:
    assert line("teardown", *LAB, "--all", "--yes").exit_code == 0
    assert deployer.calls[0] == ("plan_teardown", True)


def test_teardown_of_nothing_is_no_error(line: Line, deployer: FakeDeployer) -> None:
    deployer.nothing = True
    result = line("teardown", *LAB)
    assert result.exit_code == 0
    assert "nothing to remove on lab" in result.stdout
    assert [name for name, _ in deployer.calls] == ["plan_teardown"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("the contract cannot be used", faults=[Fault("a", "b"), Fault("c", "d")]), 2),
        (Refused("image v9 is not in ECR", next_step="push it"), 3),
        (Locked("ben holds the stack"), 4),
        (LeaseLost("the lease is lost"), 4),
        (CloudUnavailable("AWS did not answer"), 6),
        (Halted("a human is needed"), 6),
        (Interrupted("stopped"), 130),
        (DeployError("anything else"), 1),
        (KeyError("a bug"), 1),
    ],
)
@pytest.mark.parametrize("call", ["plan_promotion", "run"])
def test_every_error_has_its_code_and_one_clear_message(
    line: Line, deployer: FakeDeployer, error: Exception, code: int, call: str
) -> None:
    deployer.fail = {call: error}
    result = line("promote", "v1.1.0", *LAB, "--yes")
    assert result.exit_code == code
    assert str(error) in result.stderr
    assert "Traceback" not in result.output
    result, documents = line.json("promote", "v1.1.0", *LAB, "--yes")
    assert result.exit_code == code
    assert documents[-1]["event"] == "error"
    assert documents[-1]["exit_code"] == code


def test_a_bug_is_short_and_debug_shows_where(line: Line, deployer: FakeDeployer) -> None:
    deployer.fail = {"run": KeyError("a bug")}
    short = line("promote", "v1.1.0", *LAB, "--yes")
    assert short.stderr == "Error: unexpected error: KeyError: 'a bug'\nNext: repeat with --debug\n"
    assert "Traceback" in line("promote", "v1.1.0", *LAB, "--yes", "--debug").stderr


def test_doctor(line: Line, deployer: FakeDeployer, monkeypatch: pytest.MonkeyPatch) -> None:
    from bluegreen.commands import _connect

    monkeypatch.setattr(_connect, "open_contract", lambda _settings: None)
    good = Check(name="images", ok=True, words="all there", next_step="")
    deployer.checks = (good, Check(name="rights", ok=None, words="not asked", next_step=""))
    assert line("doctor", *LAB).exit_code == 0
    deployer.checks = (good, replace(good, name="listener", ok=False, words="gone", next_step="pulumi up"))
    result = line("doctor", *LAB)
    assert result.exit_code == 3
    assert "pulumi up" in result.stdout
    result, documents = line.json("doctor", *LAB)
    assert documents[0]["ok"] is False
    assert [c["check"] for c in documents[0]["checks"]] == ["policy", "contract", "images", "listener"]


def test_an_unreadable_journal_does_not_stop_a_resume(
    line: Line, deployer: FakeDeployer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.cli.fake_deployer import FakeJournal

    monkeypatch.setattr(FakeJournal, "header", lambda *_: (_ for _ in ()).throw(CloudUnavailable("away")))
    assert line("resume", "2", *LAB).exit_code == 0


def test_json_lines_are_utf8_and_hold_no_colors(line: Line, deployer: FakeDeployer) -> None:
    result = line("promote", "v1.1.0", *LAB, "--yes", "--output", "json")
    assert "\x1b" not in result.stdout
    assert all(json.loads(text) for text in result.stdout.splitlines())
