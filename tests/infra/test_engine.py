"""The real engine against an AWS emulator; see docs/infrastructure.md, "With the engine".

AWS_ENDPOINT_URL=http://127.0.0.1:4566 pytest -m engine tests/infra/test_engine.py
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from bluegreen.contract import parse_contract
from tools.recording import REPOSITORY, SECRETS, settings_of

ENDPOINT = os.environ.get("AWS_ENDPOINT_URL", "")
pytestmark = [
    pytest.mark.engine,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(shutil.which("pulumi") is None, reason="no pulumi binary on PATH"),
    pytest.mark.skipif(
        not ENDPOINT.startswith("http://127.0.0.1:"), reason="AWS_ENDPOINT_URL names no emulator on 127.0.0.1"
    ),
]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dev stack in a copy, with state in files and the emulator's account."""
    place = tmp_path_factory.mktemp("project")
    shutil.copytree(REPOSITORY / "infra", place / "infra", ignore=shutil.ignore_patterns("__pycache__"))
    project = yaml.safe_load((REPOSITORY / "Pulumi.yaml").read_text(encoding="utf-8"))
    project["runtime"] = {"name": "python", "options": {"virtualenv": str(REPOSITORY / ".venv")}}
    project["backend"] = {"url": f"file://{place}/state"}
    (place / "state").mkdir()
    (place / "Pulumi.yaml").write_text(yaml.safe_dump(project), encoding="utf-8")
    settings = settings_of("dev") | {"account_id": "000000000000"}
    config = {"sportcoach:settings": settings, "pulumi:disable-default-providers": ["aws"]}
    (place / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": config}), encoding="utf-8")
    pulumi(place, "stack", "init", "dev")
    pulumi(place, "config", "set", "--secret", "databasePassword", SECRETS["databasePassword"])
    return place


def pulumi(place: Path, *arguments: str) -> str:
    environment = {
        **os.environ,
        "PULUMI_CONFIG_PASSPHRASE": "for this test",
        "AWS_ACCESS_KEY_ID": "emulator",
        "AWS_SECRET_ACCESS_KEY": "emulator",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
    done = subprocess.run(
        ["pulumi", "--non-interactive", *arguments],
        cwd=place, env=environment, capture_output=True, text=True, check=False, timeout=1500,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def test_preview_then_up_then_no_change(project: Path) -> None:
    pulumi(project, "preview", "--stack", "dev")
    pulumi(project, "up", "--yes", "--stack", "dev")
    outputs: dict[str, Any] = json.loads(pulumi(project, "stack", "output", "--json", "--stack", "dev"))
    assert parse_contract(json.dumps(outputs["contract"]), source="stack output").stack == "dev"
    pulumi(project, "up", "--yes", "--expect-no-changes", "--stack", "dev")
