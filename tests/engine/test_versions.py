"""A release is named vX.Y.Z unless somebody allows another name (P6)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bluegreen.engine.planning import promotion
from bluegreen.errors import ExitCode, Refused
from bluegreen.policy import parse_policy
from bluegreen.ports import Ports
from tests.world import POLICY, World
from tools.recording import REPOSITORY


class Nothing:
    """A port that may not be asked."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"{name} was asked")


def unasked(world: World) -> Ports:
    nothing = Nothing()
    return replace(world.ports(), images=nothing, journal=nothing, fleets=nothing)  # type: ignore[arg-type]  # asked for nothing


def test_another_name_is_refused_before_aws_is_asked() -> None:
    world = World()
    with pytest.raises(Refused) as caught:
        promotion(world.contract, world.policy, unasked(world), version="feature-login")
    assert caught.value.exit_code is ExitCode.REFUSED
    assert "'feature-login' is not a release version: vX.Y.Z" in caught.value.what
    assert "--any-version" in caught.value.next_step
    assert "[versions]" in caught.value.next_step


def test_it_is_looked_for_where_somebody_allows_it() -> None:
    """The registry has no such image: that is the next thing that is wrong."""
    world = World()
    with pytest.raises(Refused, match="no image tagged feature-login"):
        promotion(world.contract, world.policy, world.ports(), version="feature-login", any_version=True)
    lenient = parse_policy(f'{POLICY}\n[versions]\nform = "any"\n', stack="sim", source="deploy.toml")
    with pytest.raises(Refused, match="no image tagged feature-login"):
        promotion(world.contract, lenient, world.ports(), version="feature-login")


@pytest.mark.parametrize(("stack", "form"), [("dev", "any"), ("test", "release"), ("prod", "release")])
def test_the_shipped_policy_is_strict_but_for_dev(stack: str, form: str) -> None:
    text = (REPOSITORY / "deploy.toml").read_text(encoding="utf-8")
    assert parse_policy(text, stack=stack, source="deploy.toml").versions.form == form
