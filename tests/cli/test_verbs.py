"""Each verb on a stack that is only looked at: what it prints, what it refuses, and the exit code."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from bluegreen.engine import planning
from bluegreen.engine.deployer import Deployer
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
from bluegreen.lab.cloud.behaviour import Behaviour
from bluegreen.policy import parse_policy
from tests.cli.conftest import SIM, Line, behind
from tests.world import POLICY, World

KEY = '[[smoke]]\nname = "log in"\ntier = "app"\nkey = true\nsteps = [{ path = "/api/login" }]\n'


@pytest.fixture(scope="module")
def served() -> Iterator[World]:
    """v1.0.0 serves on two tiers; v1.1.0 never became healthy and was rolled back. Nobody changes it."""
    made = World(tiers=("app", "ai"))
    with behind(made):
        line = Line()
        assert line("promote", "v1.0.0", *SIM, "--yes", "--reason", "the first").exit_code == 0
        made.behaviours["v1.1.0"] = Behaviour(healthy=False)
        assert line("promote", "v1.1.0", *SIM, "--yes", "--tiers", "app").exit_code == 5
        made.load()
        made.clock.sleep(60)
        yield made
        assert made.weights() == {"app": {"v1.0.0": 100}, "ai": {"v1.0.0": 100}}
        assert len(made.deployer().history(9)) == 2, "a verb of this module has changed the stack"


@pytest.fixture(autouse=True)
def _served(served: World) -> None:
    """Every test of this module looks at it."""


def test_plan_shows_the_command_that_applies_exactly_it(line: Line) -> None:
    words = ("v1.2.0", *SIM, "--tiers", "ai", "--model", "m2", "--reason", "better answers")
    result = line("plan", *words)
    assert result.exit_code == 0, result.output
    _, (planned,) = line.json("plan", *words)
    assert "--tiers ai --model m2 --reason 'better answers'" in result.stdout
    assert f"--plan-id {planned['fingerprint']}" in result.stdout
    (tier,) = planned["plan"]["tiers"]
    assert (tier["tier"], tier["green"]["model"]["version"]) == ("ai", "m2")
    assert planned["plan"]["reason"] == "better answers"
    assert planned["ramp"] == [10, 50, 100]


def test_promote_refuses_another_plan_than_the_one_shown(line: Line) -> None:
    result = line("promote", "v1.2.0", *SIM, "--yes", "--plan-id", "0123456789ab")
    assert result.exit_code == 3
    assert "plan 0123456789ab is out of date" in result.stderr
    assert "sc-deploy plan v1.2.0 --stack sim" in result.stderr


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (("promote", "v1.2.0"), "Promote v1.0.0 -> v1.2.0 on sim (#3)?"),
        (("teardown", "--all"), "Remove EVERYTHING from sim, the live fleets included: v1.0.0 (#1)?"),
    ],
)
def test_without_a_terminal_and_without_yes_nothing_is_changed(
    line: Line, words: tuple[str, ...], asked: str
) -> None:
    result = line(*words, *SIM)
    assert result.exit_code == 3
    assert asked in result.stderr
    assert "no terminal to ask on; nothing was changed" in result.stderr
    assert "--yes" in result.stderr


def test_teardown_of_nothing_is_no_error(line: Line) -> None:
    result = line("teardown", *SIM)
    assert result.exit_code == 0
    assert "nothing to remove on sim" in result.stdout
    result, documents = line.json("teardown", *SIM)
    assert (result.exit_code, documents[0]["exit_code"]) == (0, 0)


@pytest.mark.parametrize(
    ("verb", "option"), [("rollback", "--down"), ("abort", "--down"), ("resume", "--skip-down")]
)
def test_help_explains_the_down_migration_with_an_example(line: Line, verb: str, option: str) -> None:
    text = line(verb, "--help").stdout
    assert "down migration" in text
    assert f"sc-deploy {verb} --stack prod {option}" in text


def test_status(line: Line) -> None:
    result = line("status", *SIM)
    assert result.exit_code == 0
    assert "app: 100 % v1.0.0 (#1)" in result.stdout
    result, documents = line.json("status", *SIM)
    assert documents[0]["tiers"][0]["fleets"][0]["percent"] == 100


def test_history(line: Line) -> None:
    assert "v1.0.0 (verified)" in line("history", *SIM).stdout
    _, documents = line.json("history", *SIM, "--limit", "1")
    assert [d["deployment"] for d in documents[0]["deployments"]] == [2]


def test_the_timeline_of_one_deployment(line: Line) -> None:
    result = line("history", "2", *SIM)
    assert result.exit_code == 0
    assert "decided: rollback" in result.stdout
    _, documents = line.json("history", "2", *SIM)
    assert documents[0]["events"][-1]["ending"] == "rolled-back"
    missing = line("history", "9", *SIM)
    assert missing.exit_code == 3
    assert "no deployment #9" in missing.stderr


@pytest.mark.parametrize(
    "words", [("history",), ("history", "2"), ("status",), ("doctor",), ("plan", "v1.2.0")]
)
def test_a_pipe_gets_lines_without_padding_that_are_not_broken(line: Line, words: tuple[str, ...]) -> None:
    shown = line(*words, *SIM).stdout.splitlines()
    assert shown
    assert [one for one in shown if one != one.rstrip()] == []
    if words[0] == "doctor":
        _, (document,) = line.json(*words, *SIM)
        for check in document["checks"]:
            assert any(check["words"] in one for one in shown), "a row is one line"


def test_a_pipe_is_as_wide_as_it_is_told_to_be(line: Line) -> None:
    shown = line("doctor", *SIM, env={"COLUMNS": "60"}).stdout.splitlines()
    assert max(map(len, shown)) <= 60


@pytest.mark.parametrize("words", [("--help",), ("lab", "--help"), ("notify", "--help")])
def test_the_list_of_commands_cuts_no_sentence(line: Line, words: tuple[str, ...]) -> None:
    listed = line(*words, env={"COLUMNS": "60"}).stdout.partition("Commands:")[2]
    assert listed.strip()
    assert "..." not in listed


@pytest.mark.parametrize("verb", ["resume", "abort"])
def test_a_deployment_that_has_ended_is_neither_resumed_nor_aborted(line: Line, verb: str) -> None:
    result = line(verb, "2", *SIM)
    assert result.exit_code == 3
    assert "deployment #2 is rolled-back" in result.stderr
    assert "terminal" not in result.stderr, "it is refused before the question"


@pytest.mark.parametrize(
    ("call", "code"), [((planning, "promotion"), 3), ((Deployer, "run"), 6)], ids=["plan", "run"]
)
def test_silence_of_aws_is_an_alarm_only_in_a_deployment(
    line: Line, monkeypatch: pytest.MonkeyPatch, call: tuple[object, str], code: int
) -> None:
    fail(monkeypatch, *call, CloudUnavailable("AWS did not answer"))
    result = line("promote", "v1.2.0", *SIM, "--yes")
    assert result.exit_code == code
    assert "AWS did not answer" in result.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("the contract cannot be used", faults=[Fault("a", "b"), Fault("c", "d")]), 2),
        (Refused("image v9 is not in ECR", next_step="push it"), 3),
        (Locked("ben holds the stack"), 4),
        (LeaseLost("the lease is lost"), 4),
        (Halted("a human is needed"), 6),
        (Interrupted("stopped"), 130),
        (DeployError("anything else"), 1),
        (KeyError("a bug"), 1),
    ],
)
@pytest.mark.parametrize("call", [(planning, "promotion"), (Deployer, "run")], ids=["plan", "run"])
def test_every_error_has_its_code_and_one_clear_message(
    line: Line, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int, call: tuple[object, str]
) -> None:
    fail(monkeypatch, *call, error)
    result = line("promote", "v1.2.0", *SIM, "--yes")
    assert result.exit_code == code
    assert str(error) in result.stderr
    assert "Traceback" not in result.output
    result, documents = line.json("promote", "v1.2.0", *SIM, "--yes")
    assert result.exit_code == code
    assert documents[-1]["event"] == "error"
    assert documents[-1]["exit_code"] == code


def fail(monkeypatch: pytest.MonkeyPatch, owner: object, call: str, error: Exception) -> None:
    """Let a part of the real engine raise what no simulated cloud produces."""

    def broken(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(owner, call, broken)


def test_a_bug_is_short_and_debug_shows_where(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    fail(monkeypatch, Deployer, "run", KeyError("a bug"))
    short = line("promote", "v1.2.0", *SIM, "--yes")
    assert short.stderr.endswith("Error: unexpected error: KeyError: 'a bug'\nNext: repeat with --debug\n")
    assert "Traceback" not in short.stderr
    assert "Traceback" in line("promote", "v1.2.0", *SIM, "--yes", "--debug").stderr


def test_doctor(line: Line, served: World, monkeypatch: pytest.MonkeyPatch) -> None:
    result, (document,) = line.json("doctor", *SIM)
    assert result.exit_code == 3
    assert [c["check"] for c in document["checks"]][:4] == [
        "policy",
        "contract",
        "boot budget",
        "smoke tests",
    ]
    assert [c["words"] for c in document["checks"] if c["ok"] is False] == [
        "ramp 10 / 50 / 100, but no key function is probed"
    ]
    monkeypatch.setattr(served, "policy", parse_policy(POLICY + KEY, stack="sim", source="deploy.toml"))
    good = line("doctor", *SIM)
    assert good.exit_code == 0, good.output
    assert "1, ramp 10 / 50 / 100" in good.stdout


def test_json_lines_are_utf8_and_hold_no_colors(line: Line) -> None:
    result = line("history", "1", *SIM, "--output", "json")
    assert "\x1b" not in result.stdout
    assert all(json.loads(text) for text in result.stdout.splitlines())


def test_a_watched_status_that_is_piped_is_shown_again_and_again(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            raise Interrupted("stopped")

    monkeypatch.setattr("bluegreen.commands.status.time.sleep", sleep)
    result, documents = line.json("status", *SIM, "--watch", "--interval", "7")
    assert result.exit_code == 130
    assert pauses == [7.0, 7.0]
    assert [document.get("stack") for document in documents[:2]] == ["sim", "sim"]
