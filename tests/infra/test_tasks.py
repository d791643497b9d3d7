"""The SSM document of tasks: one fixed command, and no parameter that says anything else."""

from __future__ import annotations

import json
import re

import pytest

from bluegreen.contract import run_document
from tools.recording import Recording, settings_of

DIGEST = "a" * 64


def document(stack: Recording) -> dict[str, dict[str, dict[str, str]]]:
    (found,) = stack.of("aws:ssm/document:Document")
    assert found.inputs["name"] == run_document(stack.stack)
    content: dict[str, dict[str, dict[str, str]]] = json.loads(found.inputs["content"])
    return content


def takes(stack: Recording, name: str, value: str) -> bool:
    return re.search(document(stack)["parameters"][name]["allowedPattern"], value) is not None


def test_it_runs_the_command_of_the_host(stack: Recording) -> None:
    (step,) = document(stack)["mainSteps"]
    assert step["inputs"]["runCommand"] == [  # type: ignore[index]  # a list of steps
        "exec /usr/local/bin/sportcoach-run {{ image }} -- {{ command }}"
    ]


def test_it_runs_images_of_the_stacks_own_repositories(stack: Recording) -> None:
    settings = settings_of(stack.stack)
    registry = f"{settings['account_id']}.dkr.ecr.{settings['region']}.amazonaws.com"
    assert takes(stack, "image", f"{registry}/sportcoach-platform@sha256:{DIGEST}")
    for foreign in (
        f"{registry}/other@sha256:{DIGEST}",
        f"{registry}/sportcoach-platform:latest",
        f"999999999999{registry[12:]}/sportcoach-platform@sha256:{DIGEST}",
        f"{registry.replace('.', 'x')}/sportcoach-platform@sha256:{DIGEST}",
        f"{registry}/sportcoach-platform@sha256:{DIGEST}; id",
        f"--privileged {registry}/sportcoach-platform@sha256:{DIGEST}",
    ):
        assert not takes(stack, "image", foreign), foreign


@pytest.mark.parametrize(
    "shell", ["true; id", "true && id", "true | sh", "$(id)", "`id`", "true > f", "-x", "a\nb", ""]
)
def test_no_command_reaches_a_shell(prod: Recording, shell: str) -> None:
    assert takes(prod, "command", "npm run migrate:prod -- --to=v1.2.0")
    assert not takes(prod, "command", shell)
