from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bluegreen.commands import _connect
from bluegreen.commands._options import Settings
from cli import app
from tests.cli.fake_deployer import FakeDeployer, FakeJournal, stack_of

AWS_VARIABLES = ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION", "NO_COLOR", "COLUMNS")


class Line:
    """The command line in process."""

    def __call__(self, *words: str, **more: Any) -> Result:
        return CliRunner().invoke(app, list(words), **more)

    def json(self, *words: str) -> tuple[Result, list[dict[str, Any]]]:
        """The result, and every line of stdout as a document."""
        result = self(*words, "--output", "json")
        return result, [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings of the person who runs the tests, and an empty directory."""
    for name in AWS_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name in ("STACK", "POLICY", "CONTRACT", "OUTPUT", "YES", "REGION", "OPERATOR"):
        monkeypatch.delenv(f"SC_DEPLOY_{name}", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def deployer(monkeypatch: pytest.MonkeyPatch) -> FakeDeployer:
    """The fake behind every verb of the test."""
    fake = FakeDeployer()
    monkeypatch.setattr(_connect, "open_stack", opening(fake))
    return fake


def opening(fake: FakeDeployer) -> Callable[..., _connect.Stack]:
    def open_stack(_settings: Settings, subscribers: Sequence[Any] = ()) -> _connect.Stack:
        return stack_of(fake, FakeJournal(fake.script), subscribers)

    return open_stack
