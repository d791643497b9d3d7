"""The real engine against an AWS emulator: `make engine`; see docs/infrastructure.md, "With the engine".

Account and machine image are the emulator's: SPORTCOACH_ENGINE_ACCOUNT (default 000000000000) and
SPORTCOACH_ENGINE_IMAGE, the id of an image that it has.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from bluegreen.contract import parse_contract
from tools.recording import REPOSITORY, SECRETS, settings_of

ENDPOINT = os.environ.get("AWS_ENDPOINT_URL", "")
ACCOUNT = os.environ.get("SPORTCOACH_ENGINE_ACCOUNT", "000000000000")
IMAGE = os.environ.get("SPORTCOACH_ENGINE_IMAGE", "ami-0123456789abcdef0")
PUBLIC_PARAMETER = re.compile(r"/aws/service/canonical/[\w./-]+")
OWN_PARAMETER = "/sportcoach/engine/image"
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
    _own_image(place)
    settings = settings_of("dev") | {"account_id": ACCOUNT}
    config = {"sportcoach:settings": settings, "pulumi:disable-default-providers": ["aws"]}
    (place / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": config}), encoding="utf-8")
    pulumi(place, "stack", "init", "dev")
    for name in ("databasePassword", "databaseAppPassword"):
        pulumi(place, "config", "set", "--secret", name, SECRETS[name])
    return place


def _own_image(place: Path) -> None:
    """An emulator lacks the public parameters of images, and none may be written: the copy reads another."""
    for path in (place / "infra").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        path.write_text(PUBLIC_PARAMETER.sub(OWN_PARAMETER, text), encoding="utf-8")
    ssm = boto3.client(
        "ssm",
        endpoint_url=ENDPOINT,
        region_name=settings_of("dev")["region"],
        aws_access_key_id="emulator",
        aws_secret_access_key="emulator",  # an emulator's
    )
    ssm.put_parameter(Name=OWN_PARAMETER, Value=IMAGE, Type="String", Overwrite=True)


def pulumi(place: Path, *arguments: str, fails: bool = False) -> str:
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
    assert (done.returncode != 0) is fails, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout + (done.stderr if fails else "")


def test_preview_then_up_then_no_change(project: Path) -> None:
    pulumi(project, "preview", "--stack", "dev")
    pulumi(project, "up", "--yes", "--stack", "dev")
    outputs: dict[str, Any] = json.loads(pulumi(project, "stack", "output", "--json", "--stack", "dev"))
    assert parse_contract(json.dumps(outputs["contract"]), source="stack output").stack == "dev"
    pulumi(project, "up", "--yes", "--expect-no-changes", "--stack", "dev")


def test_bad_settings_are_told_without_a_traceback(project: Path) -> None:
    pulumi(project, "config", "set", "databasePasword", "x", "--stack", "dev")
    told = pulumi(project, "preview", "--stack", "dev", fails=True)
    pulumi(project, "config", "rm", "databasePasword", "--stack", "dev")
    assert "sportcoach:databasePasword: unknown key" in told
    assert "Traceback" not in told
