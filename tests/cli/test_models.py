"""`models` at the command line: stored, listed, shown, verified; bad input told at once (A1)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from bluegreen.commands import _connect
from tests.cli.conftest import SIM, Line
from tests.world import World

FACTS = ("--trained-at", "2026-11-20", "--trained-from", "s3://data/2026-11", "--metric", "accuracy=0.93")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An account with a models bucket, and a contract that names it."""
    document = World().contract.model_dump(mode="json")
    document["tiers"][0]["model"] = {"bucket": "models", "pointer_parameter": "/sportcoach/sim/model"}
    region = document["region"]
    contract = type(World().contract).model_validate(document)
    monkeypatch.setattr(_connect, "read_contract", lambda _settings, _session: contract)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_REGION", region)
    with mock_aws():
        boto3.client("s3", region_name=region).create_bucket(
            Bucket="models", CreateBucketConfiguration={"LocationConstraint": region}
        )
        boto3.client("ssm", region_name=region).put_parameter(
            Name="/sportcoach/sim/model", Value="v8", Type="String"
        )
        yield


@pytest.mark.usefixtures("bucket")
def test_push_list_show_verify(line: Line, tmp_path: Path) -> None:
    assert "there are no models" in line("models", "list", *SIM).stdout
    (tmp_path / "model.bin").write_bytes(b"weights")
    words = ("models", "push", "v8", "model.bin", *SIM, *FACTS, "--config", "epochs=20")
    done, (document,) = line.json(*words)
    assert (done.exit_code, document["state"]) == (0, "stored"), done.output
    assert document["manifest"]["metrics"] == {"accuracy": 0.93}
    again = line(*words)
    assert (again.exit_code, "model v8: stored already" in again.stdout) == (0, True)
    listed = line("models", "list", *SIM).stdout
    assert "v8 (current)" in listed
    assert "accuracy 0.93" in listed
    shown = line("models", "show", "v8", *SIM).stdout
    assert f"SHA-256       {document['manifest']['sha256']}" in shown
    assert "configuration epochs 20" in shown
    verified, (proof,) = line.json("models", "verify", "v8", *SIM)
    assert (verified.exit_code, proof["state"]) == (0, "verified")
    other = line(*words[:-1], "epochs=21")
    assert other.exit_code == 3
    assert "v8 exists with other content: configuration differ" in other.stderr
    _, (everything,) = line.json("models", "list", *SIM)
    assert (everything["current"], [one["version"] for one in everything["models"]]) == ("v8", ["v8"])


def test_every_fault_of_the_facts_at_once(line: Line, tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"weights")
    refused = line(
        *("models", "push", "../v8", "model.bin", *SIM, "--trained-at", "last week", "--trained-from", " "),
        *("--metric", "accuracy=high", "--metric", "loss=nan", "--config", "epochs"),
    )
    assert refused.exit_code == 2
    for part in (
        "VERSION '../v8'",
        "'last week'",
        "--trained-from is empty",
        "'accuracy=high'",
        "'loss=nan'",
    ):
        assert part in refused.stderr
    assert "--config 'epochs'" in refused.stderr
    missing = line("models", "push", "v8", "nothing.bin", *SIM, *FACTS)
    assert (missing.exit_code, "cannot read the model nothing.bin" in missing.stderr) == (2, True)


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize("verb", ["show", "verify"])
def test_a_model_that_is_not_there(line: Line, verb: str) -> None:
    refused = line("models", verb, "v9", *SIM)
    assert refused.exit_code == 3
    assert "there is no model v9 in s3://models/models/" in refused.stderr
