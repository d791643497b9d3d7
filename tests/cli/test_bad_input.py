"""Input that cannot be used: one message that names every fault, exit code 2, and nothing is asked of AWS."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

from tests.cli.conftest import Line
from tests.ui.samples import contract

LAB = ("--stack", "lab")


@pytest.fixture
def contract_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AWS_REGION", "ap-northeast-1")
    path = tmp_path / "contract.json"
    path.write_text(contract().to_json())
    return path


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("promote", "v1.0.0", *LAB, "--speedy"), "No such option: --speedy"),
        (("promot", "v1.0.0"), "No such command 'promot'"),
        (("promote", *LAB), "Missing argument 'VERSION'"),
        (("promote", "v1.0.0"), "SC_DEPLOY_STACK"),
        (("status", *LAB, "--output", "yaml"), "'yaml' is not one of 'human', 'json'"),
        (("history", "zero", *LAB), "should be a valid integer"),
        (("history", "0", *LAB), "greater than or equal to 1"),
        (("resume", "1", "2", *LAB), "unexpected extra argument"),
        (("plan", "", *LAB), "'' cannot be an image tag"),
        (("promote", "v1/../x", *LAB), "cannot be an image tag"),
        (("promote", "v" * 129, *LAB), "cannot be an image tag"),
    ],
)
@pytest.mark.usefixtures("nobody")
def test_words_that_are_no_command(line: Line, words: tuple[str, ...], said: str) -> None:
    result = line(*words)
    assert result.exit_code == 2
    assert said in result.stderr
    if "yaml" not in words:
        again, documents = line.json(*words)
        assert again.exit_code == 2
        [told] = documents
        assert (told["event"], told["exit_code"]) == ("error", 2)
        assert said in told["words"]


@pytest.mark.usefixtures("nobody")
@pytest.mark.parametrize("verb", ["plan", "promote"])
def test_tiers_that_do_not_exist(line: Line, verb: str) -> None:
    result = line(verb, "v1.0.0", *LAB, "--tiers", "ai,db,cache")
    assert result.exit_code == 2
    assert "unknown tier 'db'" in result.stderr
    assert "unknown tier 'cache' (allowed: web, app, ai)" in result.stderr


@pytest.mark.usefixtures("nobody")
def test_what_nobody_can_accept(line: Line) -> None:
    """Every fault at once, and the reason is asked for too."""
    result = line(
        "resume", *LAB, "--accept", "speed:app", "--accept", "availability:ai", "--accept", "errors:db"
    )
    assert result.exit_code == 2
    for fault in ("'speed:app'", "'availability:ai'", "'errors:db'", "--reason"):
        assert fault in result.stderr
    assert "one of errors, latency, accuracy, a colon" in " ".join(result.stderr.split())


def test_all_faults_of_a_policy_at_once(line: Line, tmp_path: Path) -> None:
    (tmp_path / "deploy.toml").write_text(
        '[rollout]\nramp = ["50%", "5%"]\nbake = 300\n[judge]\nerror_limit = 1\n[surprise]\nx = 1\n'
    )
    result = line("promote", "v1.0.0", *LAB, "--yes")
    assert result.exit_code == 2
    for fault in ("rollout.bake", "judge.error_limit", "surprise", "deploy.toml cannot be used"):
        assert fault in result.stderr
    result, documents = line.json("promote", "v1.0.0", *LAB, "--yes")
    assert len(documents) == 1
    assert len(documents[0]["faults"]) >= 3


def test_a_policy_that_is_no_toml(line: Line, tmp_path: Path) -> None:
    (tmp_path / "deploy.toml").write_text("rollout = [")
    result = line("plan", "v1.0.0", *LAB)
    assert result.exit_code == 2
    assert "deploy.toml is not TOML" in result.stderr


def test_a_policy_that_was_named_must_exist(line: Line) -> None:
    result = line("plan", "v1.0.0", *LAB, "--policy", "none.toml")
    assert result.exit_code == 2
    assert "cannot read none.toml" in result.stderr


def test_a_policy_in_another_encoding_is_no_bug(line: Line, tmp_path: Path) -> None:
    policy = tmp_path / "latin.toml"
    policy.write_bytes(b"\xff\xfe[rollout]")
    result = line("plan", "v1.0.0", *LAB, "--policy", str(policy))
    assert result.exit_code == 2
    assert "latin.toml: it is not UTF-8 text" in result.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "cannot read the contract"),
        ("{", "is not JSON"),
        ("[]", "is not a JSON object"),
        ('{"schema_version": 7}', "schema version 7; this sc-deploy reads 1"),
        ('{"schema_version": 1, "stack": "LAB"}', "cannot be used"),
        (contract("other").to_json(), "is the contract of stack other, not of lab"),
    ],
)
def test_a_contract_that_cannot_be_used(line: Line, contract_file: Path, text: str | None, said: str) -> None:
    contract_file.unlink() if text is None else contract_file.write_text(text)
    result = line("promote", "v1.0.0", *LAB, "--contract", str(contract_file), "--yes")
    assert result.exit_code == 2
    assert said in result.stderr


def test_every_fault_of_a_contract_is_named(line: Line, contract_file: Path) -> None:
    document = json.loads(contract_file.read_text())
    document["vpc_id"] = "none"
    document["tiers"][0]["port"] = 99_999
    contract_file.write_text(json.dumps(document))
    result = line("plan", "v1.0.0", *LAB, "--contract", str(contract_file))
    assert result.exit_code == 2
    assert "vpc_id" in result.stderr
    assert "port" in result.stderr


def test_a_wrong_region(line: Line, contract_file: Path) -> None:
    words = ("plan", "v1.0.0", *LAB, "--contract", str(contract_file), "--region", "eu-west-1")
    result = line(*words)
    assert result.exit_code == 2
    assert "AWS_REGION=ap-northeast-1" in result.stderr


def test_no_region(line: Line, contract_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    result = line("plan", "v1.0.0", *LAB, "--contract", str(contract_file))
    assert result.exit_code == 2
    assert "no AWS region is set" in result.stderr


@pytest.mark.parametrize("words", [("plan", "v1.0.0"), ("status",), ("promote", "v1.0.0", "--yes")])
def test_no_credentials(
    line: Line, contract_file: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    result = line(*words, *LAB, "--contract", str(contract_file))
    assert result.exit_code == 2
    assert "Unable to locate credentials" in result.stderr
    assert "Next: log in again (`aws sso login`" in result.stderr
    assert result.stderr.count("Error: ") == 1


def test_doctor_names_the_faults_of_both_documents(line: Line, contract_file: Path, tmp_path: Path) -> None:
    (tmp_path / "deploy.toml").write_text("[rollout]\nbake = 300\n")
    contract_file.write_text("{")
    result = line("doctor", *LAB, "--contract", str(contract_file))
    assert result.exit_code == 2
    assert "rollout.bake" in result.stdout
    assert "is not JSON" in result.stdout


@pytest.mark.parametrize("option", ["--policy", "--contract"])
def test_a_command_ends_with_2_at_once(line: Line, tmp_path: Path, option: str) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    ended = threading.Event()

    def unblock() -> None:
        # Should a reader hang, the test fails instead of hanging as well.
        if not ended.wait(5.0):
            os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))

    watch = threading.Thread(target=unblock, daemon=True)
    watch.start()
    result = line("plan", "v1.0.0", "--stack", "lab", "--region", "ap-northeast-1", option, str(pipe))
    ended.set()
    assert result.exit_code == 2
    assert "it is a pipe" in result.stderr
