from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bluegreen.commands import _connect
from bluegreen.commands._options import Settings
from bluegreen.domain.plan import StepKind
from bluegreen.engine.deployer import Deployer
from cli import app
from tests.world import World

SIM = ("--stack", "sim")
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
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """No stack may be opened."""

    def open_stack(*_: Any, **__: Any) -> _connect.Stack:
        raise AssertionError("AWS was asked")

    monkeypatch.setattr(_connect, "open_stack", open_stack)


@contextmanager
def behind(world: World) -> Iterator[list[Deployer]]:
    """The verbs work on `world`; the deployers that they open, newest last."""
    opened: list[Deployer] = []

    def open_stack(_settings: Settings, subscribers: Sequence[Any] = ()) -> _connect.Stack:
        deployer = world.deployer("anna@desk:1", subscribers)
        opened.append(deployer)
        return _connect.Stack(
            contract=world.contract,
            policy=world.policy,
            ports=deployer._ports,  # one world of both, as the product has it
            deployer=deployer,
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_connect, "open_stack", open_stack)
        patch.setattr(_connect, "open_contract", lambda _settings: world.contract)
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield opened
    time.tzset()


@pytest.fixture
def world() -> Iterator[World]:
    """An empty stack named `sim` behind the verbs."""
    made = World()
    with behind(made):
        yield made


@pytest.fixture
def unfinished(line: Line) -> Iterator[World]:
    """v1.0.0 serves, and the promotion of v1.1.0 was interrupted at its first weight."""
    made = World()
    with behind(made) as opened:
        assert line("promote", "v1.0.0", *SIM, "--yes").exit_code == 0
        made.load()
        made.clock.sleep(5)

        def stop() -> None:
            opened[-1].interrupt()

        made.after_first(StepKind.WEIGHTS, stop)
        assert line("promote", "v1.1.0", *SIM, "--yes").exit_code == 130
        made.entries.clear()
        yield made
